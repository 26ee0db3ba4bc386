"""The server's configuration: frozen structs from a TOML file, the environment and `--set`.

Later sources win: defaults, file, environment (`TRIO_CHAT_LIMITS_FLOOD=false`), `--set`. Every
default has its reason beside it; docs/operations.md lists the keys, and a test compares.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import platformdirs

from trio_chat.errors import ConfigError

ENVIRONMENT_PREFIX = "TRIO_CHAT_"
DEFAULT_PORT = 7373
MOTD_CHARACTERS = 4000

Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class ServerSection(_Section, frozen=True, kw_only=True):
    """Who the server is and where it listens."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,64}$")] = "trio-chat"
    # Said with the greeting, which has to fit into one line of 64 KiB.
    motd: Annotated[str, msgspec.Meta(max_length=MOTD_CHARACTERS)] = ""
    # Loopback: a new server is private until its owner decides otherwise. `tls://HOST:PORT` is
    # encrypted.
    listen: tuple[str, ...] = (f"127.0.0.1:{DEFAULT_PORT}",)
    # For `tls://`: the certificate with its chain, and its key where that is another file (PEM).
    tls_certificate: str = ""
    tls_key: str = ""


class StoreSection(_Section, frozen=True, kw_only=True):
    """Where what was said is kept, and how safely."""

    # Empty: the platform's own place for an application's data.
    data: str = ""
    # True: nothing touches a disk, and everything is gone when the server stops.
    memory: bool = False
    # FULL survives a power cut; NORMAL loses the last commits in one (40 times of 40 when
    # measured), and survives `kill -9` as well as FULL does.
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    # One commit takes what has gathered, up to this many writes: beyond it latency grows and
    # throughput does not.
    batch_writes: Count = 512
    # Writes waiting for the writer: 4,096 x at most 16 KiB = 64 MiB. When it is full the
    # sessions that talk wait, and nobody else does.
    queue_writes: Count = 4096
    # In memory mode each room keeps this many events; older ones are a gap.
    memory_events: Count = 100_000
    # Ids of inputs are remembered for a day: longer than any client keeps trying.
    remember_ids_seconds: Seconds = 86_400.0
    # A search that found nothing by then is given up, so that it cannot hold up the others.
    search_seconds: Seconds = 5.0


class RoomsSection(_Section, frozen=True, kw_only=True):
    # Everybody starts here; the first is where a plain peer talks.
    auto_join: tuple[str, ...] = ("lobby",)
    # A room with more members than this does not show who comes and goes, and `members` names
    # only so many: 1,000 who join one after the other would cost a million lines.
    presence_members: Count = 500
    # From so many members on, joins and leaves are shown in batches, ...
    fold_members: Count = 50
    # ... this far apart.
    fold_seconds: Seconds = 0.1


class AccountsSection(_Section, frozen=True, kw_only=True):
    """Who may come in, and how often one may try to prove who one is."""

    # False: only accounts; who has none is asked to say who it is.
    guests: bool = True
    # False: accounts are made by `trio-chat account add` alone.
    registration: bool = True
    password_characters: Count = 8
    # Enough for a person who mistypes, too few for a program that guesses: per account, and per
    # address (loopback exempt).
    login_attempts: Count = 3
    login_seconds: Seconds = 60.0
    # A guest with the nick of an account has this long to log in before it is called otherwise.
    claim_seconds: Seconds = 30.0
    tokens_per_account: Count = 20
    # Of those that can still be resumed; then the one that is gone longest is forgotten.
    sessions_per_account: Count = 100
    accounts: Count = 100_000


