"""The sections `limits` and `timeouts` of the configuration."""

from __future__ import annotations

from typing import Annotated

from trio_chat.config.bounds import (
    DAY_SECONDS,
    YEAR_SECONDS,
    Section,
    because,
    count,
    rate,
    seconds,
)
from trio_chat.text import NAME_CHARACTERS

DECOMPOSED = 4  # a character of a name may be typed as so many
_NAME_CHARACTERS_MAX = NAME_CHARACTERS // DECOMPOSED
_LINE_BYTES = 16_384  # of a client, see docs/protocol.md
# A kernel counts its buffers in 32 bits, and doubles them.
_BUFFER_BYTES_MAX = 2**28
_KEEPALIVE_SECONDS_MAX = 32_767.0


class LimitsSection(Section, frozen=True, kw_only=True):
    """Every refusal names its limit; nothing is cut."""

    flood: Annotated[
        bool,
        because(
            "Whether talking too fast is refused. Off for bots you trust, benchmarks and tests."
        ),
    ] = True
    flood_burst: Annotated[
        int,
        count(1_000_000, "Five lines at once read like talk; ..."),
    ] = 5
    flood_per_second: Annotated[float, rate("... more than two a second, sustained, do not.")] = 2.0
    query_burst: Annotated[
        int,
        count(
            1_000_000,
            "History and search cost the server more than the room: a budget of their own, so "
            "many at once, ...",
        ),
    ] = 20
    query_per_second: Annotated[float, rate("... and so many a second after that.")] = 10.0
    address_flood_burst: Annotated[
        int,
        count(
            1_000_000,
            "The guests of one address together, since coming back under another nick buys "
            "nothing: four who talk at once, ...",
        ),
    ] = 20
    address_flood_per_second: Annotated[
        float, rate("... and sustained. Accounts have only their own allowance.")
    ] = 8.0
    address_query_burst: Annotated[
        int, count(1_000_000, "The same for history and search: so many at once, ...")
    ] = 80
    address_query_per_second: Annotated[float, rate("... and so many a second after that.")] = 40.0
    address_hello_burst: Annotated[
        int,
        count(
            1_000_000,
            "All connections of one address come back at once after a restart, twice over, ...",
        ),
    ] = 32
    address_hello_per_second: Annotated[
        float, rate("... and a link that breaks every second has to wait.")
    ] = 1.0
    unpaid_burst: Annotated[
        int,
        count(
            1_000_000,
            "Pings, and requests that are refused, are paid from no other allowance: so many at "
            "once, ...",
        ),
    ] = 100
    unpaid_per_second: Annotated[
        float, rate("... and so many a second after that; then the peer is read more slowly.")
    ] = 20.0
    trust_loopback: Annotated[
        bool,
        because(
            "Links from this machine itself count under no address: bots, bridges and proxies run "
            "here. False to measure, or where strangers have a login."
        ),
    ] = True
    text_bytes: Annotated[
        int,
        count(
            _LINE_BYTES,
            "A screenful; a native line has room for it even when every byte is escaped. A line "
            "of a client has at most 16 KiB.",
        ),
    ] = 4096
    text_lines: Annotated[
        int, count(_LINE_BYTES, "A text of many short lines takes more than a screenful.")
    ] = 100
    nick_characters: Annotated[
        int,
        count(_NAME_CHARACTERS_MAX, "Stands before every line that somebody says."),
    ] = 32
    room_characters: Annotated[
        int, count(_NAME_CHARACTERS_MAX, "Stands in a list beside the talk.")
    ] = 64
    topic_characters: Annotated[int, count(4000, "Two lines of a wide terminal.")] = 390
    reason_characters: Annotated[
        int, count(4000, "Of leaving, being away, a kick: stands in one line of the room.")
    ] = 200
    rooms_per_session: Annotated[
        int, count(10_000, "Rooms that one may be in: each line of each comes to one.")
    ] = 100
    ignores_per_member: Annotated[
        int, count(10_000, "People one may ignore: looked up for every line.")
    ] = 100
    highlights_per_member: Annotated[
        int, count(1000, "Words that mean one: looked for in every line.")
    ] = 20
    rooms_owned: Annotated[
        int,
        count(
            100_000,
            "Rooms that one account has made; a room that nobody remembers costs a few hundred "
            "bytes.",
        ),
    ] = 50
    rooms: Annotated[
        int,
        count(
            1_000_000,
            "On the whole server: 2.5 KiB each, and a list of them looks at all. Those of "
            "rooms.auto_join are made in any case.",
        ),
    ] = 20_000
    rooms_made_per_person: Annotated[
        int, count(100_000, "New rooms within a day: as many as one may be in.")
    ] = 100
    rooms_made_per_address: Annotated[
        int, count(100_000, "The same from one address; loopback is exempt.")
    ] = 100
    invited_per_room: Annotated[
        int,
        count(
            100_000,
            "Who may be let into a private room: what one change of a room writes grows with them.",
        ),
    ] = 1000
    sanctions_per_room: Annotated[
        int,
        count(100_000, "Bans and mutes of one room: what holds somebody is looked for in them."),
    ] = 1000
    sanctions: Annotated[
        int, count(1_000_000, "Bans and silences of the whole server: some 500 bytes each.")
    ] = 10_000
    roles_per_room: Annotated[
        int,
        count(
            100_000, "Roles given in one room: what one change of a room writes grows with them."
        ),
    ] = 1000
    backlog_events: Annotated[
        int,
        count(
            10_000,
            "Shown on joining, so that one lands in a conversation; older history is a page away. "
            "Each room keeps them in memory.",
        ),
    ] = 50
    page_events_max: Annotated[
        int, count(10_000, "Events of one page; a page is one line of 64 KiB as well.")
    ] = 1000
    search_results: Annotated[
        int, count(10_000, "More than a person reads; a further word narrows it down.")
    ] = 50
    connections: Annotated[int, count(1_000_000, "Each costs about 10 KiB and an open file.")] = (
        20_000
    )
    absent_sessions: Annotated[
        int,
        count(
            10_000_000,
            "Sessions whose member has left and may still come back: about 1 KiB each. Beyond it "
            "the one that left longest ago is forgotten.",
        ),
    ] = 50_000
    connections_per_address: Annotated[
        int, count(1_000_000, "Connections of one address; loopback is exempt.")
    ] = 16
    handshakes: Annotated[
        int,
        count(
            100_000,
            "TLS handshakes under way at once: each holds some 50 KiB until it is over. The "
            "others wait for their turn, within timeouts.hello_seconds.",
        ),
    ] = 512
    outbox_bytes: Annotated[
        int,
        count(
            _BUFFER_BYTES_MAX,
            "What waits for a session whose socket is full: beyond this many bytes it lags, its "
            "share of the rooms' talk is read from the log later. So 1,000 stalled readers cost "
            "256 MiB. At least the longest line.",
            least=65_536,
        ),
    ] = 262_144
    socket_send_bytes: Annotated[
        int,
        count(
            _BUFFER_BYTES_MAX,
            "The kernel's own buffer per connection, which it would let grow to 2.8 MB.",
            least=4096,
        ),
    ] = 131_072
    bad_lines: Annotated[
        int,
        count(1_000_000, "Lines in a row that are no request before the session ends."),
    ] = 10
    pipeline: Annotated[
        int,
        count(
            65_536,
            "Inputs of one session under way in the store; past it the session is not read from.",
        ),
    ] = 512


