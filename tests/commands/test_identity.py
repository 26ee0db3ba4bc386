"""Being somebody: one's nick, being away, who others are, and whom one does not want to hear."""

from __future__ import annotations

import pytest

from support_commands import START_MS, open_chat
from trio_chat.config import LimitsSection
from trio_chat.errors import (
    NameInvalid,
    NameTaken,
    NoSuchMember,
    NotPermitted,
    TooLong,
    UsageError,
)


async def test_nick_changes_what_one_is_called() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        chat.enter("bob", "lobby")
        assert (await alice.type("/nick Alicia")).text is None
        assert chat.directory.find_member("alicia") is alice.member
        with pytest.raises(NameTaken, match="the nick bob is taken"):
            await alice.type("/nick BOB")
        with pytest.raises(NameInvalid, match="cannot contain a blank"):
            await alice.type("/nick al ice")
        with pytest.raises(UsageError, match=r"^usage: /nick NICK$"):
            await alice.type("/nick")


async def test_whois_tells_what_others_may_know() -> None:
    async with open_chat() as chat:
        chat.now_ms = START_MS
        alice, bob = chat.enter("alice", "lobby", "dev"), chat.enter("Bob", "dev", "ops", "lobby")
        assert await alice.read("/whois @bob") == (
            "Bob (guest); without an account; here since 2026-11-22 12:00 UTC; "
            "with you in #dev, #lobby"
        )
        bob.member.account = "robert"
        await bob.type("/away lunch")
        assert await alice.data("/whois bob") == {
            "nick": "Bob",
            "account": "robert",
            "role": "guest",
            "away": "lunch",
            "since": "2026-11-22T12:00:00.000Z",
            "rooms": ["dev", "lobby"],
            "linked": True,
        }
        shown = await alice.read("/whois bob")
        assert "account robert" in shown
        assert shown.endswith("; away: lunch")
        with pytest.raises(NoSuchMember, match=r"did you mean Bob\?"):
            await alice.type("/whois Bb")


async def test_whois_keeps_the_rooms_to_itself_that_one_is_not_in() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        chat.enter("bob", "ops")
        assert "ops" not in await alice.read("/whois bob")


async def test_whois_tells_why_somebody_does_not_answer() -> None:
    async with open_chat() as chat:
        alice, bob = chat.enter("alice"), chat.enter("bob")
        bob.member.absent_until = 30.0
        assert (await alice.read("/whois bob")).endswith("; link lost, perhaps back soon")
        assert (await alice.data("/whois bob"))["linked"] is False


async def test_away_and_back() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        assert await alice.read("/back") == "you were not away"
        assert await alice.read("/away out to\nlunch") == "you are away: out to lunch"
        assert alice.member.away == "out to lunch"
        assert await alice.read("/away") == "you are away: away"
        assert await alice.read("/back") == "welcome back"
        assert alice.member.away is None
        assert alice.kept == 4


async def test_a_reason_for_being_away_has_a_limit() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice")
        with pytest.raises(TooLong, match="a reason has at most 200 characters"):
            await alice.type("/away " + "x" * 201)
        assert alice.member.away is None


async def test_ignore_and_unignore() -> None:
    async with open_chat() as chat:
        alice, mallory = chat.enter("alice"), chat.enter("Mallory").member
        chat.enter("bob")
        assert await alice.read("/ignore") == "you ignore nobody"
        assert await alice.read("/ignore @mallory") == "you no longer see what Mallory says"
        assert await alice.read("/ignore BOB") == "you no longer see what bob says"
        assert not alice.member.hears(mallory.author)
        assert await alice.read("/ignore") == "you ignore bob, Mallory"
        assert await alice.data("/ignore") == {"ignores": ["bob", "Mallory"]}
        assert await alice.read("/unignore @MALLORY") == "you see again what Mallory says"
        assert alice.member.hears(mallory.author)
        assert alice.kept == 3
        with pytest.raises(NoSuchMember, match="you do not ignore mallory; /ignore lists"):
            await alice.type("/unignore mallory")


async def test_one_cannot_ignore_oneself_or_nobody() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice")
        with pytest.raises(NotPermitted, match="that is yourself"):
            await alice.type("/ignore alice")
        with pytest.raises(NoSuchMember, match="nobody here is called bob"):
            await alice.type("/ignore bob")


async def test_somebody_who_left_can_still_be_unignored() -> None:
    async with open_chat() as chat:
        alice, bob = chat.enter("alice"), chat.enter("bob")
        await alice.type("/ignore bob")
        bob.exit()
        await alice.type("/unignore bob")
        assert not alice.member.ignores


async def test_one_can_ignore_a_limited_number() -> None:
    async with open_chat(limits=LimitsSection(ignores_per_member=1)) as chat:
        alice = chat.enter("alice")
        chat.enter("bob")
        chat.enter("carol")
        await alice.type("/ignore bob")
        await alice.type("/ignore bob")
        with pytest.raises(NotPermitted, match="at most 1; /unignore somebody first"):
            await alice.type("/ignore carol")
