"""The journal: the newest events in memory, numbered without gaps, so that a client can ask for what it missed.

Bounded in entries and in bytes; what is older is forgotten, and whoever asks for it must start over from a snapshot.
Knows no client. Only for the thread of the event loop.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from .loom_protocol import Entry, entries_of, make_entry

__all__ = ["Journal"]

_OVERHEAD_BYTES = 150  # of an entry beside its text: tuple, bytes object, number, place in the ring


class Journal:
    """Numbered events. `last`: the newest one's number; `first`: the oldest one's that is still held."""

    def __init__(self, first: int, capacity: int = 50_000, max_bytes: int = 32 << 20) -> None:
        """first: the number of the first event, above all that an earlier server on this data folder gave."""
        self.last = first - 1
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._bytes = 0
        self._ring: deque[Entry] = deque()

    @property
    def first(self) -> int:
        """Return the number of the oldest event held; of the next one when there is none."""
        return self.last - len(self._ring) + 1

    def append(self, kind: str, job: str | None, data: Mapping[str, Any]) -> Entry:
        """Note one event of now."""
        entry = make_entry(self.last + 1, time.time(), kind, job, data)
        self._keep(entry)
        return entry

    def append_many(self, job: str, events: Iterable[Mapping[str, Any]]) -> list[Entry]:
        """Note a run's events in their order (see `loom_protocol.entries_of`); progress is returned but not kept."""
        entries = entries_of(job, events, self.last + 1, time.time())
        for entry in entries:
            if entry.seq is not None:
                self._keep(entry)
        return entries

    def since(self, seq: int, limit: int | None = None) -> list[Entry] | None:
        """Return the events after number `seq`, the oldest `limit` of them.

        None when some of them are forgotten, or when `seq` was never given: then the caller must start over.
        """
        first = self.first
        if not first - 1 <= seq <= self.last:
            return None
        start = seq + 1 - first
        return list(islice(self._ring, start, None if limit is None else start + limit))

    def _keep(self, entry: Entry) -> None:
        ring = self._ring
        ring.append(entry)
        self.last += 1
        self._bytes += len(entry.text) + _OVERHEAD_BYTES
        while len(ring) > self._capacity or self._bytes > self._max_bytes:
            self._bytes -= len(ring.popleft().text) + _OVERHEAD_BYTES
