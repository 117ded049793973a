"""The disk tier: reuse by another process, damage, budgets, several writers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from latentloom.engine.run.cache import Cache
from latentloom.engine.run.disk import DiskTier
from latentloom.engine.run.plain import PlainStore

from .sample_nodes import Kit
from .test_cache import Block, RecordingStore


def cache_in(folder: Path, disk_bytes: int = 1 << 20, **options: Any) -> Cache:
    return Cache(options.pop("store", None), disk_bytes=disk_bytes, folder=folder, min_disk_seconds=0.0, **options)


def picture_graph(kit: Kit, prefix: str) -> Any:
    b = kit.builder()
    loader = b.Source(name="loader")
    sampler = b.Sleep(a=loader, seconds=0.01)
    decoded = b.SleepCpu(a=sampler, seconds=0.01)
    b.Save(value=decoded, prefix=prefix)
    return b.graph()


def test_another_process_takes_the_last_value_and_nothing_above_it_runs(tmp_path: Path) -> None:
    first, second = Kit(), Kit()
    cache = cache_in(tmp_path)
    first.executor(cache).run(picture_graph(first, "a"))
    cache.close()
    fresh = cache_in(tmp_path)
    result = second.executor(fresh).run(picture_graph(second, "b"))
    assert second.saved == [7]
    assert second.calls["Save"] == 1
    assert result.stats.ran == 1
    assert second.calls["Sourceloader"] == 0
    assert fresh.stats.disk_reads == 1


def test_values_that_cannot_be_written_stay_in_memory_only(tmp_path: Path) -> None:
    store = RecordingStore()
    cache = cache_in(tmp_path, store=store)
    cache.put("model", Block(bytes(10), movable=False), 5.0)
    cache.put("latent", Block(b"latent"), 5.0)
    cache.close()
    fresh = cache_in(tmp_path, store=store)
    assert fresh.get("model") is None
    assert fresh.get("latent").content == b"latent"
    assert cache.get("model") is not None


def test_cheap_values_are_not_written(tmp_path: Path) -> None:
    cache = Cache(disk_bytes=1 << 20, folder=tmp_path)
    cache.put("quick", {"INT": 1}, 1e-5)
    cache.put("slow", {"INT": 1}, 1.0)
    cache.close()
    fresh = Cache(disk_bytes=1 << 20, folder=tmp_path)
    assert fresh.get("quick") is None
    assert fresh.get("slow") == {"INT": 1}


def write_one(folder: Path) -> RecordingStore:
    store = RecordingStore()
    cache = cache_in(folder, store=store)
    cache.put("key", Block(b"content" * 20), 1.0)
    cache.close()
    return store


def damage_bulk(folder: Path, change: Any) -> None:
    (file,) = folder.glob("*.safetensors")
    file.write_bytes(change(file.read_bytes()))


def damage_record(folder: Path, change: Any) -> None:
    file = folder / "key.json"
    file.write_bytes(change(file.read_bytes()))


DAMAGES: dict[str, Any] = {
    "bulk cut": lambda folder: damage_bulk(folder, lambda data: data[:-1]),
    "bulk altered": lambda folder: damage_bulk(folder, lambda data: b"X" + data[1:]),
    "bulk gone": lambda folder: next(folder.glob("*.safetensors")).unlink(),
    "record cut": lambda folder: damage_record(folder, lambda data: data[: len(data) // 2]),
    "record empty": lambda folder: damage_record(folder, lambda data: b""),
    "record not ours": lambda folder: damage_record(folder, lambda data: b'{"a": [1, 2]}'),
    "record altered": lambda folder: damage_record(folder, lambda data: data.replace(b'"ram"', b'"RAM"')),
    "record points out": lambda folder: damage_record(
        folder, lambda data: json.dumps({**json.loads(data), "body": {**json.loads(data)["body"], "bulk": "../x"}}).encode()
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_a_miss_and_can_be_written_again(tmp_path: Path, damage: str) -> None:
    store = write_one(tmp_path)
    DAMAGES[damage](tmp_path)
    cache = cache_in(tmp_path, store=store)
    assert cache.get("key") is None
    assert cache.stats.disk_damaged == 1
    cache.put("key", Block(b"again"), 1.0)
    cache.close()
    assert cache_in(tmp_path, store=store).get("key").content == b"again"


def test_the_undamaged_entry_reads_back(tmp_path: Path) -> None:
    store = write_one(tmp_path)
    assert cache_in(tmp_path, store=store).get("key").content == b"content" * 20


def test_the_budget_on_disk_holds_and_the_unused_and_cheap_go_first(tmp_path: Path) -> None:
    tier = DiskTier(tmp_path, 4000, PlainStore(), 0.0)
    for number in range(40):
        assert tier.save(f"{number:032x}", "x" * 300, 100.0 if number == 20 else 1.0)
        size = sum(file.stat().st_size for file in tmp_path.iterdir() if file.name != "lock")
        assert size <= 4000
        assert tier.used == size
        os.utime(tmp_path / f"{number:032x}.json", (number, number))
    assert tier.load(f"{39:032x}") == ("x" * 300, 1.0, "")
    assert tier.load(f"{0:032x}") is None
    assert not tier.save("big", "x" * 5000, 1.0)


def test_leftovers_of_dead_processes_are_removed(tmp_path: Path) -> None:
    old = tmp_path / "dead-1.safetensors"
    young = tmp_path / "alive-1.safetensors"
    for file in (old, tmp_path / "dead-2.tmp", young):
        file.write_bytes(b"unfinished")
    for file in (old, tmp_path / "dead-2.tmp"):
        os.utime(file, (1, 1))
    DiskTier(tmp_path, 10_000, PlainStore(), 0.0).save("key", 1, 1.0)
    assert not old.exists()
    assert not (tmp_path / "dead-2.tmp").exists()
    assert young.exists()


WRITER = """
import sys
from pathlib import Path
from latentloom.engine.run.disk import DiskTier
from latentloom.engine.run.plain import PlainStore
folder, seed = Path(sys.argv[1]), int(sys.argv[2])
tier = DiskTier(folder, 20_000, PlainStore(), 0.0)
for turn in range(60):
    key = f"{(turn * 5 + seed * 13) % 90:032x}"
    tier.save(key, {"key": key, "pad": "x" * 200}, 1.0)
    found = tier.load(f"{(turn * 3 + seed) % 90:032x}")
    assert found is None or len(found[0]["pad"]) == 200
    size = 0
    for file in folder.iterdir():
        try:
            size += file.stat().st_size if file.suffix == ".json" else 0
        except FileNotFoundError:
            pass
    assert size <= 20_000, size
"""


def test_several_processes_share_one_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", WRITER, str(tmp_path)]
    workers = [subprocess.Popen([*command, str(seed)], stderr=subprocess.PIPE, text=True) for seed in range(4)]
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors
    tier = DiskTier(tmp_path, 20_000, PlainStore(), 0.0)
    keys = [file.stem for file in tmp_path.glob("*.json")]
    assert len(keys) > 20
    for key in keys:
        found = tier.load(key)
        assert found is not None
        assert found[0]["key"] == key
    assert sum(file.stat().st_size for file in tmp_path.iterdir() if file.name != "lock") <= 20_000


def test_a_script_that_ends_without_closing_has_written(tmp_path: Path, python: Any) -> None:
    python(
        "import sys; from pathlib import Path; from latentloom.engine.run.cache import Cache\n"
        "Cache(disk_bytes=10_000, folder=Path(sys.argv[1])).put('k', {'INT': 3}, 1.0)",
        str(tmp_path),
    )
    assert Cache(disk_bytes=10_000, folder=tmp_path).get("k") == {"INT": 3}
