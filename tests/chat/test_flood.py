"""How fast one may go: the bucket against a model, and what a person notices of it."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from trio_chat.chat.pace import TokenBucket

BURSTS = st.integers(1, 20)
RATES = st.floats(0.01, 100.0)
STARTS = st.floats(0.0, 1e6)


def test_a_burst_goes_through_and_the_next_has_to_wait() -> None:
    bucket = TokenBucket(burst=5, per_second=2.0)
    assert [bucket.take(100.0) for _ in range(5)] == [0.0] * 5
    assert bucket.take(100.0) == 0.5


def test_asking_too_early_costs_nothing() -> None:
    bucket = TokenBucket(burst=1, per_second=2.0)
    assert bucket.take(0.0) == 0.0
    assert [bucket.take(0.25) for _ in range(10)] == [0.25] * 10
    assert bucket.take(0.5) == 0.0


def test_a_pause_gives_back_the_burst_and_no_more() -> None:
    bucket = TokenBucket(burst=3, per_second=2.0)
    for _ in range(3):
        assert bucket.take(0.0) == 0.0
    assert [bucket.take(1e6) == 0.0 for _ in range(4)] == [True, True, True, False]


@given(BURSTS, RATES, STARTS)
def test_who_waits_as_long_as_told_is_let_through(
    burst: int, per_second: float, now: float
) -> None:
    bucket = TokenBucket(burst, per_second)
    for _ in range(burst + 20):
        wait = bucket.take(now)
        if wait:
            now += wait
            assert bucket.take(now) == 0.0


@given(BURSTS, st.integers(1, 50), st.lists(st.integers(0, 4000), max_size=60))
def test_never_more_than_the_burst_and_the_rate_allow(
    burst: int, per_second: int, pauses_ms: list[int]
) -> None:
    bucket = TokenBucket(burst, float(per_second))
    tokens, now_ms = Fraction(burst), 0
    for pause_ms in pauses_ms:
        now_ms += pause_ms
        tokens = min(Fraction(burst), tokens + Fraction(pause_ms * per_second, 1000))
        wait = bucket.take(now_ms / 1000)
        if tokens >= 1:
            assert wait == 0.0
            tokens -= 1
        else:
            assert abs(wait - (1 - tokens) / per_second) < 1e-6


def test_a_token_that_is_put_back_can_be_taken_again() -> None:
    bucket = TokenBucket(burst=1, per_second=2.0)
    assert bucket.take(0.0) == 0.0
    bucket.put_back()
    assert [bucket.take(0.0), bucket.take(0.0)] == [0.0, 0.5]
