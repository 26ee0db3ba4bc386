"""What administration asks of the server as a process: satisfies
`commands.context.Process`."""

from __future__ import annotations

import resource
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import structlog
import trio

from trio_chat.commands.context import Backup, ConnectionRow, Stats
from trio_chat.config import Config, is_live, keys, value_of, with_live
from trio_chat.errors import BadRequest, ConfigError, NotPermitted, Unavailable
from trio_chat.server.countdown import Countdown
from trio_chat.server.delivery.broadcast import Broadcaster
from trio_chat.server.delivery.session import Session
from trio_chat.server.delivery.sessions import Sessions
from trio_chat.server.hub.hub import Hub
from trio_chat.server.net.encryption import Encryption
from trio_chat.server.restore import check_auto_join

LoadConfig: TypeAlias = Callable[[], Awaitable[Config]]

log = structlog.get_logger()

_TELL_SECONDS = 10.0
_BACKUPS, _DATABASE = "backups", "trio-chat.db"


class Operations:
    """See `commands.context.Process`.

    Attributes:
        farewell: what everybody is told when the server stops.
        encryption: of its links; None: there is none.
    """

    def __init__(
        self,
        hub: Hub,
        sessions: Sessions,
        broadcaster: Broadcaster,
        stop: trio.Event,
        load_config: LoadConfig | None,
    ) -> None:
        """*stop* ends the server; *load_config* reads its configuration again."""
        self._hub = hub
        self._settings = hub.settings
        self._sessions = sessions
        self._broadcaster = broadcaster
        self._stop = stop
        self._load_config = load_config
        self._backing_up = False
        self._started = trio.current_time()
        self._countdown = Countdown(hub.deadlines, sessions.announce)
        self.farewell = "the server is shutting down"
        self.encryption: Encryption | None = None

    # --- the configuration

    def apply(self, config: Config) -> None:
        """Whoever computed something from the former values is told here; what was begun under
        them, a deadline or a link, ends under them."""
        state, old = self._hub.state, self._settings.config
        config = with_live(old, config)
        check_auto_join(config)
        if self.encryption is not None:
            self.encryption.configure(config)
        self._settings.config = config
        state.directory.limits = config.limits
        state.directory.server_name = config.server.name
        self._hub.logins.configure(config.accounts)
        state.default_motd = config.server.motd
        for session in self._sessions:
            session.outbox.limit_bytes = config.limits.outbox_bytes
        for member in (
            *state.directory.members.values(),
            *(seat.member for seat in self._hub.seats),
        ):
            member.flood = member.queries = None
        for room in state.directory.rooms.values():
            room.keep_events(config.limits.backlog_events)

    async def read_config(self) -> Config:
        if self._load_config is None:
            raise ConfigError("this server was started without a configuration to read again")
        return await self._load_config()

    async def reload(self) -> None:
        """Read the configuration again, as `/reload` does, for SIGHUP; the log tells what came of
        it."""
        try:
            wanted, before = await self.read_config(), self._settings.config
            self.apply(wanted)
        except ConfigError as exc:
            log.warning("the configuration stays as it is", reason=str(exc), always=True)
            return
        changed = [key for key in keys() if value_of(wanted, key) != value_of(before, key)]
        log.info(
            "the configuration is read again",
            changed=[key for key in changed if is_live(key)],
            at_the_next_start=[key for key in changed if not is_live(key)],
            always=True,
        )

    # --- figures

    def stats(self) -> Stats:
        hub, sessions = self._hub.statistics(), self._sessions.statistics()
        shown, store = self._broadcaster.statistics(), self._hub.store.statistics()
        return Stats(
            connections=sessions.sessions,
            members=hub.members,
            accounts=hub.accounts,
            rooms=hub.rooms,
            events=shown.events,
            sends=shown.sends,
            lagging=sessions.lagging,
            queued_bytes=sessions.queued_bytes,
            refused_writes=store.refused_writes,
            uptime_seconds=int(trio.current_time() - self._started),
            memory_bytes=_memory_bytes(),
        )

    def connections(self) -> list[ConnectionRow]:
        return [_row(session) for session in self._sessions]

    # --- a copy

    async def backup(self, tell: Callable[[str], None]) -> Backup:
        if self._settings.config.store.memory:
            raise Unavailable("nothing is kept on disk here")
        if self._backing_up:
            raise NotPermitted("a backup is being made already")
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        folder = self._settings.config.data_folder / _BACKUPS / f"trio-chat-{stamp}"
        self._backing_up = True
        self._tell_while_backing_up(tell)
        try:
            await _make(folder)
            return Backup(folder, await self._hub.store.backup(folder / _DATABASE))
        finally:
            self._backing_up = False
            with suppress(OSError):  # it is not empty: all went well
                folder.rmdir()

    def _tell_while_backing_up(self, tell: Callable[[str], None]) -> None:
        def again() -> None:
            if self._backing_up:
                tell("the backup is being written ...")
                self._hub.deadlines.after(_TELL_SECONDS, again)

        self._hub.deadlines.after(_TELL_SECONDS, again)

    # --- what was said

    async def redact(self, account: str) -> int:
        """It goes on until nothing is left, because something may be said meanwhile."""
        deleted = 0
        while some := await self._hub.store.redact(account):
            deleted += some
        for room in self._hub.state.directory.rooms.values():
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
