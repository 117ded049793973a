"""One supervised worker for tests: its node pack, the loop it lives on, and a job that must always work."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from latentloom.engine.server.supervise import Limits, Workers
from latentloom.engine.server.worker import WorkerOptions
from latentloom.engine.settings import CacheChoice, Settings

PACK = '''
import os, signal, sys, time
from typing import Annotated
from latentloom.engine.node import Context, Socket, node

Wire = Annotated[int, Socket("INT")]

@node("TNumber", category="test")
def number(*, value: int = 1) -> int:
    return value

@node("TAdd", category="test")
def add(*, a: Wire, b: int = 1) -> int:
    return a + b

@node("TShow", category="test", effect=True)
def show(*, value: Wire, context: Context) -> None:
    context.output("text", [{"text": str(value)}])

@node("TFail", category="test")
def fail(*, value: Wire, how: str = "raise") -> int:
    if how == "exit":
        sys.exit(3)
    if how == "deep":
        return fail(value=value, how=how)
    if how == "memory":
        raise MemoryError()
    if how == "torch":
        import torch
        return torch.empty(1 << 50)
    raise ValueError(f"no luck with {value}")

@node("TSteps", category="test", effect=True)
def steps(*, count: int = 1000, context: Context) -> None:
    for step in range(count):
        context.progress(step, count)
        time.sleep(0.02)

@node("THang", category="test", effect=True)
def hang(*, how: str = "sleep") -> None:
    if how == "sleep":
        time.sleep(1e9)
    if how == "held":
        import ctypes
        ctypes.PyDLL(None).sleep(10000)
    while True:
        pass

@node("TDie", category="test", effect=True)
def die(*, how: str = "SIGKILL", value: Wire | None = None) -> None:
    if how == "exit":
        os._exit(5)
    if how == "close":
        os.closerange(3, 200)
        time.sleep(1e9)
    os.kill(os.getpid(), getattr(signal, how))
    time.sleep(1e9)

@node("TSlow", category="test")
def slow(*, value: int = 1) -> int:
    time.sleep(0.3)
    return value

@node("TLate", category="test", effect=True)
def late(*, value: Wire) -> None:
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)

@node("TPictures", category="test", effect=True)
def pictures(*, context: Context) -> None:
    import numpy
    for level in range(8):
        context.preview(numpy.full((600, 1200, 3), level, numpy.uint8))
        time.sleep(0.03)

@node("TChild", category="test", effect=True)
def child(*, context: Context) -> None:
    import subprocess
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], close_fds=False)
    context.output("pid", [{"pid": process.pid}])
    context.progress(1, 1)
    time.sleep(1e9)
'''


def entry(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def options(folder: Path, **changes) -> WorkerOptions:
    pack = folder / "pack"
    if not pack.exists():
        pack.mkdir(parents=True)
        (pack / "tiny.py").write_text(PACK, encoding="utf-8")
    settings = Settings(folder / "data", device="cpu", nodes=(pack,), cache=CacheChoice("disk"))
    return WorkerOptions(settings, threads=1, **changes)


class House:
    """One worker and the loop it lives on; `run` runs a job to its end."""

    def __init__(self, folder: Path) -> None:
        self.runner = asyncio.Runner()
        self.idles = 0
        self.workers = Workers(Limits(grace=0.7, backoff=0.05))
        self.workers.on_idle = self._idle
        self.do(self._start(folder))
        self.worker = next(iter(self.workers))

    def _idle(self):
        self.idles += 1

    async def _start(self, folder):
        self.workers.start([None], options(folder))

    def do(self, work):
        return self.runner.run(work)

    def run(self, graph, **also):
        return self.do(self.job(graph, **also))

    async def job(self, graph, job="job", targets=None, previews=False, seen=None, pictures=None, beside=None, checked=False):
        events = [] if seen is None else seen
        shown = [] if pictures is None else pictures
        work = asyncio.create_task(
            self.worker.run(
                job, graph, targets, {}, previews, events.extend, lambda *got: shown.append(got), checked=checked
            )
        )
        if beside is not None:
            await beside
        return await asyncio.wait_for(work, 60)

    async def until(self, events, kind, seconds=20):
        end = time.monotonic() + seconds
        while not any(event["kind"] == kind for event in events):
            assert time.monotonic() < end, f"no {kind} in {events}"
            await asyncio.sleep(0.005)


def check_works(house, value=0):
    """Run a job that must succeed."""
    value = value or time.time_ns() % 10**9
    outcome = house.run({"1": entry("TNumber", value=value), "2": entry("TShow", value=["1", 0])})
    assert outcome.status == "done" and outcome.outputs == {"2": {"text": [{"text": str(value)}]}}
