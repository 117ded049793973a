"""Ledger: how many bytes are held on each kind of memory, every storage counted once.

Cached values and model weights share storages (a checkpoint's parts, a patched copy of a model, views); what matters
for a budget is what letting go would free. Knows nothing of tensors: a storage is an opaque id. Not thread-safe.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple

__all__ = ["DEVICE", "RAM", "Ledger", "Part"]

RAM = "ram"
DEVICE = "device"


class Part(NamedTuple):
    """One storage of a value: an id that is equal for shared storages while they live, its bytes, its tier."""

    storage: Hashable
    nbytes: int
    tier: str


class Ledger:
    """Sums by tier ("ram", "device"); `add` and `remove` come in pairs with the same parts."""

    def __init__(self) -> None:
        self._holders: dict[Hashable, int] = {}
        self.used: dict[str, int] = {RAM: 0, DEVICE: 0}

    def add(self, parts: Iterable[Part]) -> None:
        """Count one more holder of `parts`; only storages nobody held before add bytes."""
        holders = self._holders
        for storage, nbytes, tier in parts:
            count = holders.get(storage, 0)
            if not count:
                self.used[tier] += nbytes
            holders[storage] = count + 1

    def remove(self, parts: Iterable[Part]) -> None:
        """Count one holder less; storages that nobody holds any more free their bytes."""
        holders = self._holders
        for storage, nbytes, tier in parts:
            count = holders[storage] - 1
            if count:
                holders[storage] = count
            else:
                del holders[storage]
                self.used[tier] -= nbytes

    def alone(self, parts: Iterable[Part]) -> int:
        """Return the bytes of `parts`, all of them counted, that have one holder: what letting go would free."""
        return sum(part.nbytes for part in parts if self._holders.get(part.storage) == 1)

    def extra(self, parts: Iterable[Part], tier: str) -> int:
        """Return the bytes that adding `parts` would cost in `tier`."""
        fresh = {part.storage: part.nbytes for part in parts if part.tier == tier and part.storage not in self._holders}
        return sum(fresh.values())
