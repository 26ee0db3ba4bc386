"""The native wire, one JSON object a line, for the server and for the client. Knows neither
sessions nor rooms: only how the structs of `requests` and `events` look as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import get_args

import msgspec

from trio_chat.errors import BadRequest, ProtocolError, TooLong
from trio_chat.events import Backlog, Event, Left, Members, Quit, Shown
from trio_chat.requests import MAX_ID_CHARACTERS, Input, Request
from trio_chat.text import clean_line, clean_text
from trio_chat.wire import Fault, Received, counting_blanks
from trio_chat.wire.fitting import MAX_SERVER_LINE_BYTES, fit_members, split_backlog
from trio_chat.wire.json_lines import encode_line, encode_lines, mend_surrogates
from trio_chat.wire.lines import LineBuffer, Overlong

PROTOCOL_VERSION = 1

MAX_CLIENT_LINE_BYTES = 16 * 1024  # its end not counted

_decode_request: Callable[[bytes], Request] = msgspec.json.Decoder(Request).decode
_decode_event: Callable[[bytes], Event] = msgspec.json.Decoder(Event).decode
_REQUEST_TYPES = tuple(str(struct.__struct_config__.tag) for struct in get_args(Request))
_EVENT_TYPES = tuple(str(struct.__struct_config__.tag) for struct in get_args(Event))
# These are not always one line each, or not with all that they hold.
_CUT = frozenset({Backlog, Members, Quit})


class NativeWire:
    """The server's side: satisfies `trio_chat.wire.Wire`. Beside its unfinished line it has no
    state."""

    __slots__ = ("_lines",)

    flavour = "native"
    resumable = True

    def __init__(self) -> None:
        self._lines = LineBuffer(MAX_CLIENT_LINE_BYTES)

    def receive(self, chunk: bytes) -> Iterator[Received]:
        """See `Wire.receive`. The text of an `input` comes out clean: see `text.clean_text`."""
        return counting_blanks(map(read_line, self._lines.feed(chunk)))

    def end(self) -> Iterator[Received]:
        item = read_line(self._lines.rest())
        if item is not None:
            yield item

    def show(self, event: Shown) -> bytes:
        return encode_event(event)

    def show_shared(self, events: Sequence[Shown]) -> bytes:
        for event in events:
            if type(event) in _CUT:
                return b"".join(map(encode_event, events))
        return encode_lines(list(events))


# --- the server's side


def read_line(line: bytes | Overlong) -> Request | Fault | None:
    """Return the request that a client's *line*, without its end, holds; None: it is empty."""
    if type(line) is Overlong:
        return Fault("too_long", f"a line has at most {line.limit_bytes} bytes")
    try:
        if not line.isascii():
            line.decode()  # what the decoder skips must be UTF-8, too
        request = _decode_request(line)
    except (ValueError, RecursionError) as exc:
        return _read_again(line, exc) if line.strip() else None
    if type(request) is Input:
        text = clean_text(request.text)
        if text is not request.text:
            return msgspec.structs.replace(request, text=text)
    return request


def _read_again(line: bytes, exc: Exception) -> Request | Fault | None:
    mended = mend_surrogates(line)
    if mended != line:
        return read_line(mended)
    code, message, id = _amiss(line, exc, _REQUEST_TYPES)
    return Fault(code, message, id, counts=code != BadRequest.code)


def encode_event(event: Shown) -> bytes:
    """Return the line that shows *event*, with its end. Of `Members` it shows as many as fit; a
    `Backlog` that does not fit becomes several lines (see `split_backlog`), so a page must fit:
    see `fit_backlog`. A `Quit` is a `Left` in each room."""
    if isinstance(event, Quit):
        return encode_lines(
            [Left(room=room, nick=event.nick, reason=event.reason) for room in event.rooms]
        )
    line = encode_line(event)
    if len(line) - 1 <= MAX_SERVER_LINE_BYTES:
        return line
    if isinstance(event, Members):
        return encode_line(fit_members(event))
    if isinstance(event, Backlog):
        return encode_lines(split_backlog(event))
    return line


# --- the client's side


def encode_request(request: Request) -> bytes:
    """Return the line, with its end, that asks a server for *request*.

    Raises:
        TooLong: no server would take a line of that length.
    """
    line = encode_line(request)
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
        code, message, _ = _amiss(line, exc, _EVENT_TYPES)
        raise ProtocolError(code, message) from None


# --- what was wrong with a line


class _Head(msgspec.Struct):
    """As much of a line as may still make sense."""

    type: msgspec.Raw = msgspec.Raw()
    id: msgspec.Raw = msgspec.Raw()


_decode_head = msgspec.json.Decoder(_Head).decode


def _amiss(line: bytes, exc: Exception, types: Sequence[str]) -> tuple[str, str, str | None]:
    """Tell why *line* raised *exc*: a code, a message, and the id if the line has a valid one."""
    try:
        line.decode()
        head = _decode_head(line)
    except (ValueError, RecursionError):
        return "bad_json", "that line is no JSON object in UTF-8", None
    id, kind = _string(head.id), _string(head.type)
    if id is not None and not 0 < len(id) <= MAX_ID_CHARACTERS:
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
