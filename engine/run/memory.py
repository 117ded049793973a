"""MemoryTiers: which values stay on the device and in RAM, and which must go.

What goes first is what is cheap to compute again for its size and has not been used for long
(GreedyDual-Size-Frequency: Cherkasova 1998, HP Labs TR 98-69). Keys in a lease stay, since their holder would keep the
memory anyway. Not thread-safe, but may be entered again by what it calls. Knows sizes, never what a value is.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from heapq import heapify, heappop, heappush
from time import monotonic
from typing import Any

from .ledger import DEVICE, RAM, Ledger, Part

__all__ = ["ENTRY_BYTES", "Entry", "MemoryTiers"]

ENTRY_BYTES = 750  # what an entry costs by itself: key, record, result dict, heap slot (tracemalloc: 690 on 3.11)
_ROUNDS = 64  # how often values may be moved for one newcomer before it is refused, should the store keep adding others


class Entry:
    """One value and what is known of it.

    kind: type of the node that made it, "" if that is not known. packed: it was moved off its device and must be moved
    back for use.
    """

    __slots__ = ("cost", "home", "kind", "nbytes", "packed", "parts", "priority", "serial", "used", "uses", "value")

    def __init__(self, value: Any, parts: tuple[Part, ...], cost: float, kind: str = "", packed: bool = False) -> None:
        self.value = value
        self.parts = parts
        self.nbytes = ENTRY_BYTES
        self.home = RAM
        for _, nbytes, tier in parts:
            self.nbytes += nbytes
            if tier == DEVICE:
                self.home = DEVICE
        self.cost = cost  # seconds it took to compute
        self.kind = kind
        self.packed = packed
        self.used = monotonic()
        self.priority = 0.0
        self.serial = 0  # of its one valid record in the heap
        self.uses = 1


class MemoryTiers:
    """Entries by key within a budget for each tier; `ledger` also counts what others hold (model weights)."""

    def __init__(self, budgets: dict[str, int], evicted: Callable[[str, Entry, bool], None]) -> None:
        """evicted: told of each entry that had to go, after it has gone; the flag says that its tier was full."""
        self.budgets = budgets
        self.ledger = Ledger()
        self.entries: dict[str, Entry] = {}
        self.leases: list[Container[str]] = []
        self._evicted = evicted
        self._heaps: dict[str, list[tuple[float, int, str]]] = {RAM: [], DEVICE: []}
        self._clock = {RAM: 0.0, DEVICE: 0.0}  # priority of the last evicted: newcomers start above it
        self._serial = 0

    def use(self, key: str) -> Entry | None:
        """Return the entry of `key`, now more worth keeping, or None."""
        entry = self.entries.get(key)
        if entry is not None:
            entry.uses += 1
            entry.used = monotonic()
            # Its record in the heap is mended when it comes to the top: a hit costs no heap operation.
            entry.priority = self._clock[entry.home] + entry.uses * entry.cost / entry.nbytes
        return entry

    def admit(self, key: str, entry: Entry) -> bool:
        """Keep `entry`, moving others out for it; False, and nothing changed, when it cannot fit."""
        if not entry.parts and self.ledger.used[RAM] + ENTRY_BYTES <= self.budgets[RAM] and key not in self.entries:
            self._insert(key, entry)  # by far the most frequent case, spelled out
            return True
        for _ in range(_ROUNDS):
            short = self._short(entry.parts, ENTRY_BYTES)
            if short is None:
                if key not in self.entries:  # else the store put it while values moved
                    self._insert(key, entry)
                return True
            if not self._evict(short, entry.parts, ENTRY_BYTES):
                return False
        return False

    def pinned(self, key: str) -> bool:
        """Tell whether a lease keeps the key from eviction now."""
        return any(key in lease for lease in self.leases)

    def make_room(self, parts: tuple[Part, ...]) -> bool:
        """Move values out so that `parts` fit; False, with all left in place, if they cannot."""
        for _ in range(_ROUNDS):
            short = self._short(parts, 0)
            if short is None:
                return True
            if not self._evict(short, parts, 0):
                return False
        return False

    def remove(self, key: str) -> Entry | None:
        """Take out the entry of `key`, if any, without a word to `evicted`."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.ledger.used[RAM] -= ENTRY_BYTES
            if entry.parts:
                self.ledger.remove(entry.parts)
        return entry

    def _insert(self, key: str, entry: Entry) -> None:
        self.entries[key] = entry
        self.ledger.used[RAM] += ENTRY_BYTES
        if entry.parts:
            self.ledger.add(entry.parts)
        entry.priority = self._clock[entry.home] + entry.uses * entry.cost / entry.nbytes
        self._record(key, entry)

    def _record(self, key: str, entry: Entry) -> None:
        heap = self._heaps[entry.home]
        entry.serial = self._serial = self._serial + 1
        heappush(heap, (entry.priority, entry.serial, key))
        if len(heap) > 64 + 4 * len(self.entries):  # mostly records of entries long gone
            heap[:] = [record for record in heap if self._valid(record) is not None]
            heapify(heap)

    def _valid(self, record: tuple[float, int, str]) -> Entry | None:
        entry = self.entries.get(record[2])
        return entry if entry is not None and entry.serial == record[1] else None

    def _over(self, tier: str, parts: tuple[Part, ...], own: int) -> bool:
        need = self.ledger.extra(parts, tier) if parts else 0
        if tier == RAM:
            need += own
        return need > 0 and self.ledger.used[tier] + need > self.budgets[tier]

    def _short(self, parts: tuple[Part, ...], own: int) -> str | None:
        """Return a tier without room for `parts`, or None."""
        if self._over(RAM, parts, own):
            return RAM
        return DEVICE if parts and self._over(DEVICE, parts, own) else None

    def _evict(self, tier: str, parts: tuple[Part, ...], own: int) -> bool:
        """Take out the least valuable entries until `parts` fit `tier`; False, with all put back, if they cannot."""
        gone: list[tuple[str, Entry]] = []
        stay: list[tuple[float, int, str]] = []
        # A value on the device has a little in RAM too; it goes when nothing else is left there.
        for home in (RAM, DEVICE) if tier == RAM else (DEVICE,):
            heap = self._heaps[home]
            while heap and self._over(tier, parts, own):
                record = heappop(heap)
                entry = self._valid(record)
                if entry is None:
                    continue
                key = record[2]
                if entry.priority != record[0]:  # used since
                    self._record(key, entry)
                elif self.pinned(key):
                    stay.append(record)
                else:
                    self.remove(key)
                    gone.append((key, entry))
            for record in stay:
                heappush(heap, record)
            stay.clear()
        if self._over(tier, parts, own):
            for key, entry in gone:
                uses, priority = entry.uses, entry.priority
                self._insert(key, entry)
                entry.uses, entry.priority = uses, priority
            return False
        for _, entry in gone:
            self._clock[entry.home] = max(self._clock[entry.home], entry.priority)
        for key, entry in gone:
            self._evicted(key, entry, entry.home == tier)
        return True
