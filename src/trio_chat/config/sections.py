"""The server's configuration as frozen structs: every key with its default, its bounds and its
reason. Knows no file and no command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from msgspec import Meta

from trio_chat.config.bounds import DAY_SECONDS, YEAR_SECONDS, Section, because, count, seconds
from trio_chat.config.limits import LimitsSection, TimeoutsSection
from trio_chat.errors import ConfigError

DEFAULT_PORT = 7373
MOTD_CHARACTERS = 4000


class ServerSection(Section, frozen=True, kw_only=True):
    """The server's name, and where it listens."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,64}$",
            description="What the server calls itself when it greets: 1 to 64 characters.",
        ),
    ] = "trio-chat"
    motd: Annotated[
        str,
        Meta(
            max_length=MOTD_CHARACTERS,
            description="Shown after the greeting, with which it has to fit into one line of "
            f"64 KiB: at most {MOTD_CHARACTERS} characters.",
        ),
    ] = ""
    listen: Annotated[
        tuple[str, ...],
        because(
            "HOST:PORT, or tls://HOST:PORT for what is encrypted. Loopback: a new server is "
            "private until its owner decides otherwise. Port 0 takes a free one."
        ),
    ] = (f"127.0.0.1:{DEFAULT_PORT}",)
    tls: Annotated[
        Literal["off", "auto", "files"],
        because(
            "auto and files tell TLS from plain text by the first byte, at each address of "
            "`listen`: auto with a certificate that the server makes at the first start and signs "
            "itself, files with that of tls_certificate. With off only tls:// addresses are "
            "encrypted."
        ),
    ] = "off"
    tls_certificate: Annotated[
        str,
        because(
            "A PEM file: the certificate with its chain. Read again when it changes, and on SIGHUP."
        ),
    ] = ""
    tls_key: Annotated[str, because("The certificate's key, where that is another PEM file.")] = ""


class StoreSection(Section, frozen=True, kw_only=True):
    """Where what was said is kept, and how safely."""

    data: Annotated[
        str,
        because("The data folder. Empty: the platform's own place for an application's data."),
    ] = ""
    memory: Annotated[
        bool, because("Nothing touches a disk, and everything is gone when the server stops.")
    ] = False
    synchronous: Annotated[
        Literal["FULL", "NORMAL"],
        because(
            "FULL survives a power cut; NORMAL loses the last commits in one (40 times of 40 "
            "when measured), and survives `kill -9` as well as FULL does."
        ),
    ] = "FULL"
    batch_writes: Annotated[
        int,
        count(
            65_536,
            "One commit takes what has gathered, up to this many writes: beyond it latency grows "
            "and throughput does not.",
        ),
    ] = 512
    queue_writes: Annotated[
        int,
        count(
            65_536,
            "Writes waiting for the writer: 4,096 of at most 16 KiB are 64 MiB. When it is full "
            "the sessions that talk wait, and nobody else does.",
        ),
    ] = 4096
    memory_events: Annotated[
        int,
        count(
            100_000_000, "With store.memory each room keeps this many events; older ones are a gap."
        ),
    ] = 100_000
    remember_ids_seconds: Annotated[
        float,
        seconds(
            "Ids of inputs are remembered for a day: longer than any client keeps trying.",
            most=YEAR_SECONDS,
        ),
    ] = DAY_SECONDS
    search_seconds: Annotated[
        float,
        seconds(
            "A search that found nothing by then is given up, so that it cannot hold up the "
            "others.",
            most=3600.0,
        ),
    ] = 5.0


class RoomsSection(Section, frozen=True, kw_only=True):
    """The first rooms, and who is shown in large ones."""

    auto_join: Annotated[
        tuple[str, ...],
        because("Everybody starts in these rooms; the first is where a plain peer talks."),
    ] = ("lobby",)
    empty_seconds: Annotated[
        float,
        seconds(
            "A room that nobody owns, and where nothing but a topic was set, goes with its log "
            "when nobody has been there for this long: a long week-end. Counted anew from a start.",
            most=YEAR_SECONDS,
        ),
    ] = 3 * DAY_SECONDS
    presence_members: Annotated[
        int,
        count(
            1_000_000,
            "A room with more members than this does not show who comes and goes, and `members` "
            "names only so many: 1,000 who join one after the other would cost a million lines.",
        ),
    ] = 500
    fold_members: Annotated[
        int,
        count(1_000_000, "From so many members on, joins and leaves are shown in batches, ..."),
    ] = 50
    fold_seconds: Annotated[float, seconds("... this far apart.", most=60.0)] = 0.1


