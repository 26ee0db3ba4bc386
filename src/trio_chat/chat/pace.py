"""How fast one may go (a token bucket) and how often one may fail (a throttle).

Pure arithmetic; the time is an argument."""

from __future__ import annotations

from collections import OrderedDict, deque

# What rounding may add to a wait: one who waited as long as it was told to may go on.
_ROUNDING = 1e-6


class TokenBucket:
    """Holds up to *burst* tokens, gains *per_second*, and each request takes one."""

    __slots__ = ("_burst", "_per_second", "_tokens", "_updated")

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._tokens = float(burst)
        self._updated = float("-inf")

    def take(self, now: float) -> float:
        """Take a token at *now* (seconds). Return 0.0, or the seconds until there is one; then
        nothing was taken."""
        gained = (now - self._updated) * self._per_second
        self._tokens = min(self._burst, self._tokens + gained)
        self._updated = now
        if self._tokens >= 1.0 - _ROUNDING:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._per_second

    def put_back(self) -> None:
        """Give back the token just taken."""
        self._tokens += 1.0


class Buckets:
    """A token bucket for each key, all of one size. Of more than *keys_max* keys the one that was
    used longest ago is forgotten, and has a full bucket the next time."""

    __slots__ = ("_buckets", "_burst", "_keys_max", "_per_second")

    def __init__(self, burst: int, per_second: float, keys_max: int = 10_000) -> None:
        self._burst = burst
        self._per_second = per_second
        self._keys_max = keys_max
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._buckets)

    def of(self, key: str) -> TokenBucket:
        """Return the bucket of *key*, made full if there is none."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._burst, self._per_second)
            if len(self._buckets) > self._keys_max:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket


class Throttle:
    """Allows each key *attempts* failures within any *seconds*; then it has to wait.

    Count a failure before a slow check, and call `succeeded` after it: otherwise whoever asks a
    thousand times at once has a thousand guesses. For a key that stands for an address call
    `take_back` instead, or one's own password buys new guesses at those of others.

    Memory is bounded by *keys_max* keys of *attempts* times each. When another key needs a place,
    those without a failure in the last *seconds* go; then the stalest of those that have not used
    up their attempts; only if all have goes the stalest of these, and is free to try again. So a
    flood of made-up keys frees nobody who has to wait, unless each of *keys_max* keys failed
    *attempts* times; but it can make the throttle forget the first failures of a key.
    """

    __slots__ = ("_attempts", "_keys_max", "_seconds", "_tried", "_used_up")

    def __init__(self, attempts: int, seconds: float, keys_max: int = 10_000) -> None:
        self._attempts = attempts
        self._seconds = seconds
        self._keys_max = keys_max
        # Both in the order of the last change; of each key the last failures, at most *attempts*.
        self._tried: OrderedDict[str, deque[float]] = OrderedDict()
        self._used_up: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._tried) + len(self._used_up)

    def check(self, key: str, now: float) -> float:
        """Return 0.0, or the seconds that *key* has to wait at *now* (seconds). Counts nothing."""
        times = self._used_up.get(key)
        wait = times[0] + self._seconds - now if times is not None else 0.0
        return wait if wait > _ROUNDING else 0.0

    def failed(self, key: str, now: float) -> None:
        """Count a failure of *key* at *now* (seconds)."""
        times = self._used_up.pop(key, None) or self._tried.pop(key, None)
        if times is None:
            self._make_place(now)
            times = deque(maxlen=self._attempts)
        times.append(now)
        while times[0] <= now - self._seconds:
            times.popleft()
        is_used_up = len(times) == self._attempts
        (self._used_up if is_used_up else self._tried)[key] = times

    def take_back(self, key: str) -> None:
        """The last one counted of *key* was no failure: count it no longer."""
        times = self._used_up.pop(key, None) or self._tried.pop(key, None)
        if times is not None and len(times) > 1:
            times.pop()
            self._tried[key] = times

    def succeeded(self, key: str) -> None:
        """Forget the failures of *key*."""
        self._tried.pop(key, None)
        self._used_up.pop(key, None)

    def _make_place(self, now: float) -> None:
        if len(self) < self._keys_max:
            return
        for keys in (self._tried, self._used_up):
            while keys and next(iter(keys.values()))[-1] <= now - self._seconds:
                keys.popitem(last=False)
        if len(self) >= self._keys_max:
            (self._tried or self._used_up).popitem(last=False)
