"""Which sanction holds for whom: the index against a plain list, and what people read of it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trio_chat.chat.masks import Mask, Subject, parse_mask
from trio_chat.chat.sanctions import (
    Candidate,
    Defcon,
    Sanction,
    SanctionKind,
    Sanctions,
    how_to_catch,
    split_sanction,
)
from trio_chat.errors import BadRequest, ChatError

HOUR_MS = 3_600_000
ACCOUNTS = {"bob": ("a1", "bob"), "eve": ("a2", "eve")}


def mask(text: str) -> Mask:
    return parse_mask(text, account_of=ACCOUNTS.get)


def sanction(
    number: int,
    text: str,
    *,
    kind: SanctionKind = "ban",
    room: str = "lobby",
    until_ms: int | None = None,
    rank: int = 4,
    reason: str = "",
) -> Sanction:
    return Sanction(
        number=number,
        kind=kind,
        room=room,
        mask=mask(text),
        by="alice",
        reason=reason,
        at_ms=0,
        until_ms=until_ms,
        rank=rank,
    )


def of(*all_of_them: Sanction) -> Sanctions:
    sanctions = Sanctions()
    for each in all_of_them:
        sanctions.add(each)
    return sanctions


BOB = Subject("bobby", "a1", "192.0.2.7")
GUEST = Subject("bobby", "", "192.0.2.7")


# --- one sanction


@pytest.mark.parametrize(
    ("until_ms", "reason", "shown"),
    [
        (27 * HOUR_MS, "spam", "#3 ban of account bob by alice, 1 d 3 h left: spam"),
        (None, "spam", "#3 ban of account bob by alice, for good: spam"),
        (None, "", "#3 ban of account bob by alice, for good"),
        (0, "", "#3 ban of account bob by alice, over"),
    ],
)
def test_a_sanction_is_shown_on_one_line(until_ms: int | None, reason: str, shown: str) -> None:
    assert sanction(3, "bob", until_ms=until_ms, reason=reason).shown(now_ms=0) == shown


def test_a_sanction_ends_at_its_time_and_one_without_never() -> None:
    assert not sanction(1, "bob", until_ms=100).is_over(99)
    assert sanction(1, "bob", until_ms=100).is_over(100)
    assert not sanction(1, "bob").is_over(10**15)


def test_a_sanction_is_stored_and_read_again() -> None:
    stored = msgspec.json.encode(sanction(1, "192.0.2.0/24", until_ms=5, reason="spam"))
    assert msgspec.json.decode(stored, type=Sanction) == sanction(
        1, "192.0.2.0/24", until_ms=5, reason="spam"
    )


# --- all of them


@pytest.mark.parametrize("text", ["bob", "nick:bobby", "bob*", "192.0.2.7", "192.0.2.0/24"])
def test_somebody_is_held_by_account_nick_glob_address_and_network(text: str) -> None:
    ban = sanction(1, text)
    sanctions = of(ban)
    assert sanctions.find("ban", "lobby", BOB, 0) == ban
    assert sanctions.find("ban", "lobby", Subject("eve", "a2", "2001:db8::1"), 0) is None


def test_a_sanction_holds_in_its_room_and_for_its_kind_alone() -> None:
    sanctions = of(sanction(1, "bob"), sanction(2, "bob", room=""))
    assert sanctions.find("ban", "dev", BOB, 0) is None
    assert sanctions.find("mute", "lobby", BOB, 0) is None
    assert [each.number for each in sanctions.listing("lobby", 0)] == [1]
    assert [each.number for each in sanctions.listing("", 0)] == [2]


def test_of_several_that_hold_the_longest_is_told() -> None:
    short, long, good = (
        sanction(1, "bob", until_ms=10),
        sanction(2, "nick:bobby", until_ms=20),
        sanction(3, "bob*"),
    )
    assert of(long, short).find("ban", "lobby", BOB, 0) == long
    assert of(good, long, short).find("ban", "lobby", BOB, 0) == good
    assert of(sanction(4, "bobb*"), good).find("ban", "lobby", BOB, 0).number == 4  # type: ignore[union-attr]


def test_a_sanction_of_no_higher_rank_does_not_hide_one_that_holds() -> None:
    """A long one by somebody no higher than bob, a short one by somebody above."""
    sanctions = of(sanction(1, "192.0.2.0/24", rank=2), sanction(2, "bob", until_ms=10, rank=3))
    held_by = sanctions.find("ban", "lobby", BOB, 0, rank=2)
    assert held_by is not None
    assert held_by.number == 2
    assert sanctions.find("ban", "lobby", BOB, 0, rank=3) is None


def test_what_is_over_holds_nobody_and_waits_to_be_removed() -> None:
    sanctions = of(sanction(1, "bob", until_ms=10), sanction(2, "eve"))
    assert sanctions.find("ban", "lobby", BOB, 10) is None
    assert [each.number for each in sanctions.listing("lobby", 10)] == [2]
    assert [each.number for each in sanctions.expired(10)] == [1]
    assert sanctions.expired(9) == []
    assert sanctions.get(1) is not None


def test_a_second_one_of_the_same_mask_takes_the_place_of_the_first() -> None:
    sanctions = Sanctions()
    first, second = sanction(1, "192.0.2.0/24"), sanction(2, "192.0.2.99/24", until_ms=10)
    assert sanctions.add(first) is None
    assert sanctions.matching("ban", "lobby", second.mask) == first
    assert sanctions.add(second) == first
    assert sanctions.get(1) is None
    assert sanctions.find("ban", "lobby", BOB, 0) == second
    assert sanctions.find("ban", "lobby", BOB, 10) is None


def test_mutes_bans_and_other_rooms_take_nobodys_place() -> None:
    sanctions = of(sanction(1, "bob"))
    assert sanctions.add(sanction(2, "bob", kind="mute")) is None
    assert sanctions.add(sanction(3, "bob", room="dev")) is None
    assert [each.number for each in sanctions.listing("lobby", 0)] == [2, 1]
    assert [each.number for each in sanctions.listing("lobby", 0, "ban")] == [1]


def test_a_number_is_given_once() -> None:
    sanctions = of(sanction(7, "bob"))
    assert sanctions.last_number == 7
    sanctions.remove(7)
    assert sanctions.last_number == 7
    sanctions.start_after(9)
    assert sanctions.last_number == 9


def test_a_number_that_is_taken_is_refused_and_nothing_changes() -> None:
    sanctions = of(sanction(1, "bob"), sanction(2, "eve"))
    with pytest.raises(ValueError, match="there is a sanction #1 already"):
        sanctions.add(sanction(1, "eve"))
    assert [each.number for each in sanctions.listing("lobby", 0)] == [2, 1]


def test_what_was_never_there_can_be_removed() -> None:
    assert Sanctions().remove(1) is None


MASKS = st.sampled_from(
    [
        *("bob", "eve", "nick:bob", "nick:a1", "b*", "?ob", "*b*", "e*e", "192.0.2.7", "::1"),
        *("192.0.2.0/24", "192.0.0.0/16", "192.0.2.0/25", "::ffff:192.0.2.7", "2001:db8::/64"),
        *("2001:db8::/32", "2001:db8::7"),
    ]
)
SUBJECTS = st.builds(
    Subject,
    st.sampled_from(["bob", "eve", "a1", "b*", "zoe"]),
    st.sampled_from(["", "a1", "a2", "a3"]),
    st.sampled_from(
        ["", "unix", "192.0.2.7", "192.0.2.200", "::ffff:192.0.9.9", "::1", "2001:db8::7"]
    ),
)
KINDS: st.SearchStrategy[SanctionKind] = st.sampled_from(["ban", "mute"])
ROOMS = st.sampled_from(["", "lobby"])


class SanctionsMachine(RuleBasedStateMachine):
    """The index and a plain list of the same sanctions, while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.sanctions = Sanctions()
        self.model: list[Sanction] = []
        self.now_ms = 0

    @rule(
        text=MASKS,
        kind=KINDS,
        room=ROOMS,
        lasts_ms=st.none() | st.integers(1, 50),
        rank=st.integers(1, 3),
    )
    def add(
        self, text: str, kind: SanctionKind, room: str, lasts_ms: int | None, rank: int
    ) -> None:
        until_ms = None if lasts_ms is None else self.now_ms + lasts_ms
        number = self.sanctions.last_number + 1
        new = sanction(number, text, kind=kind, room=room, until_ms=until_ms, rank=rank)
        same = [
            old
            for old in self.model
            if (old.kind, old.room, old.mask) == (new.kind, new.room, new.mask)
        ]
        assert self.sanctions.add(new) == (same[0] if same else None)
        self.model = [old for old in self.model if old not in same] + [new]

    @rule(data=st.data())
    @precondition(lambda self: self.model)
    def remove(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.model))
        assert self.sanctions.remove(old.number) == old
        assert self.sanctions.remove(old.number) is None
        self.model.remove(old)

    @rule(passes_ms=st.integers(1, 30))
    def wait(self, passes_ms: int) -> None:
        self.now_ms += passes_ms

    @rule()
    def remove_expired(self) -> None:
        expired = self.sanctions.expired(self.now_ms)
        assert expired == [old for old in self.model if old.is_over(self.now_ms)]
        for old in expired:
            self.sanctions.remove(old.number)
            self.model.remove(old)

    @rule(kind=KINDS, room=ROOMS, subject=SUBJECTS, rank=st.integers(0, 3))
    def find(self, kind: SanctionKind, room: str, subject: Subject, rank: int) -> None:
        holding = [
            (float("inf") if each.until_ms is None else each.until_ms, each.number)
            for each in self.model
            if (each.kind, each.room) == (kind, room)
            and each.mask.matches(subject)
            and each.rank > rank
            and not each.is_over(self.now_ms)
        ]
        found = self.sanctions.find(kind, room, subject, self.now_ms, rank=rank)
        assert (found and found.number) == (max(holding)[1] if holding else None)

    @invariant()
    def lists_the_same(self) -> None:
        for room in ("", "lobby"):
            holding = [s for s in self.model if s.room == room and not s.is_over(self.now_ms)]
            assert self.sanctions.listing(room, self.now_ms) == holding[::-1]
            for kind in ("ban", "mute"):
                is_empty = not [s for s in self.model if (s.kind, s.room) == (kind, room)]
                assert self.sanctions.is_empty(kind, room) == is_empty
        assert self.sanctions.is_quiet == (not self.model)


