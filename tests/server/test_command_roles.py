"""Who may use which command, and on whom: each command, typed by each role at each role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

import pytest
from trio.testing import MockClock

from support_accounts import PASSWORD, code, registered
from support_cast import (
    ADMIN,
    GUEST,
    MEMBER,
    MODERATOR,
    OUTSIDER,
    OWNER,
    OWNER_CODE,
    ROLES,
    ROOM_MODERATOR,
    ROOM_OWNER,
    VOICED,
    Cast,
    gathered,
    nick_of,
)
from support_server import Peer, chat_config, open_server
from trio_chat.chat.accounts import SCOPES, Scope
from trio_chat.chat.roles import Role
from trio_chat.chat.sanctions import SanctionKind
from trio_chat.commands import default_table

NO = "not_permitted"

# In the room, from the lowest; on the server only the last three stand higher than the others.
RANKS = {role: rank for rank, role in enumerate((MEMBER, VOICED, ROOM_MODERATOR, ROOM_OWNER))}
RANKS |= {GUEST: 0, MODERATOR: 4, ADMIN: 5, OWNER: 6}
SERVER_RANKS = {role: max(rank, 3) for role, rank in RANKS.items()}

EVERYBODY = ROLES
GUESTS = (GUEST,)
ACCOUNTS = ROLES[1:]
ROOM_STAFF = (ROOM_MODERATOR, ROOM_OWNER, MODERATOR, ADMIN, OWNER)
ROOM_OWNERS = (ROOM_OWNER, ADMIN, OWNER)
APPOINTERS = (ROOM_OWNER, MODERATOR, ADMIN, OWNER)
SERVER_STAFF = (MODERATOR, ADMIN, OWNER)
ADMINS = (ADMIN, OWNER)


@dataclass(frozen=True)
class Rule:
    """Attributes:
    line: what is typed. It is tried at every role when it names `{target}`, or the `{seq}` of
        what the target has said.
    scope: what a token must allow.
    who: the roles that may.
    lower: the ranks by which the target has to stand lower; None: ranks do not matter.
    but: what else is answered for some targets.
    first: what the one who acts types before; `heard`: what the target says before.
    sanction: there is one (`ban` or `mute`, in the room or `everywhere`) that somebody of the
        target's role has set.
    answer: what comes when it is allowed.
    """

    line: str
    scope: str
    who: tuple[str, ...]
    lower: Mapping[str, int] | None = None
    but: Mapping[str, str] = field(default_factory=dict)
    first: str = ""
    heard: str = ""
    sanction: str = ""
    answer: str = "done"

    @property
    def targets(self) -> tuple[str, ...]:
        if self.sanction:
            return SERVER_STAFF if "everywhere" in self.sanction else ROOM_STAFF
        return ROLES if "{target}" in self.line or "{seq}" in self.line else (GUEST,)

    def answer_to(self, actor: str, target: str) -> str:
        if actor not in self.who:
            return NO
        if self.sanction:
            return self.answer if RANKS[actor] >= RANKS[target] else NO
        if self.lower is not None and self.lower[actor] <= self.lower[target]:
            return NO
        return self.but.get(target, self.answer)


def all_but(*roles: str) -> dict[str, str]:
    return {role: NO for role in ROLES if role not in roles}


RULES = (
    # Talk
    Rule("/me waves", "write", EVERYBODY),
    Rule("/msg {target} hi", "write", EVERYBODY),
    Rule("/query {target}", "write", EVERYBODY),
    Rule("/close", "write", EVERYBODY, answer="not_in_room"),
    Rule("/reply hi", "write", EVERYBODY, heard="/msg {actor} hi"),
    Rule("/history", "read", EVERYBODY),
    Rule("/search hi", "read", EVERYBODY),
    Rule("/edit last hello", "write", EVERYBODY, first="helo"),
    Rule("/edit {seq} hello", "write", (), heard="hi"),
    Rule("/delete last", "write", EVERYBODY, first="rude"),
    Rule("/delete {seq}", "write", ROOM_STAFF, RANKS, heard="rude"),
    # Rooms
    Rule("/join lobby", "write", EVERYBODY),
    Rule("/join new{n}", "write", EVERYBODY),
    Rule("/leave", "write", EVERYBODY),
    Rule("/who", "read", EVERYBODY),
    Rule("/rooms", "read", EVERYBODY),
    Rule("/topic", "write", EVERYBODY),
    Rule("/topic roses", "write", EVERYBODY),
    # People
    Rule("/notify all", "write", EVERYBODY),
    Rule("/highlight roses", "write", EVERYBODY),
    Rule("/nick new{n}", "write", EVERYBODY),
    Rule("/whois {target}", "read", EVERYBODY),
    Rule("/away", "write", EVERYBODY),
    Rule("/back", "write", EVERYBODY),
    Rule("/ignore {target}", "write", EVERYBODY),
    Rule("/unignore {target}", "write", EVERYBODY, first="/ignore {target}"),
    Rule("/block {target}", "write", EVERYBODY),
    Rule("/unblock {target}", "write", EVERYBODY, first="/block {target}"),
    Rule("/report {target} shouts", "write", EVERYBODY),
    # The server
    Rule("/help", "read", EVERYBODY),
    Rule("/motd", "read", EVERYBODY),
    Rule("/ping", "read", EVERYBODY),
    Rule("/time", "read", EVERYBODY),
    Rule("/uptime", "read", EVERYBODY),
    Rule("/version", "read", EVERYBODY),
    Rule("/quit", "", EVERYBODY),
    # Accounts
    Rule(f"/register {PASSWORD}", "account", GUESTS, first="/nick new{n}"),
    Rule(f"/login {OUTSIDER} {PASSWORD}", "account", GUESTS),
    Rule("/logout", "account", ACCOUNTS),
    Rule(f"/passwd {PASSWORD} {PASSWORD}", "account", ACCOUNTS),
    Rule("/account", "account", ACCOUNTS),
    Rule("/sessions", "account", ACCOUNTS),
    Rule("/token", "account", ACCOUNTS),
    Rule(f"/claim {OWNER_CODE}", "account", ACCOUNTS),
    # Roles
    Rule(
        "/op {target}",
        "moderate",
        APPOINTERS,
        RANKS,
        {GUEST: "no_such_member", ROOM_MODERATOR: NO, ROOM_OWNER: NO},
    ),
    Rule("/deop {target}", "moderate", APPOINTERS, RANKS, all_but(ROOM_MODERATOR)),
    Rule(
        "/voice {target}",
        "moderate",
        ROOM_STAFF,
        RANKS,
        {VOICED: NO, ROOM_MODERATOR: NO, ROOM_OWNER: NO},
    ),
    Rule("/unvoice {target}", "moderate", ROOM_STAFF, RANKS, all_but(VOICED)),
    Rule("/transfer {target}", "moderate", ROOM_OWNERS, but={GUEST: "no_such_member"}),
    Rule("/role {target}", "write", ACCOUNTS),
    Rule("/role {target} moderator", "write", ADMINS, SERVER_RANKS, {GUEST: NO}),
    Rule("/role {target} admin", "write", (OWNER,), SERVER_RANKS, {GUEST: NO}),
    # How a room is set up
    Rule("/create new{n}", "write", ACCOUNTS),
    Rule("/describe roses", "moderate", ROOM_OWNERS),
    Rule("/private", "moderate", ROOM_OWNERS),
    Rule("/private off", "moderate", ROOM_OWNERS),
    Rule(f"/invite {OUTSIDER}", "moderate", ROOM_STAFF),
    Rule(f"/uninvite {OUTSIDER}", "moderate", ROOM_STAFF),
    Rule("/key", "moderate", ROOM_OWNERS),
    Rule("/key sesame", "moderate", ROOM_OWNERS),
    Rule("/limit 50", "moderate", ROOM_OWNERS),
    Rule("/lock", "moderate", ROOM_STAFF),
    Rule("/slow 10", "moderate", ROOM_STAFF),
    Rule("/backlog joined", "moderate", ROOM_OWNERS),
    Rule("/archive", "moderate", ROOM_OWNERS),
    # Order in a room
    Rule("/kick {target}", "moderate", ROOM_STAFF, RANKS),
    Rule("/warn {target} hush", "moderate", ROOM_STAFF, RANKS),
    Rule("/ban {target} 1h", "moderate", ROOM_STAFF, RANKS),
    Rule("/mute {target} 1h", "moderate", ROOM_STAFF, RANKS),
    Rule("/unban nobody", "moderate", ROOM_STAFF, sanction="ban"),
    Rule("/unmute nobody", "moderate", ROOM_STAFF, sanction="mute"),
    Rule("/bans", "moderate", ROOM_STAFF),
    Rule("/howtoban {target}", "moderate", ROOM_STAFF, RANKS),
    Rule("/undo", "moderate", ROOM_STAFF, first="/lock"),
    # Order on the server
    Rule("/sban {target} 1h", "moderate", SERVER_STAFF, SERVER_RANKS),
    Rule("/silence {target} 1h", "moderate", SERVER_STAFF, SERVER_RANKS),
    Rule("/sunban nobody", "moderate", SERVER_STAFF, sanction="ban everywhere"),
    Rule("/unsilence nobody", "moderate", SERVER_STAFF, sanction="mute everywhere"),
    Rule("/sbans", "moderate", SERVER_STAFF),
    Rule("/kill {target}", "moderate", SERVER_STAFF, SERVER_RANKS),
    Rule("/defcon", "moderate", ADMINS),
    Rule("/defcon 1", "moderate", ADMINS),
    # Administration
    Rule("/announce hello", "moderate", ADMINS),
    Rule("/motd set hello", "read", ADMINS),
    Rule("/stats", "moderate", SERVER_STAFF),
    Rule("/connections", "moderate", SERVER_STAFF),
    Rule("/config", "moderate", ADMINS),
    Rule("/config limits.text_lines 50", "moderate", ADMINS),
    Rule("/reload", "moderate", ADMINS, answer="bad_request"),
    Rule("/backup", "moderate", (OWNER,), answer="unavailable"),
    Rule("/shutdown cancel", "moderate", (OWNER,), first="/shutdown 600"),
    Rule("/audit", "moderate", ADMINS),
    # Leaving
    Rule("/export", "account", ACCOUNTS),
    Rule("/export room", "account", (ROOM_OWNER,)),
    Rule("/erase wrong", "account", ACCOUNTS, answer="login_failed"),
)

numbers = count(1)


def test_every_command_stands_in_this_table() -> None:
    typed = {rule.line.removeprefix("/").partition(" ")[0] for rule in RULES}
    assert typed == {command.name for command in default_table().commands}


async def answer(cast: Cast, rule: Rule, actor: str, peer: Peer, target: str) -> str:
    """`done`, or the code of the error, when *peer*, called *actor*, does at *target*."""
    words = {"actor": actor, "target": target, "n": str(next(numbers)), "seq": ""}
    if rule.sanction:
        kind: SanctionKind = "ban" if rule.sanction.startswith("ban") else "mute"
        rank = RANKS[cast.roles[target]]
        place = rule.sanction.endswith("everywhere")
        cast.sanction(kind, 10**6 + next(numbers), everywhere=place, rank=rank)
    if rule.first:
        await peer.input(rule.first.format(**words), "dev")
    if rule.heard:
        said = await cast.type(target, rule.heard.format(**words))
        words["seq"] = str(said["seq"])
    got = (await peer.input(rule.line.format(**words), "dev"))[-1]
    return "done" if got["type"] == "done" else str(got["code"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.line)
async def test_a_command_is_for_these_roles_and_at_these(
    rule: Rule, autojump_clock: MockClock
) -> None:
    got, expected = {}, {}
    async with open_server(chat_config("accounts.login_attempts=1000")) as server:
        cast = await gathered(server)
        for actor in ROLES:
            for target in rule.targets:
                await cast.put_back(second_owner=target == ROOM_OWNER)
                nick = nick_of(actor, 1)
                got[actor, target] = await answer(
                    cast, rule, nick, cast.peers[nick], nick_of(target, 2)
                )
                await cast.settle(nick)
                expected[actor, target] = rule.answer_to(actor, target)
    assert got == expected


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_token_opens_its_scope_and_without_moderate_no_more_than_a_member_may(
    scope: Scope, autojump_clock: MockClock
) -> None:
    """It is a token of the server's owner, who owns the room, too."""
    got, expected = {}, {}
    nick = nick_of(OWNER, 1)
    async with open_server(chat_config("accounts.login_attempts=1000")) as server:
        cast = await gathered(server)
        cast.give_room_to(nick)
        secret = await new_token(cast.peers[nick], scope)
        for rule in RULES:
            await cast.put_back()
            peer = Peer(server.dial())
            assert (await peer.hello("whoever", token=secret))[0]["type"] == "welcome"
            target = next((t for t in rule.targets if rule.answer_to(OWNER, t) != NO), GUEST)
            got[rule.line] = await answer(cast, rule, nick, peer, nick_of(target, 2))
            expected[rule.line] = rule.answer_to(OWNER, target)
            if rule.scope not in (scope, "") or (scope != "moderate" and MEMBER not in rule.who):
                expected[rule.line] = NO
            peer.reset()
    assert got == expected


async def new_token(peer: Peer, scope: str) -> str:
    """The secret of a new token."""
    notes = await peer.input(f"/token new {scope} for a test")
    shown = next(event["text"] for event in notes if event["type"] == "notice")
    return str(shown.split("): ")[1].split()[0])


async def test_a_room_is_not_taken_from_an_owner_who_stands_as_high(
    autojump_clock: MockClock,
) -> None:
    async with open_server(chat_config()) as server:
        boss = await registered(server, "boss", Role.OWNER)
        admin = await registered(server, "admin", Role.ADMIN)
        await boss.input("/create dev")
        await admin.input("/join dev")
        assert await code(admin, "/transfer admin", "dev") == NO
        assert await code(boss, "/transfer admin", "dev") == "done"
