"""The native wire, one JSON object a line, for the server and for the client. Knows neither
sessions nor rooms: only how the structs of `requests` and `events` look as bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import accumulate, takewhile
from typing import Any, Literal, get_args

import msgspec

from trio_chat.errors import BadRequest, ProtocolError, TooLong
from trio_chat.events import Backlog, Event, Members
from trio_chat.requests import MAX_ID_CHARACTERS, Input, Request
from trio_chat.text import REPLACEMENT, clean_line, clean_text

PROTOCOL_VERSION = 1

# Line ends not counted.
MAX_CLIENT_LINE_BYTES = 16 * 1024
MAX_SERVER_LINE_BYTES = 64 * 1024

_ENCODER = msgspec.json.Encoder()
# To be given lists alone: of anything else msgspec 0.22 leaks the iterator, 48 bytes a call.
_encode_lines = _ENCODER.encode_lines
_decode_request: Callable[[bytes], Request] = msgspec.json.Decoder(Request).decode
_decode_event: Callable[[bytes], Event] = msgspec.json.Decoder(Event).decode
_REQUEST_TYPES = tuple(str(struct.__struct_config__.tag) for struct in get_args(Request))
_EVENT_TYPES = tuple(str(struct.__struct_config__.tag) for struct in get_args(Event))

_SURROGATE = re.compile("[\ud800-\udfff]")
# Whole escapes, so that an escaped backslash before a "u" is left alone.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class NativeWire:
    """The server's side: satisfies `trio_chat.wire.Wire`. It has no state."""

    flavour = "native"
    line_limit_bytes = MAX_CLIENT_LINE_BYTES
    resumable = True

    def decode(self, line: bytes) -> Request | None:
        """See `Wire.decode`. The text of an `input` comes out clean: see `text.clean_text`.

        Raises:
            ProtocolError: `bad_json` or `unknown_type`, with the request's id if it has one.
            BadRequest: a field does not fit, with the request's id if it has one.
        """
        try:
            if not line.isascii():
                line.decode()  # what the decoder skips must be UTF-8, too
            request = _decode_request(line)
        except (ValueError, RecursionError) as exc:
            if not line.strip():
                return None
            return self._decode_again(line, exc)
        if type(request) is Input:
            text = clean_text(request.text)
            if text is not request.text:
                return msgspec.structs.replace(request, text=text)
        return request

    def _decode_again(self, line: bytes, exc: Exception) -> Request | None:
        mended = _mend_surrogates(line)
        if mended != line:
            return self.decode(mended)
        code, message, id = _fault(line, exc, _REQUEST_TYPES)
        if code == BadRequest.code:
            raise BadRequest(message, id=id) from None
        raise ProtocolError(code, message, id=id) from None

    def encode(self, event: Event) -> bytes:
        """One line. Of `Members` it shows as many as fit; a `Backlog` that does not fit becomes
        several lines (see `split_backlog`), so a page must fit: see `fit_backlog`."""
        line = _encode(event)
        if len(line) - 1 <= MAX_SERVER_LINE_BYTES:
            return line
        if isinstance(event, Members):
            return _encode(_fit_members(event))
        if isinstance(event, Backlog):
            return b"".join(map(_encode, split_backlog(event)))
        return line

    def encode_shared(self, events: Sequence[Event]) -> bytes:
        try:
            return _encode_lines(list(events))
        except UnicodeEncodeError:
            return b"".join(map(_encode, events))


def encode_request(request: Request) -> bytes:
    """Return the line, with its end, that asks a server for *request*.

    Raises:
        TooLong: no server would take a line of that length.
    """
    line = _encode(request)
    if len(line) - 1 > MAX_CLIENT_LINE_BYTES:
        raise TooLong(f"that is too much for one line: at most {MAX_CLIENT_LINE_BYTES} bytes")
    return line


