"""Whatever is written, amended, redacted and dropped, with restarts anywhere in between: the store
is this simple model."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from support_store import BACK_ENDS, Talk, check_database, talking
from trio_chat.config import StoreSection
from trio_chat.errors import BadRequest, Conflict
from trio_chat.store.api import AUDIT_ROOM, Put, Record, Write

ROOMS = ["a", "b", "c"]
KEYS = ["", "1", "2", "3", "4"]
RECORDS = ["x", "y"]
WORDS = ["alpha", "beta", "gamma"]
ACCOUNTS = ["a1", "a2"]
SAID = ("message", "action", "notice")

puts = st.builds(
    Put,
    st.just("space"),
    st.sampled_from(RECORDS),
    st.none() | st.binary(max_size=3),
    st.none() | st.integers(0, 2),
)
texts = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=20
)
writes = st.builds(
    Write,
    room=st.sampled_from(["", *ROOMS]),
    text=texts,
    kind=st.sampled_from(["message", "action", "topic"]),
    account=st.sampled_from(["", *ACCOUNTS]),
    scope=st.sampled_from(["s", "t"]),
    key=st.sampled_from(KEYS),
    answer=st.binary(max_size=3),
    puts=st.lists(puts, max_size=2, unique_by=lambda put: put.key).map(tuple),
    audit=st.just("") | texts,
)
# *target* counts back from the newest entry, until it is written.
amendments = st.builds(
    Write,
    room=st.sampled_from(["", "a", "a", "a", "b"]),
    text=texts,
    kind=st.sampled_from(["edited", "edited", "deleted"]),
    target=st.none() | st.integers(0, 6),
    account=st.sampled_from(["", *ACCOUNTS]),
    scope=st.just("s"),
    key=st.sampled_from(["", "", *KEYS]),
    puts=st.just(()) | puts.map(lambda put: (put,)),
    audit=st.just("") | texts,
)


class Redact(NamedTuple):
    account: str


class Drop(NamedTuple):
    room: str


Step: TypeAlias = list[Write] | Redact | Drop | str
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.lists(writes | amendments, min_size=1, max_size=8)
    | st.sampled_from(["restart", "settle"])
    | st.builds(Redact, st.sampled_from(ACCOUNTS))
    | st.builds(Drop, st.sampled_from([*ROOMS, AUDIT_ROOM]))
)


@dataclass(frozen=True)
class Line:
    kind: str
    account: str
    text: str
    target: int | str | None = None
    amended: str = ""


class Model:
    def __init__(self) -> None:
        self.logs: dict[str, list[Line]] = {}
        self.firsts: dict[tuple[str, str], tuple[str, int, bytes]] = {}
        self.records: dict[str, Record] = {}

    def write(self, write: Write) -> tuple[str, int, bytes, bool, type[Exception] | None]:
        """Room, seq, answer, whether it is a repetition, how it is refused."""
        if isinstance(write.target, int):
            write.target = len(self.logs.get(write.room, [])) - write.target
        if write.key and (first := self.firsts.get((write.scope, write.key))):
            return *first, True, None
        refused = self.refusal(write)
        if refused is not None:
            return write.room, 0, write.answer, False, refused
        for put in write.puts:
            if put.value is None:
                self.records.pop(put.key, None)
            else:
                self.records[put.key] = Record(put.value, self.version(put) + 1)
        if write.kind in ("edited", "deleted"):
            text = write.text if write.kind == "edited" else ""
            self.amend(self.logs[write.room], write.target, text, write.kind)
        seq = 0
        if write.room:
            log = self.logs.setdefault(write.room, [])
            log.append(Line(write.kind, write.account, write.text, write.target))
            seq = len(log)
        if write.key:
            self.firsts[write.scope, write.key] = (write.room, seq, write.answer)
        if write.audit:
            audit = self.logs.setdefault(AUDIT_ROOM, [])
            audit.append(Line("notice", write.account, write.audit))
        return write.room, seq, write.answer, False, None

    def refusal(self, write: Write) -> type[Exception] | None:
        for put in write.puts:
            if put.expect is not None and put.expect != self.version(put):
                return Conflict
        if write.kind in ("edited", "deleted"):
            log, seq = self.logs.get(write.room, []), write.target
            if not isinstance(seq, int) or not 0 < seq <= len(log):
                return BadRequest
            if log[seq - 1].kind not in SAID or log[seq - 1].amended == "deleted":
                return BadRequest
        return None

    def version(self, put: Put) -> int:
        return self.records[put.key].version if put.key in self.records else 0

    def amend(self, log: list[Line], target: object, text: str, amended: str) -> None:
        for index, line in enumerate(log):
            if index + 1 == target:
                log[index] = replace(line, text=text, amended=amended)
            elif line.kind == "edited" and line.target == target and not line.amended:
                log[index] = replace(line, text=text, amended=amended.replace("edited", ""))

    def redact(self, account: str) -> int:
        count = 0
        for room in set(self.logs) - {AUDIT_ROOM}:
            log = self.logs[room]
            for index, line in enumerate(log):
                if line.account != account:
                    continue
                if line.kind in SAID and line.amended != "deleted":
                    self.amend(log, index + 1, "", "deleted")
                    count += 1
                elif line.kind in ("edited", "deleted", "topic"):
                    log[index] = replace(line, text="", amended="deleted")
        return count

    def found(self, word: str) -> set[tuple[str, int]]:
        return {
            (room, index + 1)
            for room in ROOMS
            for index, line in enumerate(self.logs.get(room, []))
            if word in line.text.split() and line.kind != "edited"
        }

    def said_by(self, account: str) -> list[tuple[str, int]]:
        return [
            (room, index + 1)
            for room in ROOMS
            for index, line in enumerate(self.logs.get(room, []))
            if line.account == account
        ]


async def compare(talk: Talk, model: Model) -> None:
    assert await talk.store.heads() == {room: len(log) for room, log in model.logs.items()}
    assert await talk.store.list("space") == model.records
    for room in (*ROOMS, AUDIT_ROOM):
        page = await talk.store.page(room, after=0, limit=1000)
        assert [
            Line(entry.kind, entry.account, entry.text, entry.target, entry.amended)
            for entry in page
        ] == model.logs.get(room, [])
    for scope in ("s", "t"):
        for key in KEYS[1:]:
            first = await talk.store.recall(scope, key)
            found = None if first is None else (first.room, first.seq, first.answer)
            assert found == model.firsts.get((scope, key))


async def compare_what_is_found(talk: Talk, model: Model) -> None:
    """Settles too, so it is not done after each step."""
    for word in WORDS:
        entries = await talk.store.search(word, rooms=dict.fromkeys(ROOMS, 0), limit=1000)
        assert {(entry.room, entry.seq) for entry in entries} == model.found(word)
    for account in ACCOUNTS:
        said = await talk.store.said_by(account, limit=1000)
        assert [(entry.room, entry.seq) for entry in said] == model.said_by(account)


async def take(talk: Talk, model: Model, step: Step) -> None:
    if isinstance(step, Redact):
        assert await talk.store.redact(step.account) == model.redact(step.account)
    elif isinstance(step, Drop):
        await talk.store.drop(step.room)
        model.logs.pop(step.room, None)
    elif isinstance(step, str):
        await compare_what_is_found(talk, model)
    else:
        expected = [model.write(write) for write in step]
        assert [
            (w.room, w.seq, w.answer, w.repeated, type(w.error) if w.error else None)
            for w in await talk.commit(*step)
        ] == expected


def beginning() -> list[Write]:
    """Something to amend."""
    return [
        Write(room="a", text=f"{word} {number}", account=account)
        for number, word in enumerate(WORDS)
        for account in ACCOUNTS
    ]


async def play(folder: Path, back_end: str, played: list[Step]) -> None:
    model = Model()
    left = [beginning(), *played]
    while True:
        async with talking(BACK_ENDS[back_end](folder, StoreSection(batch_writes=5))) as talk:
            await compare(talk, model)
            while left and (step := left.pop(0)) != "restart":
                await take(talk, model, step)
                await compare(talk, model)
            await compare_what_is_found(talk, model)
            if not left:
                return


@pytest.mark.parametrize("back_end", BACK_ENDS)
@settings(max_examples=40, deadline=None)
@given(played=steps)
def test_any_sequence_of_writes_and_restarts_is_what_the_model_says(
    back_end: str, played: list[Step]
) -> None:
    if back_end == "memory":
        played = [step for step in played if step != "restart"]
    with tempfile.TemporaryDirectory() as folder:
        trio.run(play, Path(folder), back_end, played)
        if back_end == "sqlite":
            check_database(Path(folder))
