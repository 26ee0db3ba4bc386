"""The commands of administration through the whole server, and leaving with one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from support_accounts import PASSWORD, audit, code, login, registered, result
from support_server import (
    ChatServer,
    Event,
    Links,
    Peer,
    chat_config,
    open_server,
    pass_seconds,
    texts,
    types,
)
from trio_chat.chat.roles import Role
from trio_chat.commands.audit import Act
from trio_chat.config import MOTD_CHARACTERS, Config, load_config
from trio_chat.store.api import Write
from trio_chat.store.opening import open_store


@pytest.fixture
async def owner(server: ChatServer) -> Peer:
    return await registered(server, "olga", Role.OWNER)


async def set_(peer: Peer, assignment: str) -> str:
    return str((await result(peer, f"/config {assignment}"))["text"])


# --- what everybody is told


async def test_announcement_reaches_everybody_and_is_kept(server: ChatServer, owner: Peer) -> None:
    bob = await server.native("bob")
    await owner.input("/announce the cake is ready")
    assert (await bob.expect("announced"))["text"] == "the cake is ready"
    assert (await audit(server))[-1]["reason"] == "the cake is ready"


async def test_message_of_the_day_is_set_shown_and_cleared(autojump_clock: MockClock) -> None:
    async with open_server(chat_config("server.motd=be kind")) as server:
        owner = await registered(server, "olga", Role.OWNER)
        assert (await result(owner, "/motd"))["text"] == "be kind"
        await owner.input("/motd set be\nvery kind")
        bob = Peer(server.dial())
        assert (await bob.hello("bob"))[0]["motd"] == "be\nvery kind"
        assert (await result(bob, "/motd"))["data"] == {"motd": "be\nvery kind"}
        assert await code(bob, "/motd set mine") == "not_permitted"
        assert json.loads((await server.hub.store.list("server"))["motd"].value)
        await owner.input("/motd clear")
        assert (await result(bob, "/motd"))["text"] == "be kind"
        assert "motd" not in await server.hub.store.list("server")
        assert await code(owner, "/motd sing") == "usage"


async def test_greeting_fits_its_line_with_the_longest_message_of_the_day(
    server: ChatServer, owner: Peer
) -> None:
    longest = '"\u20ac' * (MOTD_CHARACTERS // 2)
    assert await code(owner, f"/motd set {longest}") == "done"
    assert await code(owner, f"/motd set {longest}x") == "too_long"
    again = await login(server, "olga")  # a peer that takes no line above 64 KiB
    assert await again.sync() == []


# --- how it does


async def test_statistics_count_what_is_there(server: ChatServer, owner: Peer) -> None:
    await server.native("bob")
    await owner.input("one")
    await owner.input("two")
    stats = (await result(owner, "/stats"))["data"]
    counted = {name: stats[name] for name in ("connections", "members", "accounts", "events")}
    assert counted == {"connections": 2, "members": 2, "accounts": 1, "events": 2}
    assert stats["memory_bytes"] > 1_000_000
    # Two hear each line; nobody is behind, and the store took everything.
    busy = {name: stats[name] for name in ("sends", "lagging", "queued_bytes", "refused_writes")}
    assert busy == {"sends": 4, "lagging": 0, "queued_bytes": 0, "refused_writes": 0}


async def test_connections_show_addresses_to_admins_alone(server: ChatServer, owner: Peer) -> None:
    mary = await registered(server, "mary", Role.MODERATOR)
    await server.plain("nora")
    rows = (await result(owner, "/connections"))["data"]["connections"]
    assert [(row["nick"], row["account"], row["wire"]) for row in rows] == [
        ("olga", "olga", "native"),
        ("mary", "mary", "native"),
        ("nora", "", "plain"),
    ]
    assert all(row["address"] for row in rows)
    seen = await result(mary, "/connections NOR")
    assert [row["nick"] for row in seen["data"]["connections"]] == ["nora"]
    assert not any(row["address"] for row in seen["data"]["connections"])
    assert (await result(mary, "/connections stream"))["data"]["connections"] == []


async def test_link_without_a_hello_is_listed(server: ChatServer, owner: Peer) -> None:
    server.dial()
    await trio.testing.wait_all_tasks_blocked()
    assert "(no hello yet)" in (await result(owner, "/connections"))["text"]


async def test_many_connections_are_as_many_as_fit(server: ChatServer, owner: Peer) -> None:
    for number in range(400):
        peer = Peer(server.dial())
        await peer.hello(f"p{number}", client="c" * 64)
    listing = await result(owner, "/connections")
    assert 100 < len(listing["data"]["connections"]) < 401
    assert listing["data"]["more"]
    assert "more did not fit" in listing["text"]


# --- how it is set


async def test_setting_is_shown_by_its_name(server: ChatServer, owner: Peer) -> None:
    assert (await result(owner, "/config limits.text_bytes"))["text"] == "limits.text_bytes = 4096"
    everything = await result(owner, "/config")
    assert "limits.text_bytes = 4096" in everything["text"].splitlines()
    assert "store.memory = true  (at the start alone)" in everything["text"].splitlines()


async def test_section_is_shown_by_its_name(server: ChatServer, owner: Peer) -> None:
    answer = await result(owner, "/config log")
    keys = [setting["key"] for setting in answer["data"]["settings"]]
    assert keys == ["log.level", "log.format", "log.repeat_seconds"]
    assert answer["text"].splitlines()[0] == 'log.level = "info"  (at the start alone)'


@pytest.mark.parametrize(
    ("line", "answer", "why"),
    [
        ("limits.text_byte", "bad_request", "did you mean limits.text_bytes?"),
        ("limits.text_bytes many", "bad_request", "limits.text_bytes"),
        ("limits.text_bytes 0", "bad_request", "limits.text_bytes"),
        ("rooms.auto_join a b", "bad_request", "rooms.auto_join"),
        ("store.batch_writes 3", "not_permitted", "is read at the start alone"),
        ("server.listen 127.0.0.1:1", "not_permitted", "is read at the start alone"),
        ("log.level debug", "not_permitted", "is read at the start alone"),
    ],
)
async def test_setting_that_cannot_be_changes_nothing(
    server: ChatServer, owner: Peer, line: str, answer: str, why: str
) -> None:
    before = server.hub.settings.config
    refused = (await owner.input(f"/config {line}"))[-1]
    assert refused["code"] == answer
    assert why in refused["message"]
    assert server.hub.settings.config is before


async def test_limits_hold_from_the_next_line_on(server: ChatServer, owner: Peer) -> None:
    bob = await server.native("bob")
    said = await set_(owner, "limits.text_bytes 5")
    assert said == "limits.text_bytes = 5, until the next start or /reload"
    assert await code(bob, "123456") == "too_long"
    assert await code(bob, "12345") == "done"
    await set_(owner, "limits.nick_characters 4")
    assert await code(bob, "/nick robert") == "nick_invalid"
    line = (await audit(server))[-1]
    assert (line["act"], line["target"]) == ("config", "limits.nick_characters")
    assert line["reason"] == "32 → limits.nick_characters = 4"


async def test_flood_control_begins_for_those_who_are_here(server: ChatServer, owner: Peer) -> None:
    bob = await server.native("bob")
    await bob.input("hello")
    await set_(owner, "limits.flood_burst 2")
    await set_(owner, "limits.flood true")
    assert [await code(bob, "spam") for _ in range(3)] == ["done", "done", "too_fast"]
    await set_(owner, "limits.flood_burst 4")
    assert [await code(bob, "spam") for _ in range(5)][-2:] == ["done", "too_fast"]


async def test_backlog_grows_and_shrinks_as_it_is_set(server: ChatServer, owner: Peer) -> None:
    for number in range(60):
        await owner.input(str(number))
    for count in (3, 55):
        await set_(owner, f"limits.backlog_events {count}")
        peer = Peer(server.dial())
        said = texts(await peer.hello(f"guest{count}"))
        assert said == [str(number) for number in range(60 - count, 60)]


async def test_logins_are_counted_as_it_is_set(server: ChatServer, owner: Peer) -> None:
    await set_(owner, "accounts.login_attempts 1")
    bob = await server.native("bob")
    assert await code(bob, "/login olga wrong") == "login_failed"
    assert await code(bob, "/login olga wrong") == "too_fast"


async def test_large_rooms_fall_silent_as_it_is_set(server: ChatServer, owner: Peer) -> None:
    await set_(owner, "rooms.presence_members 1")
    await owner.sync()
    await server.native("bob")
    assert "joined" not in types(await owner.sync())


async def test_guests_are_kept_out_and_let_in_again(server: ChatServer, owner: Peer) -> None:
    await set_(owner, "accounts.guests false")
    assert (await Peer(server.dial()).hello("bob"))[-1]["code"] == "not_permitted"
    await set_(owner, "accounts.guests true")
    await server.native("bob")


async def test_outbox_of_a_session_that_is_here_is_bounded_anew(
    server: ChatServer, owner: Peer
) -> None:
    await server.native("bob")
    await set_(owner, "limits.outbox_bytes 70000")
    assert server.session_of("bob").outbox.limit_bytes == 70_000


async def test_reload_takes_what_may_change_and_names_the_rest(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    file = tmp_path / "trio-chat.toml"
    async with open_server(chat_config()) as server:
        server.load_config = lambda: read(file)
        owner = await registered(server, "olga", Role.OWNER)
        await set_(owner, "limits.text_lines 7")
        file.write_text("[limits]\ntext_bytes = 9\n[store]\nbatch_writes = 3\n")
        reloaded = await result(owner, "/reload")
        assert reloaded["data"] == {
            "changed": ["limits.text_bytes", "limits.text_lines"],
            "at_the_next_start": ["store.batch_writes"],
        }
        assert server.hub.settings.config.limits.text_bytes == 9
        assert server.hub.settings.config.limits.text_lines == 100
        assert server.hub.settings.config.store.batch_writes == 512
        file.write_text("[limits]\ntext_bytes = -1\n")
        refused = (await owner.input("/reload"))[-1]
        assert refused["code"] == "bad_request"
        assert str(file) in refused["message"]
        assert server.hub.settings.config.limits.text_bytes == 9
        assert (await result(owner, "/config limits.text_bytes"))["data"]["settings"] == [
            {"key": "limits.text_bytes", "value": 9, "live": True}
        ]


def read(file: Path) -> Config:
    return load_config(
        file, environment={}, assignments=["store.memory=true", "limits.flood=false"]
    )


# --- its copies and its end


async def test_backup_is_a_data_folder_of_its_own(tmp_path: Path) -> None:
    config = chat_config("timeouts.linger_seconds=0.01", data=tmp_path / "data")
    async with open_server(config) as server:
        owner = await registered(server, "olga", Role.OWNER)
        await owner.input("before the copy")
        made = (await result(owner, "/backup"))["data"]
        await owner.input("after the copy")
    folder = trio.Path(made["folder"])
    assert Path(folder.parent) == tmp_path / "data/backups"
    assert (await folder.stat()).st_mode & 0o077 == 0
    assert made["size_bytes"] == (await (folder / "trio-chat.db").stat()).st_size
    async with open_store(chat_config(data=Path(folder))) as store:
        entries = await store.page("lobby", limit=10)
        assert [entry.text for entry in entries] == ["before the copy"]
        assert len(await store.list("account")) == 1


async def test_backup_of_what_is_in_memory_is_refused(server: ChatServer, owner: Peer) -> None:
    assert await code(owner, "/backup") == "unavailable"


async def test_shutdown_is_announced_and_then_happens(
    autojump_clock: MockClock, links: Links
) -> None:
    async with open_server(chat_config(), links) as server:
        owner = await registered(server, "olga", Role.OWNER)
        bob = await server.native("bob")
        bob.patience_seconds = 100.0
        began = trio.current_time()
        await owner.input("/shutdown 70 new disk")
        told = await bob.to_end()
        assert 70 <= trio.current_time() - began < 72
        announced = [event["text"] for event in told if event["type"] == "announced"]
        assert announced == [
            "the server stops in 1 min 10 s: new disk",
            "the server stops in 1 min: new disk",
            "the server stops in 30 s: new disk",
            "the server stops in 10 s: new disk",
        ]
        assert told[-1]["reason"] == "the server is shutting down: new disk"
        assert told[-1]["retry_after"] == 2.0
        await server.finished.wait()


async def test_shutdown_at_once_answers_first(autojump_clock: MockClock, links: Links) -> None:
    async with open_server(chat_config(), links) as server:
        owner = await registered(server, "olga", Role.OWNER)
        assert types(await owner.input("/shutdown 0"))[-1] == "done"
        assert types(await owner.to_end())[-1] == "bye"


async def test_cancelled_shutdown_does_not_happen(server: ChatServer, owner: Peer) -> None:
    assert await code(owner, "/shutdown cancel") == "bad_request"
    await owner.input("/shutdown 60")
    await owner.input("/shutdown 90")
    assert await code(owner, "/shutdown cancel") == "done"
    await pass_seconds(100)
    assert not server.parts.operations._stop.is_set()
    assert "announced" not in types(await owner.sync())
    assert await code(owner, "/shutdown 99999999") == "usage"


# --- what was done


async def test_audit_is_searched_by_who_did_what_to_whom_and_where(
    server: ChatServer, owner: Peer
) -> None:
    mary = await registered(server, "mary", Role.MODERATOR)
    await mary.input("/mute bob* 1h loud music")
    await mary.input("/create dev")
    await mary.input("/topic tea", "dev")
    await owner.input("/announce cake")
    for query, acts in (
        ("by:MARY act:mute", ["mute"]),
        ("music loud", ["mute"]),
        ("act:announce", ["announce"]),
        ("by:nobody", []),
        ("target:olga", ["register"]),
    ):
        found = await result(owner, f"/audit {query}")
        assert [row["act"] for row in found["data"]["acts"]] == acts, query
    listed = (await result(owner, "/audit"))["data"]["acts"]
    assert [row["seq"] for row in listed] == sorted(row["seq"] for row in listed)
    assert (await result(owner, "/audit by:nobody"))["text"] == "nothing like that was done"
    assert await code(owner, "/audit before:soon") == "usage"
    assert (await result(owner, "/audit after:1h before:1m"))["data"]["acts"] == []
    assert (await result(owner, "/audit after:1h"))["data"]["acts"] == listed


async def test_long_audit_is_looked_through_in_part_and_says_so(
    server: ChatServer, owner: Peer
) -> None:
    line = msgspec.json.encode(Act("poke", "olga", reason="x" * 50)).decode()
    for _ in range(2500):
        await server.hub.store.submit(Write(sender="olga", audit=line))
    await owner.sync()
    found = await result(owner, "/audit act:poke")
    assert len(found["data"]["acts"]) == 200
    assert found["data"]["more"]
    assert found["text"].startswith("(older ones were not looked at; before:TIME goes on")
    first = (await result(owner, "/audit act:register"))["data"]
    assert [row["target"] for row in first["acts"]] == ["olga"]
    assert not first["more"]


# --- leaving with one's own


def exported(events: list[Event]) -> list[dict[str, Any]]:
    parts = [event for event in events if event["type"] == "result"]
    assert all(len(json.dumps(part, ensure_ascii=False).encode()) < 65_536 for part in parts)
    *parts, last = parts
    lines = [json.loads(line) for part in parts for line in part["text"].split("\n")]
    assert last["data"] == {"parts": len(parts), "lines": len(lines)}
    return lines


async def test_export_holds_all_that_is_kept_of_one_and_of_nobody_else(
    server: ChatServer, owner: Peer
) -> None:
    bob = await registered(server, "bob")
    await bob.input("from bob")
    await owner.input("/join den")
    await owner.input("in the den", "den")
    await owner.input("just between us", "@bob")
    await bob.input("do not tell", "@olga")
    secret = await new_token(owner, "read")
    lines = exported(await owner.input("/export"))
    kinds = [line["type"] for line in lines]
    assert kinds[:2] == ["account", "profile"]
    assert kinds.count("token") == kinds.count("session") == 1
    said = {(line["room"], line["text"]) for line in lines if line["type"] == "message"}
    assert said == {("den", "in the den"), ("@bob", "just between us")}
    shown = json.dumps(lines)
    assert PASSWORD not in shown
    assert "argon2" not in shown
    assert secret not in shown


async def test_long_export_comes_in_parts(server: ChatServer, owner: Peer) -> None:
    for number in range(60):
        await owner.input(f"{number} " + '"' * 4000)
    events = await owner.input("/export")
    lines = exported(events)
    assert [line["text"].split()[0] for line in lines if line["type"] == "message"] == [
        str(number) for number in range(60)
    ]
    assert len([event for event in events if event["type"] == "result"]) > 5


async def test_room_is_exported_by_its_owner_alone(server: ChatServer, owner: Peer) -> None:
    bob = await registered(server, "bob")
    await bob.input("/create dev")
    await owner.input("/join dev")
    await owner.input("hello", "dev")
    lines = exported(await bob.input("/export room", "dev"))
    assert lines[0] == {"type": "room", "name": "dev", "created_ms": lines[0]["created_ms"]}
    assert lines[1] == {"type": "role", "account": "bob", "role": "owner"}
    assert [line["text"] for line in lines if line["type"] == "message"] == ["hello"]
    assert await code(owner, "/export room", "dev") == "not_permitted"
    assert await code(owner, "/export everything") == "usage"
    guest = await server.native("guest")
    assert await code(guest, "/export") == "not_permitted"


async def test_erased_account_is_gone_and_what_it_said_stays(
    server: ChatServer, owner: Peer
) -> None:
    phone = await login(server, "olga")
    await owner.input("I was here")
    assert await code(owner, "/erase wrong") == "login_failed"
    events = await owner.input(f"/erase {PASSWORD}")
    assert events[-1]["type"] == "done"
    assert (await owner.to_end())[-1]["reason"] == "the account olga is erased"
    assert (await phone.to_end())[-1]["type"] == "bye"
    refused = await Peer(server.dial()).hello("olga", account="olga", password=PASSWORD)
    assert refused[-1]["code"] == "login_failed"
    for space in ("account", "profile", "session"):
        assert await server.hub.store.list(space) == {}
    bob = Peer(server.dial())
    assert texts(await bob.hello("olga")) == ["I was here"]
    assert (await audit(server))[-1]["act"] == "erase"
    assert PASSWORD not in json.dumps(await audit(server))


async def test_erased_messages_are_shown_to_nobody_any_more(
    server: ChatServer, owner: Peer
) -> None:
    bob = await registered(server, "bob")
    await bob.input("my secret")
    await owner.input("harmless")
    answer = next(
        event
        for event in await bob.input(f"/erase {PASSWORD} messages")
        if event["type"] == "result"
    )
    assert answer["data"] == {"account": "bob", "deleted": 1}
    await bob.to_end()
    carol = Peer(server.dial())
    assert "my secret" not in json.dumps(await carol.hello("carol"))
    page = await owner.ask("page", room="lobby")
    assert "my secret" not in json.dumps(page)
    assert "harmless" in json.dumps(page)


async def new_token(peer: Peer, scopes: str) -> str:
    """The secret of a new token."""
    shown = [str(event.get("text")) for event in await peer.input(f"/token new {scopes} mine")]
    return next(word for text in shown for word in text.split() if word.startswith("tc_"))


async def test_token_opens_none_of_it(server: ChatServer, owner: Peer) -> None:
    bot = Peer(server.dial())
    await bot.hello("bot", token=await new_token(owner, "read,write,moderate"))
    for line in ("/export", f"/erase {PASSWORD}"):
        assert await code(bot, line) == "not_permitted"
    assert await code(bot, "/stats") == "done"