class LimitsSection(_Section, frozen=True, kw_only=True):
    """Every refusal names its limit; nothing is cut."""

    # Off for bots you trust, benchmarks and tests.
    flood: bool = True
    # Five lines at once read like talk; more than two a second, sustained, do not.
    flood_burst: Count = 5
    flood_per_second: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    # History and search cost the server more than the room: a budget of their own.
    query_burst: Count = 20
    query_per_second: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    # A screenful; a native line has room for it even when every byte is escaped.
    text_bytes: Count = 4096
    text_lines: Count = 100
    nick_characters: Count = 32
    room_characters: Count = 64
    topic_characters: Count = 390
    reason_characters: Count = 200
    rooms_per_session: Count = 100
    ignores_per_member: Count = 100
    highlights_per_member: Count = 20
    # Rooms that one account has made; a room that nobody remembers costs a few hundred bytes.
    rooms_owned: Count = 50
    # What one change of a room writes grows with them.
    invited_per_room: Count = 1000
    # Shown on joining, so that one lands in a conversation; older history is a page away.
    backlog_events: Count = 50
    page_events_max: Count = 1000
    search_results: Count = 50
    connections: Count = 20_000
    # Sessions whose member has left and may still come back: about 1 KiB each. Beyond it the one
    # that left longest ago is forgotten.
    absent_sessions: Count = 50_000
    # One address; loopback is exempt.
    connections_per_address: Count = 16
    # What waits for a session whose socket is full: beyond this many bytes it lags, its share
    # of the rooms' talk is read from the log later. So 1,000 stalled readers cost 256 MiB.
    outbox_bytes: Annotated[int, msgspec.Meta(ge=65_536)] = 262_144
    # The kernel's own buffer per connection, which it would let grow to 2.8 MB.
    socket_send_bytes: Annotated[int, msgspec.Meta(ge=4096)] = 131_072
    # Lines in a row that are no request before the session ends.
    bad_lines: Count = 10
    # Inputs of one session under way in the store; past it the session is not read from.
    pipeline: Count = 512


class TimeoutsSection(_Section, frozen=True, kw_only=True):
    """Deadlines, all in seconds, each checked at one edge."""

    # A peer silent for this long is a person with `nc`: greet it.
    greet_seconds: Seconds = 1.0
    hello_seconds: Seconds = 20.0
    # The kernel probes a quiet link after this long ...
    ping_seconds: Seconds = 90.0
    # ... and a link that gives no sign of life for this long is dead.
    drop_seconds: Seconds = 150.0
    # A session that takes nothing for this long is closed.
    stall_seconds: Seconds = 60.0
    # A dropped link is not a leave: others see it after this long.
    grace_seconds: Seconds = 30.0
    # A session can be resumed for as long as ids are remembered.
    resume_seconds: Seconds = 86_400.0
    # Shutdown: how long sessions may take to receive what is theirs.
    drain_seconds: Seconds = 5.0
    # After `bye` the peer may still be writing; closing at once would swallow the `bye`.
    linger_seconds: Seconds = 1.0
    # Under load what was said is shown at most this much later, so that more goes out in one
    # send per member; see docs/performance.md. A message on its own never waits.
    flush_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.005
    # Told with `bye` at shutdown: when to come back.
    retry_seconds: Seconds = 2.0


