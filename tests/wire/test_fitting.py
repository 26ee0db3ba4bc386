"""As many rows as one answer holds: no more, and no fewer."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.wire.fitting import RESULT_BYTES, fit_rows

TEXTS = st.builds(lambda text, times: text * times, st.text(min_size=1), st.integers(0, 3000))


def size(row: str, line: str) -> int:
    return len(msgspec.json.encode(row)) + len(msgspec.json.encode(line))


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=12))
def test_the_first_rows_that_fit_are_taken(rows: list[tuple[str, str]]) -> None:
    taken, lines, more = fit_rows(iter(rows))
    assert [*zip(taken, lines, strict=True)] == rows[: len(taken)]
    used = sum(size(*row) for row in rows[: len(taken)])
    assert used <= RESULT_BYTES
    assert more == (len(taken) < len(rows))
    if more:
        assert used + size(*rows[len(taken)]) > RESULT_BYTES
