"""Listing: what a cache holds and what it let go, as plain records to be shown.

Made when asked for; the cache writes down nothing for it but the last evictions. Knows no value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Eviction", "Holding", "Listing", "TierUse"]


class Holding(NamedTuple):
    """One value in memory.

    type: of the node that made it, "" when it came from an older disk tier. tier: "ram" or "device". bytes: all it
    refers to; own_bytes: what letting go of it would free, less where it shares storages. model: it holds networks.
    packed: it was moved off its device. pinned: a running job keeps it. seconds: it took to compute. uses: including
    the first. idle_seconds: since it was made or used last.
    """

    type: str
    tier: str
    bytes: int
    own_bytes: int
    model: bool
    packed: bool
    pinned: bool
    seconds: float
    uses: int
    idle_seconds: float


class Eviction(NamedTuple):
    """One value that left memory, or a tier of it.

    at: seconds since 1970. tier: the one it left. reason: "device full", "ram full", or "asked", when somebody freed
    memory. to: "ram", "disk", or None when it can only be computed again. The others as in `Holding`, at that time.
    """

    at: float
    type: str
    tier: str
    bytes: int
    seconds: float
    uses: int
    idle_seconds: float
    reason: str
    to: str | None


class TierUse(NamedTuple):
    """What a tier holds. bytes: as budgeted, each storage once, weights that others hold included."""

    entries: int
    bytes: int
    budget: int


class Listing(NamedTuple):
    """What a cache holds.

    entries: the largest values, largest first; total counts all. tiers: "device", "ram", "disk" (if there is one, as it
    was last listed). evictions: the newest last.
    """

    entries: tuple[Holding, ...]
    total: int
    tiers: dict[str, TierUse]
    evictions: tuple[Eviction, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as data for JSON."""
        return {
            "entries": [entry._asdict() for entry in self.entries],
            "total": self.total,
            "tiers": {name: tier._asdict() for name, tier in self.tiers.items()},
            "evictions": [eviction._asdict() for eviction in self.evictions],
        }
