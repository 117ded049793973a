"""Cache: remembers node results by key on the device, in RAM and on disk, each within its budget of bytes.

From the device a value moves to RAM, from RAM to disk, and back when it is asked for. Keys are content addresses, so a
value never goes stale. Knows values only through its `Store`; `memory` decides what stays, `disk` what outlives us.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Container, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from heapq import nlargest
from pathlib import Path
from typing import Any, NamedTuple

from .disk import DiskTier
from .ledger import DEVICE, RAM, Ledger, Part
from .listing import Eviction, Holding, Listing, TierUse
from .memory import ENTRY_BYTES, Entry, MemoryTiers
from .plain import PlainStore, Store, Unsavable

__all__ = ["Cache", "CacheStats"]

EVICTIONS = 100  # that are remembered for `listing`
_SMALL = frozenset((int, float, bool, type(None)))


class CacheStats(NamedTuple):
    """What the cache did since it was made, and what it holds now in bytes."""

    hits: int
    misses: int
    evictions: int
    spills: int  # values moved from the device to RAM
    refused: int  # values that no budget of memory had room for
    entries: int
    ram_bytes: int
    device_bytes: int
    disk_bytes: int
    disk_reads: int
    disk_writes: int
    disk_damaged: int


class Cache:
    """Results by key. Every method may be called from any thread, and by the store while the cache calls it."""

    def __init__(
        self,
        store: Store | None = None,
        ram_bytes: int = 1 << 30,
        device_bytes: int = 0,
        disk_bytes: int = 0,
        folder: Path | None = None,
        *,
        min_disk_seconds: float = 0.001,
    ) -> None:
        """folder: of the disk tier; None, or no `disk_bytes`, means none. min_disk_seconds: cheaper values skip it."""
        self.store: Store = store or PlainStore()
        self._memory = MemoryTiers({RAM: ram_bytes, DEVICE: device_bytes}, self._evicted)
        self._lock = threading.RLock()
        self._disk = DiskTier(folder, disk_bytes, self.store, min_disk_seconds) if folder and disk_bytes else None
        self._disk_lock = threading.RLock()
        self._writer: ThreadPoolExecutor | None = None
        self._writing: list[Future[bool]] = []
        self._gone: deque[Eviction] = deque(maxlen=EVICTIONS)
        self._hits = self._misses = self._evictions = self._spills = self._refused = 0

    @property
    def ledger(self) -> Ledger:
        """The one count of bytes: cached values, and weights given to `reserve`."""
        return self._memory.ledger

    def __contains__(self, key: str) -> bool:
        return key in self._memory.entries or (self._disk is not None and key in self._disk)

    def get(self, key: str) -> Any:
        """Return the value of `key`, back where it was computed, or None; a damaged one is a miss."""
        if key in self._memory.entries:  # asked without the lock, as most keys of a first run are not there
            with self._lock:
                entry = self._memory.use(key)
                if entry is not None:
                    self._hits += 1
                    return self._unpack(key, entry) if entry.packed else entry.value
        if self._disk is None:
            self._misses += 1
            return None
        with self._disk_lock:
            found = self._disk.load(key)
        if found is None:
            self._misses += 1
            return None
        self._hits += 1
        value, cost, kind = found
        parts = self._measure(value)
        with self._lock:
            self._memory.admit(key, Entry(value, parts, cost, kind))
        return value

    def put(self, key: str, value: Any, cost: float, kind: str = "") -> bool:
        """Remember `value`, which took `cost` seconds to compute; False when memory has no room for it.

        kind: type of the node that made it, for `listing`.
        """
        parts = self._measure(value)
        with self._lock:
            if key in self._memory.entries:
                return True
            entry = Entry(value, parts, cost, kind)
            admitted = self._memory.admit(key, entry)
            if not admitted:
                self._refused += 1
        if self._disk is not None and self._disk.worth(entry.nbytes, cost):
            if admitted:
                self._write_later(key)
            else:
                self._write(key, entry)  # at once, since waiting it would take memory that is not there
        return admitted

    def clear(self) -> None:
        """Let go of everything in memory; the disk keeps what it has."""
        with self._lock:
            entries = list(self._memory.entries.items())
            for key, _ in entries:
                self._memory.remove(key)
            self._note_asked(entries)

    def clear_models(self) -> int:
        """Let go of the values in memory that hold networks; return how many there were."""
        models = [(key, entry) for key, entry in self._all() if self._is_model(entry)]
        with self._lock:
            models = [(key, entry) for key, entry in models if self._memory.entries.get(key) is entry]
            for key, _ in models:
                self._memory.remove(key)
            self._note_asked(models)
        return len(models)

    def listing(self, limit: int = 500) -> Listing:
        """Return what is in memory, the `limit` largest values of it, and what was evicted last."""
        every = self._all()
        counts = Counter(entry.home for _, entry in every)
        budgets, used = self._memory.budgets, self.ledger.used
        tiers = {tier: TierUse(counts[tier], used[tier], budgets[tier]) for tier in (DEVICE, RAM)}
        if self._disk is not None:
            tiers["disk"] = TierUse(self._disk.count, self._disk.used, self._disk.budget)
        largest = nlargest(limit, every, key=lambda item: item[1].nbytes)
        models = [self._is_model(entry) for _, entry in largest]
        with self._lock:
            now = time.monotonic()
            entries = tuple(
                Holding(
                    entry.kind, entry.home, entry.nbytes, ENTRY_BYTES + self.ledger.alone(entry.parts), model,
                    entry.packed, self._memory.pinned(key), entry.cost, entry.uses, now - entry.used,
                )
                for (key, entry), model in zip(largest, models, strict=True)
            )  # fmt: skip
            return Listing(entries, len(every), tiers, tuple(self._gone))

    @contextmanager
    def lease(self, held: Container[str]) -> Iterator[None]:
        """Keep the keys in `held`, which may change meanwhile, from eviction: a running job holds their values."""
        with self._lock:
            self._memory.leases.append(held)
        try:
            yield
        finally:
            with self._lock:
                self._memory.leases = [lease for lease in self._memory.leases if lease is not held]

    def reserve(self, parts: tuple[Part, ...]) -> bool:
        """Count `parts` that others hold, such as weights, moving values out for them; tell whether all fits.

        Counted in any case; the holder keeps them alive and calls `release` with the same parts.
        """
        with self._lock:
            fits = self._memory.make_room(parts)
            self.ledger.add(parts)
            return fits

    def release(self, parts: tuple[Part, ...]) -> None:
        """Take back what `reserve` counted."""
        with self._lock:
            self.ledger.remove(parts)

    def flush(self) -> None:
        """Wait until everything worth it is on disk."""
        while self._writing:
            self._writing.pop().result()

    def close(self) -> None:
        """Flush and end the writer's thread; the cache can still be used."""
        self.flush()
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.shutdown()

    @property
    def stats(self) -> CacheStats:
        """What happened so far and what is held."""
        disk = self._disk
        return CacheStats(
            hits=self._hits,
            misses=self._misses,
            evictions=self._evictions,
            spills=self._spills,
            refused=self._refused,
            entries=len(self._memory.entries),
            ram_bytes=self.ledger.used[RAM],
            device_bytes=self.ledger.used[DEVICE],
            disk_bytes=disk.used if disk else 0,
            disk_reads=disk.reads if disk else 0,
            disk_writes=disk.writes if disk else 0,
            disk_damaged=disk.damaged if disk else 0,
        )

    def _measure(self, value: Any) -> tuple[Part, ...]:
        if type(value) is dict:
            for item in value.values():
                if type(item) not in _SMALL:
                    return self.store.measure(value)
            return ()  # what an entry costs anyway
        return self.store.measure(value)

    def _unpack(self, key: str, entry: Entry) -> Any:
        """Move a value back to its device, in place of the packed one if there is room, else beside it."""
        value = self.store.to_device(entry.value)
        parts = self._measure(value)
        if self._memory.entries.get(key) is entry:
            self._memory.remove(key)
            restored = Entry(value, parts, entry.cost, entry.kind)
            restored.uses = entry.uses
            if not self._memory.admit(key, restored):
                self._memory.admit(key, entry)
        return value

    def _evicted(self, key: str, entry: Entry, from_full_tier: bool) -> None:
        """Keep an evicted value in the next tier down, if it can be kept there."""
        self._evictions += 1
        full = entry.home if from_full_tier else RAM  # what lies on the device may have to go for want of RAM
        self._note(entry, f"{full} full", self._lowered(key, entry, from_full_tier))

    def _lowered(self, key: str, entry: Entry, from_full_tier: bool) -> str | None:
        """Move a value to the next tier down; return which, or None if it is gone."""
        if entry.home == DEVICE and from_full_tier:
            try:
                packed = self.store.to_host(entry.value)
                parts = self._measure(packed)
            except Unsavable:
                return None  # a model: its loader or the disk of models has it
            spilled = Entry(packed, parts, entry.cost, entry.kind, packed=True)
            spilled.uses, spilled.used = entry.uses, entry.used
            if spilled.home == RAM and self._memory.admit(key, spilled):
                self._spills += 1
                return RAM
        worth = self._disk is not None and self._disk.worth(entry.nbytes, entry.cost)
        return "disk" if worth and self._write(key, entry) else None

    def _note_asked(self, entries: list[tuple[str, Entry]]) -> None:
        for key, entry in entries[-EVICTIONS:]:  # no more are remembered, and each asks the disk
            self._note(entry, "asked", "disk" if self._disk is not None and key in self._disk else None)

    def _note(self, entry: Entry, reason: str, to: str | None) -> None:
        idle = time.monotonic() - entry.used
        self._gone.append(
            Eviction(time.time(), entry.kind, entry.home, entry.nbytes, entry.cost, entry.uses, idle, reason, to)
        )

    def _all(self) -> list[tuple[str, Entry]]:
        with self._lock:
            return list(self._memory.entries.items())

    def _is_model(self, entry: Entry) -> bool:
        return bool(entry.parts) and self.store.holds_model(entry.value)

    def _write_later(self, key: str) -> None:
        if self._writer is None:
            # A pool's thread ends its work before the interpreter leaves, so a script need not close the cache.
            self._writer = ThreadPoolExecutor(1, "latentloom-cache")
        self._writing = [future for future in self._writing if not future.done()]
        self._writing.append(self._writer.submit(self._write, key))

    def _write(self, key: str, entry: Entry | None = None) -> bool:
        """Write a value to disk and tell whether it is there. Without `entry`: the one in memory, if it still is."""
        entry = entry or self._memory.entries.get(key)
        if entry is None or self._disk is None:
            return False
        value = self.store.to_device(entry.value) if entry.packed else entry.value
        with self._disk_lock:
            return self._disk.save(key, value, entry.cost, entry.kind)