def decode_event(line: bytes) -> Event:
    """Return the event that *line*, a server's line without its end, holds.

    Raises:
        ProtocolError: `bad_json`; `unknown_type`, which a newer server may well send; or
            `bad_request` for a known type whose fields do not fit.
    """
    try:
        if not line.isascii():
            line.decode()
        return _decode_event(line)
    except (ValueError, RecursionError) as exc:
        code, message, id = _fault(line, exc, _EVENT_TYPES)
        raise ProtocolError(code, message, id=id) from None


# --- keeping lines below MAX_SERVER_LINE_BYTES


def fits(event: Event) -> bool:
    """Whether *event* can be sent as one line."""
    return len(_encode(event)) - 1 <= MAX_SERVER_LINE_BYTES


def fit_backlog(backlog: Backlog, keep: Literal["oldest", "newest"]) -> Backlog:
    """Return *backlog*, or as many of its oldest or newest events as one line can hold, with
    `more` set. For a page `before` a seq keep the newest, for one `after` it the oldest."""
    if fits(backlog):
        return backlog
    bare = msgspec.structs.replace(backlog, events=(), more=True)
    events = backlog.events
    if keep == "oldest":
        return msgspec.structs.replace(bare, events=events[: _prefix(bare, events)])
    return msgspec.structs.replace(bare, events=events[-_prefix(bare, events[::-1]) :])


def split_backlog(backlog: Backlog) -> list[Backlog]:
    """Cut *backlog* into pieces, oldest first, that fit in one line each. All but the last say
    that there is more; the last says what *backlog* said."""
    bare = msgspec.structs.replace(backlog, events=(), more=True)
    pieces, events = [], backlog.events
    while True:
        count = _prefix(bare, events)
        pieces.append(msgspec.structs.replace(bare, events=events[:count]))
        events = events[count:]
        if not events:
            return [*pieces[:-1], msgspec.structs.replace(pieces[-1], more=backlog.more)]


def _fit_members(members: Members) -> Members:
    bare = msgspec.structs.replace(members, members=())
    shown = members.members[: _prefix(bare, members.members)]
    return msgspec.structs.replace(members, members=shown)


def _prefix(bare: Event, items: Sequence[msgspec.Struct]) -> int:
    """How many of *items*, but at least one, fit in one line with *bare*."""
    free_bytes = MAX_SERVER_LINE_BYTES - len(_encode(bare))
    # The LF that each item is encoded with stands for its comma.
    ends = accumulate(len(_encode(item)) for item in items)
    return max(1, sum(1 for _ in takewhile(lambda end: end <= free_bytes, ends)))


# --- bytes


def _encode(struct: Any) -> bytes:
    try:
        return _encode_lines([struct])
    except UnicodeEncodeError:
        return _encode_lines([_without_surrogates(msgspec.to_builtins(struct))])


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub(REPLACEMENT, value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value


def _mend_surrogates(line: bytes) -> bytes:
    """Replace the escapes of lone surrogates, which JSON can spell and no text can hold."""
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match["lone"] else match[0], line)


# --- what was wrong with a line


class _Head(msgspec.Struct):
    """As much of a line as may still make sense."""

    type: msgspec.Raw = msgspec.Raw()
    id: msgspec.Raw = msgspec.Raw()


_decode_head = msgspec.json.Decoder(_Head).decode


def _fault(line: bytes, exc: Exception, types: Sequence[str]) -> tuple[str, str, str | None]:
    """Tell why *line* raised *exc*: a code, a message, and the id if the line has a valid one."""
    try:
        line.decode()
        head = _decode_head(line)
    except (ValueError, RecursionError):
        return "bad_json", "that line is no JSON object in UTF-8", None
    id, kind = _string(head.id), _string(head.type)
    if id is not None and len(id) > MAX_ID_CHARACTERS:
        id = None
    if kind not in types:
        shown = "no type" if kind is None else f"the unknown type {clean_line(kind[:32])!r}"
        return "unknown_type", f"{shown}; the types are {', '.join(types)}", id
    reason, _, path = str(exc).partition(" - at ")
    field = path.strip("`$.")
    where = f"{kind}: {field}" if field else kind
    return "bad_request", f"{where}: {reason[:1].lower()}{reason[1:]}", id


def _string(raw: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(raw, type=str)
    except ValueError:
        return None
