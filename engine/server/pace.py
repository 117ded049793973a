"""Pace: how often something may be done, with a few times in advance.

Knows no clock: the caller says what time it is, in seconds.
"""

from __future__ import annotations

__all__ = ["Pace"]


class Pace:
    """A bucket that starts with `burst` permits and gets `per_second` more each second, never above `burst`."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._rate = per_second
        self._burst = float(burst)
        self._permits = float(burst)
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Take a permit; False when there is none yet."""
        self._refill(now)
        if self._permits < 1 - 1e-6:  # a permit that is due must not be missed by rounding
            return False
        self._permits -= 1
        return True

    def wait(self, now: float) -> float:
        """Return the seconds until there is a permit; 0 when there is one."""
        self._refill(now)
        return max(0.0, (1 - self._permits) / self._rate)

    def _refill(self, now: float) -> None:
        if self._at is not None and now > self._at:
            self._permits = min(self._burst, self._permits + (now - self._at) * self._rate)
        if self._at is None or now > self._at:
            self._at = now