class LogSection(_Section, frozen=True, kw_only=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    # "console" for people, "json" for machines.
    format: Literal["console", "json"] = "console"


class Config(_Section, frozen=True, kw_only=True):
    server: ServerSection = ServerSection()
    store: StoreSection = StoreSection()
    rooms: RoomsSection = RoomsSection()
    accounts: AccountsSection = AccountsSection()
    limits: LimitsSection = LimitsSection()
    timeouts: TimeoutsSection = TimeoutsSection()
    log: LogSection = LogSection()

    @property
    def data_folder(self) -> Path:
        """Where the store lives: `store.data`, or the platform's place for it."""
        if self.store.data:
            return Path(self.store.data).expanduser()
        return Path(platformdirs.user_data_dir("trio-chat", appauthor=False))


def load_config(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    assignments: Iterable[str] = (),
) -> Config:
    """Read the configuration from all its sources.

    Args:
        file: a TOML file, or None for none.
        environment: variables named `TRIO_CHAT_SECTION_KEY`; others are ignored.
        assignments: `section.key=value` each, as given to `--set`.

    Raises:
        ConfigError: naming the source, the key and what is wrong with the value.
    """
    config = Config()
    if file is not None:
        config = _apply(config, read_toml(file), str(file))
    for source, section, key, value in _flat_sources(environment, assignments):
        config = _apply(config, {section: {key: value}}, source)
    return config


_LIVE_SECTIONS = ("rooms", "accounts", "limits", "timeouts")
_LIVE_KEYS = ("server.name", "server.motd")


def is_live(name: str) -> bool:
    """Whether the key *name* may change while the server runs."""
    return name in _LIVE_KEYS or name.partition(".")[0] in _LIVE_SECTIONS


def with_live(config: Config, other: Config) -> Config:
    """*config* with what *other* says of the keys that may change while the server runs."""
    sections = {section: getattr(other, section) for section in _LIVE_SECTIONS}
    server = msgspec.structs.replace(config.server, name=other.server.name, motd=other.server.motd)
    return msgspec.structs.replace(config, server=server, **sections)


def assigned(config: Config, name: str, text: str) -> Config:
    """*config* with the key *name* set to *text*, as by `--set`.

    Raises:
        ConfigError: there is no such key, or that is no value for it.
    """
    section, _, key = name.partition(".")
    return _apply(config, {section: {key: _value(text, name)}}, name)


def value_of(config: Config, name: str) -> object:
    """What the key *name*, one of `keys`, holds."""
    section, _, key = name.partition(".")
    value: object = getattr(getattr(config, section), key)
    return value


def keys() -> dict[str, object]:
    """Every key as `section.key` with its default, in the order of this file."""
    return {
        f"{section}.{key}": getattr(getattr(Config(), section), key)
        for section in Config.__struct_fields__
        for key in getattr(Config(), section).__struct_fields__
    }


def read_toml(file: Path) -> dict[str, Any]:
    """Raises ConfigError, naming the file, if it cannot be read or is no TOML."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file}: no valid TOML: {exc}") from exc


def _flat_sources(
    environment: Mapping[str, str], assignments: Iterable[str]
) -> Iterable[tuple[str, str, str, Any]]:
    known = {name.replace(".", "_").upper(): name for name in keys()}
    for variable, text in environment.items():
        name = known.get(variable.removeprefix(ENVIRONMENT_PREFIX))
        if variable.startswith(ENVIRONMENT_PREFIX) and name is not None:
            section, key = name.split(".")
            yield variable, section, key, _value(text, name)
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        section, dot, key = name.strip().partition(".")
        if not equals or not dot:
            raise ConfigError(f"--set {assignment}: write it as section.key=value")
        yield f"--set {assignment}", section, key, _value(text, name.strip())


def _value(text: str, name: str) -> Any:
    """A TOML value, or the bare text: `--set server.name=Our chat` needs no quotes. A key that
    holds a list takes `a,b` too, one that is on or off also `True`."""
    text = text.strip()
    default = keys().get(name)
    if isinstance(default, bool):
        text = text.lower()
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    if isinstance(default, tuple) and not isinstance(value, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(default, str) and not isinstance(value, str):
        return text
    return value


def _apply(config: Config, changes: Mapping[str, Any], source: str) -> Config:
    merged = msgspec.to_builtins(config)
    for section, values in changes.items():
        if section not in merged:
            raise ConfigError(
                f"{source}: there is no section {section!r}{nearest(section, merged)}"
            )
        if not isinstance(values, Mapping):
            raise ConfigError(f"{source}: {section} is a section, write [{section}] above its keys")
        for key, value in values.items():
            if key not in merged[section]:
                near = nearest(key, merged[section])
                raise ConfigError(f"{source}: there is no key {section}.{key}{near}")
            merged[section][key] = value
    try:
        return msgspec.convert(merged, Config)
    except msgspec.ValidationError as exc:
        reason, _, where = str(exc).partition(" - at ")
        raise ConfigError(f"{source}: {where.strip('`$.') or 'value'}: {reason}") from exc


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` for a mistyped *word*, or nothing if none is near."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
