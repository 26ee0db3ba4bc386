"""What administration asks of the server as a process: satisfies
`commands.context.Process`."""

from __future__ import annotations

import resource
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from trio_chat.commands.context import Backup, ConnectionRow, Stats
from trio_chat.config import Config, with_live
from trio_chat.errors import BadRequest, ConfigError, NotPermitted, Unavailable
from trio_chat.server.countdown import Countdown
from trio_chat.server.hub import logins
from trio_chat.server.restore import check_auto_join

if TYPE_CHECKING:
    from trio_chat.server.delivery.session import Session
    from trio_chat.server.service import Service

_TELL_SECONDS = 10.0
_BACKUPS, _DATABASE = "backups", "trio-chat.db"


class Operations:
    """See `commands.context.Process`.

    Attributes:
        farewell: what everybody is told when the server stops.
    """

    def __init__(
        self, service: Service, stop: trio.Event | None, load_config: Callable[[], Config] | None
    ) -> None:
        self._service = service
        self._stop = trio.Event() if stop is None else stop
        self._load_config = load_config
        self._backing_up = False
        self._countdown = Countdown(service.deadlines, service.performer.announce)
        self.farewell = "the server is shutting down"

    # --- the configuration

    def apply(self, config: Config) -> None:
        """Every place that keeps a copy is told here; what was begun under the former values, a
        deadline or a link, ends under them."""
        service, old = self._service, self._service.config
        config = with_live(old, config)
        check_auto_join(config)
        service.settings.config = config
        service.state.directory.limits = config.limits
        service.logins.configure(config.accounts)
        service.state.default_motd = config.server.motd
        for session in service.sessions:
            session.outbox.limit_bytes = config.limits.outbox_bytes
        for member in (
            *service.state.directory.members.values(),
            *(seat.member for seat in service.seats),
        ):
            member.flood = member.queries = None
        for room in service.state.directory.rooms.values():
            room.keep_events(config.limits.backlog_events)

    async def read_config(self) -> Config:
        if self._load_config is None:
            raise ConfigError("this server was started without a configuration to read again")
        return await logins.in_thread(self._load_config, limiter=None)

    # --- figures

    def stats(self) -> Stats:
        service = self._service
        return Stats(
            connections=len(service.sessions),
            members=len(service.state.directory.members),
            accounts=len(service.state.accounts),
            rooms=len(service.state.directory.rooms),
            events=service.broadcaster.shown_events,
            uptime_seconds=(service.now_ms() - service.started_ms) // 1000,
            memory_bytes=_memory_bytes(),
        )

    def connections(self) -> list[ConnectionRow]:
        return [_row(session) for session in self._service.sessions]

    # --- a copy

    async def backup(self, tell: Callable[[str], None]) -> Backup:
        if self._service.config.store.memory:
            raise Unavailable("nothing is kept on disk here")
        if self._backing_up:
            raise NotPermitted("a backup is being made already")
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        folder = self._service.config.data_folder / _BACKUPS / f"trio-chat-{stamp}"
        self._backing_up = True
        self._tell_while_backing_up(tell)
        try:
            await _make(folder)
            return Backup(folder, await self._service.store.backup(folder / _DATABASE))
        finally:
            self._backing_up = False
            with suppress(OSError):  # it is not empty: all went well
                folder.rmdir()

    def _tell_while_backing_up(self, tell: Callable[[str], None]) -> None:
        def again() -> None:
            if self._backing_up:
                tell("the backup is being written ...")
                self._service.deadlines.after(_TELL_SECONDS, again)

        self._service.deadlines.after(_TELL_SECONDS, again)

    # --- what was said

    async def redact(self, account: str) -> int:
        """It goes on until nothing is left, because something may be said meanwhile."""
        deleted = 0
        while some := await self._service.store.redact(account):
            deleted += some
        for room in self._service.state.directory.rooms.values():
            room.unload()
        return deleted

    # --- the end

    def begin_shutdown(self, seconds: int, reason: str) -> None:
        def end() -> None:
            self.farewell = "the server is shutting down" + (f": {reason}" if reason else "")
            self._stop.set()

        self._countdown.begin(seconds, reason, end)

    def cancel_shutdown(self) -> bool:
        return self._countdown.cancel()


async def _make(folder: Path) -> None:
    """Raises BadRequest."""
    try:
        await trio.Path(folder).mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise BadRequest("there is a backup of this second already") from None
    except OSError as exc:
        raise BadRequest(f"{folder}: cannot be made ({exc.strerror})") from exc


def _row(session: Session) -> ConnectionRow:
    member, seat = session.member, session.seat
    since_ms = seat.since_ms if seat is not None else member.since_ms if member else 0
    return ConnectionRow(
        nick=member.nick if member else "",
        account=(member.account or "") if member else "",
        address=session.peer,
        wire=session.flavour if member else "",
        client=seat.client if seat is not None else "",
        since_ms=since_ms,
        idle_seconds=round(trio.current_time() - session.heard_at) if member else 0,
    )


def _memory_bytes() -> int:
    """What the process holds now; where the system does not tell, the most it ever held."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return int(pages) * resource.getpagesize()