class AccountsSection(Section, frozen=True, kw_only=True):
    """Who may come in, and how often one may try to prove who one is."""

    guests: Annotated[
        bool, because("False: only who has an account comes in; others are asked to log in.")
    ] = True
    registration: Annotated[
        bool, because("False: accounts are made by `trio-chat account add` alone.")
    ] = True
    password_characters: Annotated[
        int,
        count(128, "The fewest characters of a password: shorter ones are soon guessed."),
    ] = 8
    login_attempts: Annotated[
        int,
        count(
            1000,
            "Enough for a person who mistypes, too few for a program that guesses: at one account "
            "from one address, and at all accounts from one address (loopback exempt), ...",
        ),
    ] = 3
    login_strangers: Annotated[
        int,
        count(
            100_000,
            "... and so many at one account from all addresses together that it has never logged "
            "in from: whoever has many addresses guesses no more than that, ...",
        ),
    ] = 30
    login_seconds: Annotated[float, seconds("... within this time.")] = 60.0
    registrations_per_hour: Annotated[
        int,
        count(
            1_000_000,
            "New accounts of all strangers together: each costs 30 ms of a core and 1 KiB for "
            "ever. Loopback is exempt.",
        ),
    ] = 500
    registrations_per_address: Annotated[
        int, count(1_000_000, "New accounts from one address within an hour: a family.")
    ] = 5
    claim_seconds: Annotated[
        float,
        seconds(
            "A guest with the nick of an account has this long to log in before it is called "
            "otherwise."
        ),
    ] = 30.0
    claim_again_seconds: Annotated[
        float,
        seconds(
            "... and then no guest of the same address is called so for this long, unless the "
            "account logs in there: else it would do the same again and again."
        ),
    ] = 3600.0
    tokens_per_account: Annotated[
        int, count(10_000, "One for each bot and device, and some to spare.")
    ] = 20
    sessions_per_account: Annotated[
        int,
        count(
            10_000,
            "Of those that can still be resumed; then the one that is gone longest is forgotten.",
        ),
    ] = 100
    accounts: Annotated[
        int, count(10_000_000, "All accounts are in memory, at about 1 KiB each.")
    ] = 100_000


class LogSection(Section, frozen=True, kw_only=True):
    """What the server writes to stderr."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        because("What is less than this is left out."),
    ] = "info"
    format: Annotated[
        Literal["console", "json"],
        because("console is for people, json for machines: one object a line."),
    ] = "console"
    repeat_seconds: Annotated[
        float,
        seconds(
            "A line that peers may cause again and again is written once in this time, with how "
            "many of its kind there were: otherwise one of them fills the disk."
        ),
    ] = 10.0


class Config(Section, frozen=True, kw_only=True):
    """All sections."""

    server: ServerSection = ServerSection()
    store: StoreSection = StoreSection()
    rooms: RoomsSection = RoomsSection()
    accounts: AccountsSection = AccountsSection()
    limits: LimitsSection = LimitsSection()
    timeouts: TimeoutsSection = TimeoutsSection()
    log: LogSection = LogSection()

    @property
    def data_folder(self) -> Path:
        """Where the store lives: `store.data`, or the platform's place for it.

        Raises:
            ConfigError: it is in the home of somebody who is not known here.
        """
        if self.store.data:
            return expanded(self.store.data, "store.data")
        return Path(platformdirs.user_data_dir("trio-chat", appauthor=False))


def expanded(path: str, key: str) -> Path:
    """The path with `~` and `~USER` as their homes.

    Raises:
        ConfigError: naming *key*, if there is no such user, or no home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as exc:
        raise ConfigError(f"{key}: {path}: there is no such home folder") from exc
