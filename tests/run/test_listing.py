"""What the cache tells of itself: what it holds and why, what it let go and why; models apart from the rest."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from latentloom.engine.run.cache import EVICTIONS, Cache
from latentloom.engine.run.ledger import DEVICE, RAM, Part
from latentloom.engine.run.memory import ENTRY_BYTES

from .sample_nodes import Kit, chain
from .test_cache import Block, RecordingStore


class ModelStore(RecordingStore):
    """A store to which what cannot be moved is a model."""

    def holds_model(self, value: Any) -> bool:
        return not value.movable


def types(cache: Cache) -> list[str]:
    return [entry.type for entry in cache.listing().entries]


def test_every_value_is_listed_with_what_keeps_it() -> None:
    cache = Cache(ModelStore(), ram_bytes=100_000, device_bytes=50_000)
    cache.put("m", Block(bytes(9000), DEVICE, movable=False), 2.5, "Loader")
    cache.put("l", Block(bytes(300), DEVICE), 0.5, "Sampler")
    cache.put("t", Block(bytes(10)), 0.25, "Text")
    time.sleep(0.02)
    cache.get("l")
    with cache.lease({"t"}):
        listing = cache.listing()
    assert [entry._replace(idle_seconds=0.0) for entry in listing.entries] == [
        ("Loader", DEVICE, 9000 + ENTRY_BYTES, 9000 + ENTRY_BYTES, True, False, False, 2.5, 1, 0.0),
        ("Sampler", DEVICE, 300 + ENTRY_BYTES, 300 + ENTRY_BYTES, False, False, False, 0.5, 2, 0.0),
        ("Text", RAM, 10 + ENTRY_BYTES, 10 + ENTRY_BYTES, False, False, True, 0.25, 1, 0.0),
    ]
    idle = {entry.type: entry.idle_seconds for entry in listing.entries}
    assert 0 <= idle["Sampler"] < 0.02 <= idle["Text"] <= idle["Loader"] < 10
    assert listing.tiers == {DEVICE: (2, 9300, 50_000), RAM: (1, 3 * ENTRY_BYTES + 10, 100_000)}
    assert listing.total == 3 and listing.evictions == ()
    assert not cache.listing().entries[2].pinned
    assert json.loads(json.dumps(listing.as_dict()))["entries"][0]["type"] == "Loader"


def test_what_is_shared_is_not_freed_by_one_holder() -> None:
    class SharingStore(RecordingStore):
        def measure(self, value: Any) -> tuple[Part, ...]:
            return (Part("weights", 1000, RAM), *super().measure(value))

    cache = Cache(SharingStore())
    first, second = Block(bytes(10)), Block(bytes(20))
    cache.put("a", first, 1.0)
    assert cache.listing().entries[0].own_bytes == 1010 + ENTRY_BYTES
    cache.put("b", second, 1.0)
    assert [(entry.bytes, entry.own_bytes) for entry in cache.listing().entries] == [
        (1020 + ENTRY_BYTES, 20 + ENTRY_BYTES), (1010 + ENTRY_BYTES, 10 + ENTRY_BYTES),
    ]  # fmt: skip


def test_a_page_has_the_largest_and_counts_the_rest() -> None:
    cache = Cache(RecordingStore())
    for number in range(50):
        cache.put(f"{number}", Block(bytes(100 + number)), 1.0, f"N{number}")
    listing = cache.listing(3)
    assert [entry.type for entry in listing.entries] == ["N49", "N48", "N47"]
    assert listing.total == 50
    assert cache.listing(0).entries == ()


def test_evictions_say_from_where_to_where_and_why(tmp_path: Path) -> None:
    cache = Cache(ModelStore(), 2000, 1000, 10_000, tmp_path, min_disk_seconds=0.1)
    cache.put("a", Block(bytes(600), DEVICE), 1.0, "Moved")
    cache.put("b", Block(bytes(600), DEVICE), 2.0, "Next")
    cache.put("c", Block(bytes(600), DEVICE, movable=False), 4.0, "Model")  # "Next" needs what "Moved" takes of RAM
    cache.put("d", Block(bytes(600), DEVICE), 9.0, "Last")
    cache.flush()
    found = cache.listing().evictions
    assert [(gone.type, gone.tier, gone.reason, gone.to) for gone in found[:1]] == [("Moved", DEVICE, "device full", RAM)]
    assert ("Model", DEVICE, "device full", None) in [(gone.type, gone.tier, gone.reason, gone.to) for gone in found]
    assert ("ram full", "disk") in [(gone.reason, gone.to) for gone in found]
    assert all(0 <= time.time() - gone.at < 10 and gone.idle_seconds >= 0 for gone in found)
    assert len(found) == cache.stats.evictions
    cache.clear()
    last = cache.listing().evictions[-1]
    assert (last.type, last.reason, last.to) == ("Last", "asked", "disk")
    cache.close()


def test_only_the_last_evictions_are_remembered() -> None:
    cache = Cache(RecordingStore(), ram_bytes=2 * (ENTRY_BYTES + 10))
    for number in range(3 * EVICTIONS):
        cache.put(f"{number}", Block(bytes(10)), 1.0, f"N{number}")
    gone = [eviction.type for eviction in cache.listing().evictions]
    assert gone == [f"N{number}" for number in range(2 * EVICTIONS - 2, 3 * EVICTIONS - 2)]
    for number in range(2 * EVICTIONS):
        cache.put(f"again {number}", Block(bytes(10)), 1.0)
    cache.clear()
    assert len(cache.listing().evictions) == EVICTIONS


def test_models_can_be_let_go_without_the_rest(tmp_path: Path) -> None:
    cache = Cache(ModelStore(), 100_000, 100_000, 10_000, tmp_path, min_disk_seconds=0.0)
    for number in range(4):
        cache.put(f"model {number}", Block(bytes(600), (RAM, DEVICE)[number % 2], movable=False), 1.0, "Loader")
        cache.put(f"latent {number}", Block(bytes(600), (RAM, DEVICE)[number % 2]), 1.0, "Sampler")
    cache.flush()
    assert cache.clear_models() == 4
    assert types(cache) == ["Sampler"] * 4
    assert cache.ledger.used == {RAM: 4 * ENTRY_BYTES + 1200, DEVICE: 1200}
    assert [(gone.type, gone.reason, gone.to) for gone in cache.listing().evictions] == [("Loader", "asked", None)] * 4
    assert cache.clear_models() == 0
    cache.clear()
    assert types(cache) == []
    assert cache.get("latent 0") is not None, "the disk keeps what it has"
    cache.close()


def test_the_type_of_the_node_outlives_eviction_and_process(tmp_path: Path) -> None:
    store = RecordingStore()
    cache = Cache(store, 10_000, 1000, 10_000, tmp_path, min_disk_seconds=0.0)
    cache.put("a", Block(bytes(600), DEVICE), 1.0, "Sampler")
    cache.put("b", Block(bytes(600), DEVICE), 2.0, "Decoder")
    found = {entry.type: (entry.tier, entry.packed) for entry in cache.listing().entries}
    assert found == {"Sampler": (RAM, True), "Decoder": (DEVICE, False)}
    cache.get("a")
    assert sorted(types(cache)) == ["Decoder", "Sampler"]
    cache.close()
    fresh = Cache(store, 10_000, 1000, 10_000, tmp_path)
    assert fresh.get("a") is not None
    assert types(fresh) == ["Sampler"]
    assert fresh.listing().tiers[RAM].budget == 10_000 and "disk" in fresh.listing().tiers


def test_the_executor_says_what_made_a_value() -> None:
    kit, cache = Kit(), Cache()
    kit.executor(cache).run(chain(30))
    b = kit.builder()
    b.Save(value=b.Sleep(a=b.Source(name="x"), seconds=0.001))
    kit.executor(cache).run(b.graph())
    found = types(cache)
    assert found.count("Add") == 30 and {"Source", "Sleep"} <= set(found) and len(found) == 32


def test_listing_beside_threads_that_put_and_evict() -> None:
    cache = Cache(ModelStore(), ram_bytes=20_000, device_bytes=5000)
    over = threading.Event()
    broken: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            turn = 0
            while not over.is_set():
                turn += 1
                tier = DEVICE if turn % 2 else RAM
                cache.put(f"{(turn * 7 + seed) % 40}", Block(bytes(100 + turn % 900), tier, turn % 3 > 0), turn / 1e4)
        except BaseException as error:
            broken.append(error)
            raise

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        listing = cache.listing(20)
        assert len(listing.entries) == min(20, listing.total)
        assert all(0 <= entry.own_bytes <= entry.bytes for entry in listing.entries)
        cache.clear_models()
    over.set()
    for thread in threads:
        thread.join()
    assert not broken
