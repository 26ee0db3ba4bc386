"""How fast one may go: a token bucket. Pure arithmetic; the time is an argument."""

from __future__ import annotations

# What rounding may take away from a token: who waited as long as it was told to gets it.
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
