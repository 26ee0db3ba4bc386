"""What a program does in a chat: it speaks, asks, and listens. `open_chat` makes it.

It stands on the same model and connection as the screens: lines are said exactly once, events are
seen exactly once, and a broken link is mended without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from weakref import WeakSet

import trio

from trio_chat.client.link.connection import Connection
from trio_chat.client.link.dial import Dial
from trio_chat.client.link.failures import Refused, Unreachable
from trio_chat.client.link.terms import Login
from trio_chat.client.program.answers import Answer, History, Part, Stored
from trio_chat.client.program.asking import PAGE_EVENTS, Asking, room_name
from trio_chat.client.program.live import News
from trio_chat.client.program.own import OwnNames
from trio_chat.client.program.replies import InputReply, Replies, chat_error
from trio_chat.client.program.stream import EventStream
from trio_chat.client.state.effects import Effect, Show
from trio_chat.client.state.model import Model
from trio_chat.client.state.room.line import bare_room
from trio_chat.errors import ConfigError, NotInRoom, ProtocolError, TrioChatError
from trio_chat.events import Event, MemberInfo, Said, Welcome
from trio_chat.text import fold


class ChatEnded(TrioChatError):
    """The chat is over: its block was left, or `/quit` was said."""


class Chat:
    """A program's presence on a server, as a person has one; made by `open_chat`.

    When the chat has ended, every method that waits raises what ended it: `ChatEnded`, `Refused`
    or `Unreachable`.
    """

    def __init__(
        self,
        model: Model,
        dial: Dial,
        *,
        address: str,
        login: Login,
        buffer_events: int,
        start_seconds: float,
        give_up_seconds: float,
        on_token: Callable[[str], None] | None,
    ) -> None:
        """*on_token* keeps the token of each session, which then outlives the chat; it raises
        ConfigError."""
        self._model = model
        self._connection = Connection(
            dial,
            model,
            address=address,
            login=login,
            start_seconds=start_seconds,
            give_up_seconds=give_up_seconds,
            on_effects=self._on_effects,
            keep_pace=self._keep_pace,
            on_status=self._on_status,
            sift=self._sift,
        )
        self._replies = Replies(model)
        self._news = News(model)
        self._own = OwnNames()
        self._buffer_events = buffer_events
        self._on_token = on_token
        self._streams: WeakSet[EventStream] = WeakSet()
        self._asking = Asking(model, self._connection, self._replies)

    # --- what is known without asking

    @property
    def nick(self) -> str:
        """The nick that the server has given us."""
        return self._model.rooms.nick

    @property
    def account(self) -> str | None:
        """The account we are logged in with; None for a guest."""
        return self._model.account

    @property
    def role(self) -> str:
        """Our role on the server: `guest`, `member`, `moderator`, `admin` or `owner`."""
        return self._model.role

    @property
    def limits(self) -> dict[str, int | float]:
        """The server's limits, as docs/protocol.md lists them for `welcome`."""
        return dict(self._model.limits)

    @property
    def rooms(self) -> tuple[str, ...]:
        """The rooms we are in, conversations left out."""
        rooms = self._model.rooms.by_name.values()
        return tuple(room.name for room in rooms if room.is_joined and not room.is_direct)

    def members(self, room: str) -> tuple[MemberInfo, ...]:
        """Return who is in *room*; of a large room only some, for the server tells no more.

        Raises:
            NotInRoom: we are not in it.
        """
        found = self._model.rooms.by_name.get(fold(room_name(room)))
        if found is None or not found.is_joined:
            raise NotInRoom(f"you are not in #{bare_room(room)}")
        return tuple(found.members.values())

    def is_own(self, event: Said) -> bool:
        """Return whether *event* is our own line: by the account, if both it and we have one, else
        by the nicks we had, as long as nobody else took them."""
        return self._own.is_own(event, self.account)

    # --- speaking

    async def say(self, room: str, text: str, *, id: str | None = None) -> Stored:
        """Say *text* in *room*, or to `@nick`; return when it is stored. A leading slash is said.

        Cancelled, it is said all the same, when the server can be reached.

        Args:
            id: names this line, in at most 64 characters. Said again with the same id within a
                day, by the same account or in the same session, also by another run of the
                program, it is not repeated, and the place of the first one is returned.

        Raises:
            ChatError: it was refused; see `trio_chat.errors` for the kinds. `Unavailable`: 1,000
                lines that were cancelled wait for the server already.
            ValueError: *room* or *id* cannot be one.
        """
        name = room_name(room)
        answer = await self._asking.ask(f"/{text}" if text.startswith("/") else text, name, id)
        return _stored(answer)

    async def command(self, text: str, *, room: str | None = None, id: str | None = None) -> Answer:
        """Run `/command ...` in *room*; None: where the server says. Return when it has happened.

        *id*: as for `say`. A command that only reads is run again; of one that has happened the
        answer comes without its data.

        Raises:
            ChatError: it was refused; `Unavailable` also where the link broke and nobody knows
                whether it happened.
            ValueError: *text* is no command, or *room* or *id* cannot be one.
        """
        if not text.startswith("/") or text.startswith("//"):
            raise ValueError(f"{text!r} is no command: it begins with one slash")
        answer = await self._asking.ask(text, None if room is None else room_name(room), id)
        parts = tuple(Part(result.data, result.text) for result in answer.results)
        data, said = parts[-1] if parts else (None, "")
        return Answer(data, said, Stored(*answer.where) if answer.where else None, parts)

    async def edit(self, room: str, seq: int, text: str, *, id: str | None = None) -> Stored:
        """Give the line *seq*, which is one's own, another text. Raises as `say` does."""
        return _stored(await self._asking.ask(f"/edit {seq} {text}", room_name(room), id))

    async def delete(
        self, room: str, seq: int, reason: str = "", *, id: str | None = None
    ) -> Stored:
        """Take the line *seq* back, as a moderator also that of others. Raises as `say` does."""
        text = f"/delete {seq} {reason}".rstrip()
        return _stored(await self._asking.ask(text, room_name(room), id))

    async def join(self, room: str, key: str = "") -> None:
        """Enter *room*, which is made if there is none; nothing happens if we are in it.

        Raises:
            ChatError: it was refused, for example `Banned`.
            ValueError: *room* cannot be one.
        """
        name = room_name(room)
        known = self._model.rooms.by_name.get(fold(name))
        if known is None or not known.is_joined:
            await self.command(f"/join {name} {key}".rstrip())

    # --- listening

    async def history(
        self,
        room: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = PAGE_EVENTS,
    ) -> History:
        """Return the newest events of *room*, or the newest before the seq *before*, or the oldest
        after the seq *after*.

        There may be fewer than *limit* though there are more: the server says how many it gives
        at once, and a page has to fit in a line.

        Raises:
            ChatError: it was refused.
            ValueError: *room* cannot be one, *limit* is below 1, or both ends were given.
        """
        if before is not None and after is not None:
            raise ValueError("history takes before= or after=, not both")
        if limit < 1:
            raise ValueError(f"limit={limit}: a page has at least 1 event")
        return await self._asking.page(room_name(room), before=before, after=after, limit=limit)

    def events(self, *, since: Mapping[str, int] | None = None) -> EventStream:
        """Return what happens from now on in the rooms one is in, also over broken links: what was
        said meanwhile comes late, but comes, once, and in order. One's own words are among it.

        Each call gives a stream of its own, for one task. It has to be read, or closed: at most
        *buffer_events*, and what the last read brought (64 KiB), wait in it. When they do, the
        server is not read from, and nothing is lost. Only while the program awaits an answer it
        is: then twice as many may wait, and in place of what comes beyond that the stream raises
        `EventsLost`.

        Args:
            since: room -> seq. Of these rooms it gives what comes after that seq: first what is
                stored, then what happens, without a hole or a double, and never `EventsLost`. One
                has to be in the rooms. Seq 0 is everything.
        """
        cursors = {room_name(room): seq for room, seq in (since or {}).items()}
        asking = self._asking
        stream = EventStream(
            self._buffer_events, asking.wake, since=cursors, read_after=asking.read_after
        )
        if asking.end is not None:
            stream.end(asking.end)
        self._streams.add(stream)
        return stream

    # --- for `open_chat`

    async def keep_link(self, scope: trio.CancelScope) -> None:
        """Keep the link until the chat has ended, and cancel *scope* then."""
        # `leave` ends this; it has its own deadline.
        with trio.CancelScope(shield=True):
            try:
                await self._connection.run()
            except Refused as exc:
                self._finish(chat_error(exc.error) if exc.error else exc)
            except Unreachable as exc:
                self._finish(exc)
            finally:
                self._finish(ChatEnded("the chat has ended"))
        scope.cancel()

    def _finish(self, error: TrioChatError) -> None:
        """Whoever waits, or asks from now on, gets *error*, or the one before it."""
        if self._asking.end is None:
            self._asking.finish(error)
            for stream in tuple(self._streams):
                stream.end(error)

    def leave(self) -> None:
        """End the link, by `/quit` unless the session is kept; `keep_link` ends soon after."""
        if self._on_token is None:
            self._connection.leave()
        else:
            self._connection.hang_up()

    @property
    def failure(self) -> TrioChatError | None:
        """What has ended the chat against the program's will."""
        return None if isinstance(self._asking.end, ChatEnded) else self._asking.end

    async def wait_online(self) -> None:
        """See `Asking.wait_online`."""
        await self._asking.wait_online()

    # --- between the connection and the program

    async def _keep_pace(self) -> None:
        """Do not read what the program cannot take, unless it waits for what comes after that."""
        while not self._replies and any(stream.is_full for stream in self._streams):
            await self._asking.wait_changed()
        await trio.lowlevel.checkpoint()

    def _sift(self, events: list[Event]) -> list[Event]:
        passed = self._replies.sift(events)
        for event in passed:
            if isinstance(event, Welcome) and event.session:
                self._keep_token(event.session)
        self._news.note(passed)
        return passed

    def _keep_token(self, token: str) -> None:
        """A program that believes its session is kept has to know that it is not."""
        try:
            if self._on_token is not None:
                self._on_token(token)
        except ConfigError as exc:
            self._finish(exc)
            self.leave()

    def _on_effects(self, effects: Sequence[Effect]) -> None:
        shown = [effect.event for effect in effects if isinstance(effect, Show)]
        self._replies.shown(shown)
        self._own.note(shown, self.nick)
        fresh = self._news.fresh(shown)
        for stream in tuple(self._streams):
            stream.put(fresh)
        self._asking.wake()

    def _on_status(self) -> None:
        if self._connection.status.state != "online":
            self._replies.link_lost()
        self._asking.wake()


def _stored(answer: InputReply) -> Stored:
    if answer.where is None:
        raise ProtocolError("bad_request", "the server does not say where it was stored")
    return Stored(*answer.where)
