"""CancelToken: one request to stop, seen by every thread of a run.

Reading `cancelled` costs an attribute look-up, so a sampler asks at every step. Knows nothing of what it stops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import Cancelled

__all__ = ["CancelToken"]


class CancelToken:
    """Starts clear, can be cancelled once from any thread, never goes back."""

    def __init__(self) -> None:
        self.cancelled = False
        self._lock = threading.Lock()
        self._watchers: list[Callable[[], None]] = []

    def cancel(self) -> None:
        """Ask for the stop and tell the watchers. May be called many times; only the first counts."""
        with self._lock:
            if self.cancelled:
                return
            self.cancelled = True
            watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher()

    def check(self) -> None:
        """Raise Cancelled when the stop was asked for."""
        if self.cancelled:
            raise Cancelled()

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call `watcher` once on cancellation, at once if it already came; return a function that takes it back."""
        with self._lock:
            early = self.cancelled
            if not early:
                self._watchers.append(watcher)
        if early:
            watcher()

        def forget() -> None:
            with self._lock:
                if watcher in self._watchers:
                    self._watchers.remove(watcher)

        return forget