TestSanctions = SanctionsMachine.TestCase


# --- what is typed


@pytest.mark.parametrize(
    ("rest", "split"),
    [
        ("bob 2d spam and more", ("bob", 48 * HOUR_MS, "spam and more")),
        ("bob spam", ("bob", None, "spam")),
        ("bob 2d", ("bob", 48 * HOUR_MS, "")),
        ("bob", ("bob", None, "")),
        ("  bob\t 1h30m   spam  and more ", ("bob", 3 * HOUR_MS // 2, "spam  and more")),
        ("bob 1h 30m reason", ("bob", 3 * HOUR_MS // 2, "reason")),
        ("bob 2 d spam", ("bob", 48 * HOUR_MS, "spam")),
        ("bob for good spam", ("bob", None, "spam")),
        ("2d 2d 2d", ("2d", 48 * HOUR_MS, "2d")),
        ("", ("", None, "")),
        ("  ", ("", None, "")),
    ],
)
def test_a_sanction_is_typed_as_target_duration_and_reason(
    rest: str, split: tuple[str, int | None, str]
) -> None:
    assert split_sanction(rest) == split


def test_a_duration_out_of_bounds_is_not_taken_for_the_reason() -> None:
    with pytest.raises(BadRequest, match="4000d does not"):
        split_sanction("bob 4000d spam")


@given(st.text(), st.text())
def test_the_target_is_the_first_word_whatever_follows(target: str, rest: str) -> None:
    words = f"{target} {rest}".split()
    try:
        split = split_sanction(f"{target} {rest}")
    except ChatError:
        return
    assert split.target == (words[0] if words else "")
    assert split.reason.split() == words[len(words) - len(split.reason.split()) :]


# --- levels, and whom to catch how


def test_each_level_has_a_sentence_of_its_own() -> None:
    assert [level.value for level in Defcon] == [0, 1, 2, 3, 4, 5]
    assert len({level.sentence for level in Defcon}) == len(Defcon)


def test_masks_are_proposed_with_whom_else_they_would_catch() -> None:
    others = [
        ("Eve", Subject("eve", "a2", "192.0.2.7")),
        ("Zoe", Subject("zoe", "", "::ffff:192.0.2.99")),
        ("Bobby2", Subject("bobby2", "", "198.51.100.1")),
    ]
    assert how_to_catch(BOB, iter(others), account_name="bob") == [
        Candidate(mask("account:bob"), ()),
        Candidate(mask("192.0.2.7"), ("Eve",)),
        Candidate(mask("192.0.2.0/24"), ("Eve", "Zoe")),
        Candidate(mask("nick:bobby"), ()),
    ]


@pytest.mark.parametrize(
    ("subject", "texts"),
    [
        (GUEST, ["192.0.2.7", "192.0.2.0/24", "nick:bobby"]),
        (
            Subject("bobby", "", "2001:db8::7"),
            ["2001:db8::7", "2001:db8::/64", "nick:bobby"],
        ),
        (Subject("bobby", "", "unix"), ["nick:bobby"]),
    ],
)
def test_only_masks_that_can_catch_somebody_are_proposed(
    subject: Subject, texts: list[str]
) -> None:
    assert [candidate.mask for candidate in how_to_catch(subject, [])] == [*map(mask, texts)]


@given(SUBJECTS.filter(lambda subject: "*" not in subject.key))
def test_every_mask_that_is_proposed_catches_whom_it_is_for(subject: Subject) -> None:
    candidates = how_to_catch(subject, [("twin", subject)], account_name="somebody")
    assert {candidate.others for candidate in candidates} == {("twin",)}


def test_what_is_over_is_given_in_pieces() -> None:
    """B7: whoever sets a sanction pays for some that are over, not for all of them."""
    sanctions = Sanctions()
    for number in range(1, 251):
        sanctions.add(sanction(number, f"guest{number}", until_ms=number))
    found = []
    while over := sanctions.expired(1_000):
        assert len(over) <= 100
        found += [sanctions.remove(each.number) for each in over]
    assert len(found) == 250
