"""The throttle against a model that forgets nothing, and what a flood of made-up keys can do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trio_chat.chat.pace import Throttle

KEYS = st.sampled_from(["a", "b", "c"])
ACTIONS = st.sampled_from(["fail", "fail", "fail", "succeed", "take back", "ask"])
STEPS = st.lists(st.tuples(ACTIONS, KEYS, st.integers(0, 40)))


def test_the_failure_after_the_last_attempt_has_to_wait() -> None:
    throttle = Throttle(attempts=3, seconds=60.0)
    for now in (0.0, 10.0, 20.0):
        assert throttle.check("bob", now) == 0.0
        throttle.failed("bob", now)
    assert throttle.check("bob", 20.0) == 40.0
    assert throttle.check("alice", 20.0) == 0.0


def test_the_window_slides_each_failure_makes_way_for_one() -> None:
    throttle = Throttle(attempts=2, seconds=60.0)
    throttle.failed("bob", 0.0)
    throttle.failed("bob", 50.0)
    assert throttle.check("bob", 60.0) == 0.0
    throttle.failed("bob", 60.0)
    assert throttle.check("bob", 60.0) == 50.0


def test_asking_costs_nothing() -> None:
    throttle = Throttle(attempts=1, seconds=60.0)
    assert [throttle.check("bob", 0.0) for _ in range(10)] == [0.0] * 10
    throttle.failed("bob", 0.0)
    assert [throttle.check("bob", 10.0) for _ in range(10)] == [50.0] * 10


def test_a_success_forgets_the_failures() -> None:
    throttle = Throttle(attempts=2, seconds=60.0)
    for _ in range(2):
        throttle.failed("bob", 0.0)
        throttle.succeeded("bob")
        assert throttle.check("bob", 0.0) == 0.0
    throttle.failed("bob", 0.0)
    throttle.failed("bob", 0.0)
    throttle.succeeded("bob")
    assert throttle.check("bob", 0.0) == 0.0
    assert len(throttle) == 0


def test_a_success_without_a_failure_is_nothing() -> None:
    throttle = Throttle(attempts=1, seconds=60.0)
    throttle.succeeded("bob")
    assert len(throttle) == 0


def test_a_success_taken_back_leaves_the_failures_before_it() -> None:
    throttle = Throttle(attempts=2, seconds=60.0)
    throttle.failed("192.0.2.7", 0.0)
    throttle.failed("192.0.2.7", 10.0)
    throttle.take_back("192.0.2.7")
    assert throttle.check("192.0.2.7", 10.0) == 0.0
    throttle.failed("192.0.2.7", 20.0)
    assert throttle.check("192.0.2.7", 20.0) == 40.0


@given(st.integers(1, 4), st.integers(1, 100), STEPS)
def test_it_agrees_with_a_model_of_lists(
    attempts: int, seconds: int, steps: list[tuple[str, str, int]]
) -> None:
    throttle = Throttle(attempts, float(seconds))
    failures: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    now = 0
    for what, key, pause in steps:
        now += pause
        if what == "fail":
            throttle.failed(key, float(now))
            failures[key] = [*failures[key], now][-attempts:]
        elif what == "take back":
            throttle.take_back(key)
            failures[key] = failures[key][:-1]
        elif what == "succeed":
            throttle.succeeded(key)
            failures[key].clear()
        for each, times in failures.items():
            recent = [at for at in times if at > now - seconds]
            wait = recent[0] + seconds - now if len(recent) == attempts else 0
            assert throttle.check(each, float(now)) == wait


@given(st.integers(1, 5), st.floats(0.01, 1e4), st.floats(0.0, 1e6), st.floats(0.0, 1.0))
def test_who_waits_as_long_as_told_may_try_again(
    attempts: int, seconds: float, start: float, part: float
) -> None:
    throttle = Throttle(attempts, seconds)
    for number in range(attempts):
        throttle.failed("bob", start + number * 1e-4)
    now = start + part * seconds
    assert throttle.check("bob", now + throttle.check("bob", now)) == 0.0


@given(st.integers(1, 6), st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=80))
def test_it_never_remembers_more_keys_than_it_may(
    keys_max: int, failures: list[tuple[int, int]]
) -> None:
    throttle = Throttle(attempts=2, seconds=30.0, keys_max=keys_max)
    now = 0
    for key, pause in failures:
        now += pause
        throttle.failed(str(key), float(now))
        assert len(throttle) <= keys_max


def test_a_flood_of_made_up_keys_frees_nobody_who_has_to_wait() -> None:
    throttle = Throttle(attempts=3, seconds=60.0, keys_max=10)
    for _ in range(3):
        throttle.failed("bob", 0.0)
    for number in range(1000):
        throttle.failed(f"made up {number}", 1.0)
    assert throttle.check("bob", 1.0) == 59.0
    assert len(throttle) == 10


def test_a_flood_can_make_it_forget_a_first_failure() -> None:
    throttle = Throttle(attempts=2, seconds=60.0, keys_max=10)
    throttle.failed("bob", 0.0)
    for number in range(10):
        throttle.failed(f"made up {number}", 1.0)
    throttle.failed("bob", 1.0)
    assert throttle.check("bob", 1.0) == 0.0


def test_if_all_have_to_wait_the_one_that_waits_longest_is_freed() -> None:
    throttle = Throttle(attempts=1, seconds=60.0, keys_max=3)
    for now, key in enumerate("abcd"):
        throttle.failed(key, float(now))
    assert [throttle.check(key, 3.0) for key in "abcd"] == [0.0, 58.0, 59.0, 60.0]


def test_keys_whose_failures_are_long_past_make_place_first() -> None:
    throttle = Throttle(attempts=2, seconds=60.0, keys_max=3)
    for key in ("old", "old", "older"):
        throttle.failed(key, 0.0)
    throttle.failed("bob", 50.0)
    throttle.failed("eve", 70.0)
    assert len(throttle) == 2
    throttle.failed("bob", 70.0)
    assert throttle.check("bob", 70.0) == 40.0