class TimeoutsSection(Section, frozen=True, kw_only=True):
    """Deadlines, all in seconds, each checked at one edge."""

    greet_seconds: Annotated[
        float, seconds("A peer silent for this long is a person with `nc`: greet it.")
    ] = 1.0
    hello_seconds: Annotated[float, seconds("A peer without a name by then is closed.")] = 20.0
    ping_seconds: Annotated[
        float,
        seconds(
            "The kernel probes a quiet link after this long (it takes at most 32,767 s), ...",
            most=_KEEPALIVE_SECONDS_MAX,
        ),
    ] = 90.0
    drop_seconds: Annotated[
        float, seconds("... and a link that gives no sign of life for this long is dead.")
    ] = 150.0
    stall_seconds: Annotated[
        float, seconds("A session that takes nothing for this long is closed.")
    ] = 60.0
    grace_seconds: Annotated[
        float, seconds("A dropped link is not a leave: others see it after this long.")
    ] = 30.0
    resume_seconds: Annotated[
        float,
        seconds("A session can be resumed for as long as ids are remembered.", most=YEAR_SECONDS),
    ] = DAY_SECONDS
    drain_seconds: Annotated[
        float,
        seconds("Shutdown: how long sessions may take to receive what is theirs."),
    ] = 5.0
    linger_seconds: Annotated[
        float,
        seconds(
            "After `bye` the peer may still be writing; closing at once would swallow the `bye`."
        ),
    ] = 1.0
    flush_seconds: Annotated[
        float,
        seconds(
            "Under load what was said is shown at most this much later, so that more goes out in "
            "one send per member. A message on its own never waits.",
            least=0.0,
            most=1.0,
        ),
    ] = 0.005
    retry_seconds: Annotated[float, seconds("Told with `bye` at shutdown: when to come back.")] = (
        2.0
    )
