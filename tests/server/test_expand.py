"""One worker for each accelerator: which ones are still wanted, and what the command line makes of --workers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from house import options

from latentloom.engine.commands.serve import _devices
from latentloom.engine.errors import UserError
from latentloom.engine.server.supervise import MOST_WORKERS, Limits, Workers, remaining, sharing
from latentloom.engine.server.wire import encode
from latentloom.engine.settings import CacheChoice, Settings


@pytest.mark.parametrize(
    "device, available, expected",
    [
        ("cpu", [], []),
        ("cuda", ["cuda:0"], []),
        ("cuda:0", ["cuda:0"], []),
        ("mps", ["mps"], []),
        ("cuda", ["cuda:0", "cuda:1", "cuda:2"], ["cuda:1", "cuda:2"]),
        ("cuda:1", ["cuda:0", "cuda:1", "cuda:2"], ["cuda:0", "cuda:2"]),
        ("cuda", ["cuda:0", "xpu:0"], ["xpu:0"]),
        ("xpu", ["xpu:0", "xpu:1"], ["xpu:1"]),
        ("cpu", ["cuda:0", "cuda:1"], []),
        ("cuda", [f"cuda:{number}" for number in range(100)], [f"cuda:{number}" for number in range(1, MOST_WORKERS)]),
    ],
)
def test_the_accelerators_that_want_a_worker(device: str, available: list[str], expected: list[str]) -> None:
    assert remaining(device, available) == expected


def test_further_workers_share_one_budget_of_ram(tmp_path: Path) -> None:
    settings = Settings(tmp_path, cache=CacheChoice("disk"))
    assert sharing(settings, 64 << 30, 7).cache == CacheChoice("disk", ram_bytes=(16 << 30) // 7)
    assert sharing(settings, None, 7) == settings
    for choice in (CacheChoice("ram", ram_bytes=1 << 30), CacheChoice("off")):
        chosen = Settings(tmp_path, cache=choice)
        assert sharing(chosen, 64 << 30, 7) == chosen


@pytest.mark.parametrize(
    "wanted, device, expected",
    [
        ("auto", None, ([None], True)),
        ("auto", "auto", (["auto"], True)),
        ("auto", "cuda:1", (["cuda:1"], False)),
        ("auto", "cpu", (["cpu"], False)),
        ("1", None, ([None], False)),
        ("3", "cpu", (["cpu"] * 3, False)),
        ("cuda:0, cuda:1", None, (["cuda:0", "cuda:1"], False)),
        ("cpu", "cuda", (["cpu"], False)),
    ],
)
def test_what_workers_means(tmp_path: Path, wanted: str, device: str | None, expected: object) -> None:
    assert _devices(wanted, Settings(tmp_path, device=device)) == expected


@pytest.mark.parametrize("wanted", ["", "0", "-1", "65", "cuda:0,,cuda:1", ",".join(["cpu"] * 65)])
def test_what_workers_cannot_mean(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(UserError) as caught:
        _devices(wanted, Settings(tmp_path))
    assert caught.value.code == "S022"


def test_workers_are_automatic_unless_told_otherwise() -> None:
    from latentloom.engine.cli import _parser

    assert _parser().parse_args(["serve"]).workers == "auto"
    assert _parser().parse_args(["serve", "--workers", "2"]).workers == "2"


async def until_idle(workers: Workers) -> None:
    end = time.monotonic() + 60
    while any(worker.state != "idle" for worker in workers):
        assert time.monotonic() < end, [(worker.name, worker.state) for worker in workers]
        await asyncio.sleep(0.01)


def test_a_machine_without_accelerators_has_one_worker(tmp_path: Path) -> None:
    async def follow() -> list[str | None]:
        workers = Workers(Limits(backoff=0.05))
        workers.start([None], options(tmp_path), expand=True)
        await until_idle(workers)
        found = [worker.device for worker in workers]
        await workers.stop(5)
        return found

    assert asyncio.run(follow()) == ["cpu"]


def test_further_workers_start_once_the_first_has_told_and_only_once(tmp_path: Path) -> None:
    """The first says that it took an accelerator, and that the machine has another, here "cpu", so that it can start."""

    async def follow() -> list[tuple[str, str | None]]:
        workers = Workers(Limits(backoff=0.05))
        workers.start([None], options(tmp_path), expand=True)
        (first,) = workers
        told = {"is": "ready", "device": "cuda", "available": ["cuda:0", "cpu"], "ram_total": 4 << 20}
        for _ in range(2):
            first._on_frame(encode(told))
        await until_idle(workers)
        found = [(worker.name, worker.info["device"]) for worker in workers][1:]
        result, _ = await list(workers)[1].call("ledger")
        assert result["cache"]["tiers"]["ram"]["budget"] == 1 << 20
        await workers.stop(5)
        return found

    assert asyncio.run(follow()) == [("cpu/1", "cpu")]


def test_no_worker_starts_while_all_of_them_end(tmp_path: Path) -> None:
    async def follow() -> int:
        workers = Workers(Limits(backoff=0.05))
        workers.start([None], options(tmp_path), expand=True)
        (first,) = workers
        stopping = asyncio.create_task(workers.stop(5))
        await asyncio.sleep(0)
        first._on_frame(encode({"is": "ready", "device": "cuda", "available": ["cuda:0", "cpu"]}))
        await stopping
        return len(workers)

    assert asyncio.run(follow()) == 1
