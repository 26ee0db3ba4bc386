"""Whatever is written, with restarts anywhere in between: the store is this simple model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TypeAlias

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from support_store import Talk, talking
from trio_chat.config import StoreSection
from trio_chat.errors import Conflict
from trio_chat.store import Put, Record, Write
from trio_chat.store.sqlite import open_sqlite_store

ROOMS = ["a", "b", "c"]
KEYS = ["", "1", "2", "3", "4"]
RECORDS = ["x", "y"]

puts = st.builds(
    Put,
    st.just("space"),
    st.sampled_from(RECORDS),
    st.none() | st.binary(max_size=3),
    st.none() | st.integers(0, 2),
)
writes = st.builds(
    Write,
    room=st.sampled_from(["", *ROOMS]),
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    kind=st.sampled_from(["message", "topic"]),
    scope=st.sampled_from(["s", "t"]),
    key=st.sampled_from(KEYS),
    answer=st.binary(max_size=3),
    puts=st.lists(puts, max_size=2, unique_by=lambda put: put.key).map(tuple),
)
Step: TypeAlias = list[Write] | str
steps = st.lists(st.lists(writes, min_size=1, max_size=8) | st.sampled_from(["restart", "settle"]))


class Model:
    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.firsts: dict[tuple[str, str], tuple[str, int, bytes]] = {}
        self.records: dict[str, Record] = {}

    def write(self, write: Write) -> tuple[str, int, bytes, bool, bool]:
        """Room, seq, answer, whether it is a repetition, whether it is in conflict."""
        if write.key and (first := self.firsts.get((write.scope, write.key))):
            return *first, True, False
        versions = {key: record.version for key, record in self.records.items()}
        for put in write.puts:
            if put.expect is not None and put.expect != versions.get(put.key, 0):
                return write.room, 0, write.answer, False, True
        for put in write.puts:
            if put.value is None:
                self.records.pop(put.key, None)
            else:
                self.records[put.key] = Record(put.value, versions.get(put.key, 0) + 1)
        seq = 0
        if write.room:
            texts = self.texts.setdefault(write.room, [])
            texts.append(write.text)
            seq = len(texts)
        if write.key:
            self.firsts[write.scope, write.key] = (write.room, seq, write.answer)
        return write.room, seq, write.answer, False, False


async def compare(talk: Talk, model: Model) -> None:
    assert await talk.store.heads() == {room: len(texts) for room, texts in model.texts.items()}
    assert await talk.store.list("space") == model.records
    for room in ROOMS:
        page = await talk.store.page(room, after=0, limit=1000)
        assert [entry.text for entry in page] == model.texts.get(room, [])
    for scope in ("s", "t"):
        for key in KEYS[1:]:
            first = await talk.store.recall(scope, key)
            found = None if first is None else (first.room, first.seq, first.answer)
            assert found == model.firsts.get((scope, key))


async def play(folder: Path, played: list[Step]) -> None:
    model = Model()
    left = list(played)
    while True:
        async with talking(open_sqlite_store(folder, StoreSection(batch_writes=5))) as talk:
            await compare(talk, model)
            while left and (step := left.pop(0)) != "restart":
                if isinstance(step, str):
                    await talk.settle()
                    continue
                expected = [model.write(write) for write in step]
                committed = await talk.commit(*step)
                assert [
                    (w.room, w.seq, w.answer, w.repeated, isinstance(w.error, Conflict))
                    for w in committed
                ] == expected
                await compare(talk, model)
            if not left:
                return


@settings(max_examples=40, deadline=None)
@given(steps)
def test_any_sequence_of_writes_and_restarts_is_what_the_model_says(played: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trio.run(play, Path(folder), played)
