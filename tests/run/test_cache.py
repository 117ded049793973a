"""Cache: budgets that hold, what goes first, pins, spilling, the ledger."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentloom.engine.run.cache import Cache
from latentloom.engine.run.ledger import DEVICE, RAM, Ledger, Part
from latentloom.engine.run.memory import ENTRY_BYTES
from latentloom.engine.run.plain import PlainStore, Unsavable

from .sample_nodes import Kit, chain


class Block:
    """A value of a given size on a tier; equal content means equal bytes."""

    def __init__(self, content: bytes, tier: str = RAM, movable: bool = True) -> None:
        self.content = content
        self.tier = tier
        self.movable = movable


class RecordingStore(PlainStore):
    """A store of blocks that counts copies, and may call back into the cache as it pleases."""

    def __init__(self) -> None:
        self.down = self.up = 0
        self.on_move: Any = None

    def measure(self, value: Any) -> tuple[Part, ...]:
        return (Part(id(value), len(value.content), value.tier),)

    def to_host(self, value: Any) -> Any:
        if not value.movable:
            raise Unsavable("block")
        self.down += 1
        if self.on_move is not None:
            self.on_move()
        return Block(value.content, RAM)

    def to_device(self, packed: Any) -> Any:
        self.up += 1
        if self.on_move is not None:
            self.on_move()
        return Block(packed.content, DEVICE)

    def save(self, value: Any, path: Path) -> dict[str, Any]:
        if not value.movable:
            raise Unsavable("block")
        path.write_bytes(value.content)
        return {"tier": value.tier}

    def load(self, path: Path, rest: Any) -> Any:
        return Block(path.read_bytes(), rest["tier"])


def held(cache: Cache) -> dict[str, int]:
    """Count afresh what the cache holds, apart from its own books."""
    seen: dict[Any, Part] = {}
    for entry in cache._memory.entries.values():
        for part in cache.store.measure(entry.value):
            seen[part.storage] = part
    totals = {RAM: ENTRY_BYTES * len(cache._memory.entries), DEVICE: 0}
    for part in seen.values():
        totals[part.tier] += part.nbytes
    return totals


def test_cheap_large_values_go_before_dear_small_ones() -> None:
    cache = Cache(RecordingStore(), ram_bytes=4000)
    cache.put("dear", Block(bytes(500)), 10.0)
    cache.put("cheap", Block(bytes(500)), 0.001)
    cache.put("middle", Block(bytes(500)), 1.0)
    cache.put("new", Block(bytes(500)), 1.0)
    assert "cheap" not in cache
    assert all(key in cache for key in ("dear", "middle", "new"))


def test_what_is_used_stays_and_what_is_not_ages() -> None:
    cache = Cache(RecordingStore(), ram_bytes=3 * (ENTRY_BYTES + 300))
    cache.put("used", Block(bytes(300)), 1.0)
    for turn in range(30):
        cache.put(f"passing {turn}", Block(bytes(300)), 1.0)
        assert cache.get("used") is not None
    cache.put("old and dear", Block(bytes(300)), 20.0)
    for turn in range(200):
        cache.put(f"later {turn}", Block(bytes(300)), 1.0)
    assert "old and dear" not in cache


def test_leased_keys_are_not_evicted_and_a_newcomer_is_refused_instead() -> None:
    cache = Cache(RecordingStore(), ram_bytes=2 * (ENTRY_BYTES + 100))
    lease = {"a", "b"}
    with cache.lease(lease):
        assert cache.put("a", Block(bytes(100)), 1.0)
        assert cache.put("b", Block(bytes(100)), 1.0)
        assert not cache.put("c", Block(bytes(100)), 100.0)
        lease.discard("a")
        assert cache.put("c", Block(bytes(100)), 100.0)
        assert ("a" in cache, "b" in cache) == (False, True)
    assert cache.put("d", Block(bytes(100)), 100.0)
    assert "b" not in cache


def test_a_value_that_cannot_fit_drives_nothing_out() -> None:
    cache = Cache(RecordingStore(), ram_bytes=5000)
    cache.put("small", Block(bytes(10)), 0.0)
    assert not cache.put("giant", Block(bytes(100_000)), 99.0)
    assert "small" in cache
    assert cache.stats.refused == 1


def test_shared_storages_count_once() -> None:
    ledger = Ledger()
    weights, view = Part("w", 1000, RAM), Part("w", 1000, RAM)
    ledger.add((weights, Part("x", 10, RAM)))
    ledger.add((view,))
    assert ledger.used[RAM] == 1010
    assert ledger.extra((view, Part("y", 5, RAM), Part("y", 5, RAM)), RAM) == 5
    ledger.remove((weights, Part("x", 10, RAM)))
    assert ledger.used[RAM] == 1000
    ledger.remove((view,))
    assert ledger.used[RAM] == 0


def test_weights_held_by_others_count_and_make_values_move_out() -> None:
    cache = Cache(RecordingStore(), ram_bytes=10_000)
    cache.put("value", Block(bytes(4000)), 1.0)
    weights = (Part("weights", 8000, RAM),)
    assert cache.reserve(weights)
    assert "value" not in cache
    assert cache.ledger.used[RAM] == 8000
    assert not cache.put("value", Block(bytes(4000)), 1.0)
    cache.release(weights)
    assert cache.put("value", Block(bytes(4000)), 1.0)


def test_device_values_spill_to_ram_and_come_back_equal() -> None:
    store = RecordingStore()
    cache = Cache(store, ram_bytes=100_000, device_bytes=1000)
    cache.put("first", Block(b"1" * 600, DEVICE), 1.0)
    assert cache.get("first").tier == DEVICE
    assert (store.down, store.up) == (0, 0)  # nothing moves without need
    cache.put("second", Block(b"2" * 600, DEVICE), 5.0)
    assert (store.down, cache.stats.spills) == (1, 1)
    back = cache.get("first")
    assert (back.content, back.tier) == (b"1" * 600, DEVICE)
    assert cache.get("second").content == b"2" * 600
    assert cache.stats.device_bytes <= 1000


def test_device_values_that_cannot_move_are_let_go() -> None:
    cache = Cache(RecordingStore(), ram_bytes=100_000, device_bytes=1000)
    cache.put("model", Block(bytes(600), DEVICE, movable=False), 1.0)
    cache.put("latent", Block(bytes(600), DEVICE), 1.0)
    assert "model" not in cache
    assert "latent" in cache


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put device", "put fixed", "get", "lease", "unlease", "reserve", "release", "clear"]),
        st.integers(0, 11),
        st.integers(0, 3000),
        st.sampled_from([0.0, 1e-6, 0.01, 3.0]),
    ),
    max_size=60,
)


@settings(max_examples=120)
@given(OPERATIONS, st.integers(0, 6000), st.integers(0, 4000), st.booleans(), st.booleans())
def test_no_sequence_exceeds_a_budget(
    operations: Any, ram: int, device: int, calls_back: bool, on_disk: bool
) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        store = RecordingStore()
        disk = Path(folder, "values") if on_disk else None
        cache = Cache(store, ram, device, 5000, disk, min_disk_seconds=0.0)
        contents: dict[str, bytes] = {}
        lease: set[str] = set()
        reserved: list[tuple[Part, ...]] = []
        depth = 0

        def call_back() -> None:
            nonlocal depth
            if depth < 3:
                depth += 1
                cache.put(f"extra {depth}", contents_block(f"extra {depth}", 300, DEVICE), 2.0)
                cache.get("key 1")
                depth -= 1

        def contents_block(key: str, size: int, tier: str, movable: bool = True) -> Block:
            contents.setdefault(key, (key.encode() * (size // len(key) + 1))[:size])
            return Block(contents[key], tier, movable)

        store.on_move = call_back if calls_back else None
        with cache.lease(lease):
            for action, number, size, cost in operations:
                key = f"key {number}"
                if action.startswith("put"):
                    tier = DEVICE if "device" in action else RAM
                    cache.put(key, contents_block(key, size, tier, "fixed" not in action), cost)
                elif action == "get":
                    found = cache.get(key)
                    assert found is None or found.content == contents[key]
                elif action == "lease":
                    lease.add(key)
                elif action == "unlease":
                    lease.discard(key)
                elif action == "reserve" and size <= min(ram, device):
                    reserved.append((Part(("weights", len(reserved)), size // 4, RAM),))
                    cache.reserve(reserved[-1])
                elif action == "release" and reserved:
                    cache.release(reserved.pop())
                elif action == "clear":
                    cache.clear()
                values = held(cache)
                foreign = sum(part.nbytes for parts in reserved for part in parts)
                assert values[RAM] <= ram
                assert values[DEVICE] <= device
                assert cache.ledger.used == {RAM: values[RAM] + foreign, DEVICE: values[DEVICE]}
                if disk is not None and disk.exists():
                    cache.flush()
                    files = [file for file in disk.iterdir() if file.name != "lock"]
                    assert sum(file.stat().st_size for file in files) <= 5000
        cache.close()


def test_a_budget_of_one_byte_gives_the_same_results() -> None:
    kit, tight = Kit(), Cache(ram_bytes=1)
    loose = kit.executor(Cache())
    results: list[Any] = []

    def work(first: int) -> None:
        results.append((first, kit.executor(tight).run(chain(100, first)).values["99"]["INT"]))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(n, loose.run(chain(100, n)).values["99"]["INT"]) for n in range(4)]
    assert (tight.stats.entries, tight.stats.ram_bytes) == (0, 0)


def test_many_threads_leave_the_books_right() -> None:
    cache = Cache(RecordingStore(), ram_bytes=20_000, device_bytes=5000)

    def work(seed: int) -> None:
        for turn in range(300):
            key = f"{(turn * 7 + seed) % 40}"
            if cache.get(key) is None:
                cache.put(key, Block(bytes(100 + turn), DEVICE if turn % 2 else RAM), turn / 1000)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = held(cache)
    assert cache.ledger.used == values
    assert values[RAM] <= 20_000
    assert values[DEVICE] <= 5000


@pytest.mark.parametrize("count", [1, 10_000])
def test_an_entry_costs_no_more_than_is_counted(count: int) -> None:
    import tracemalloc

    cache = Cache(ram_bytes=1 << 30)
    keys = [f"{number:032x}" for number in range(count)]
    tracemalloc.start()
    for number, key in enumerate(keys):
        cache.put(key, {"INT": 1000 + number}, 1e-6)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used <= cache.stats.ram_bytes + 4096
