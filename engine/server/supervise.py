"""Workers: the server's worker processes, one for each device, kept alive.

Each is a `worker_link.Worker`; here they are started, found and stopped together. Knows no queue; loads no torch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ..settings import Settings
from .outcome import Limits, Outcome
from .worker import WorkerOptions
from .worker_link import Worker

__all__ = ["MOST_WORKERS", "Limits", "Outcome", "Worker", "Workers", "remaining", "sharing"]

MOST_WORKERS = 64
_RAM_SHARE = 4  # one part in so many of the machine's memory is what an engine caches in, see `engine.make_cache`

log = logging.getLogger("latentloom.worker")


def remaining(device: str, available: Sequence[str]) -> list[str]:
    """Return the accelerators of a machine that still want a worker when the first one took `device`.

    None on a machine with one or none, and none for a first worker on the CPU: it was sent there, or cannot use them.
    """
    name = device if ":" in device or device == "mps" else f"{device}:0"  # torch's name for its first one
    if name not in available:
        return []
    return [other for other in available if other != name][: MOST_WORKERS - 1]


def sharing(settings: Settings, ram_total: int | None, count: int) -> Settings:
    """Return the settings of `count` further workers: together they cache as much in RAM as one alone would.

    Else eight of them, each with its share of the machine, would have twice the memory there is. A budget that was
    chosen is everyone's. ram_total: bytes of the machine, None if unknown.
    """
    chosen = settings.cache
    if chosen.mode == "off" or chosen.ram_bytes is not None or ram_total is None:
        return settings
    return replace(settings, cache=replace(chosen, ram_bytes=ram_total // _RAM_SHARE // count))


class Workers:
    """All workers, in the order of their devices."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.on_idle: Callable[[], None] | None = None
        """Called whenever a worker could take a job."""
        self._limits = limits or Limits()
        self._workers: list[Worker] = []
        self._ready = asyncio.Event()
        self._to_expand: WorkerOptions | None = None

    def start(self, devices: Sequence[str | None], options: WorkerOptions, *, expand: bool = False) -> None:
        """Start one worker for each of `devices`, on the running loop. None lets the worker pick its device.

        expand: as soon as the first one says which accelerators the machine has, start one for each that is left.
        """
        if expand:
            self._to_expand = options
        for number, device in enumerate(devices, len(self._workers)):
            settings = options.settings if device is None else replace(options.settings, device=device)
            name = f"{device or 'worker'}/{number}"
            worker = Worker(name, replace(options, settings=settings), self._limits, self._told)
            self._workers.append(worker)
            worker.start()

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._workers)

    def __len__(self) -> int:
        return len(self._workers)

    def idle(self) -> Worker | None:
        """Return a worker that could take a job now."""
        return next((worker for worker in self._workers if worker.state == "idle"), None)

    async def live(self, patience: float) -> Worker | None:
        """Return a worker that can answer, the idle ones first; waits up to `patience` seconds for one, else None."""
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while True:
            up = [worker for worker in self._workers if worker.state in ("idle", "busy")]
            if up:
                return min(up, key=lambda worker: worker.state == "busy")
            self._ready.clear()
            try:
                await asyncio.wait_for(self._ready.wait(), until - loop.time())
            except TimeoutError:
                return None

    async def stop(self, deadline: float) -> None:
        """End all of them side by side within `deadline` seconds."""
        self._to_expand = None
        await asyncio.gather(*(worker.stop(deadline) for worker in self._workers))

    def _expand(self, options: WorkerOptions) -> None:
        first = self._workers[0]
        if first.device is None or "available" not in first.info:
            return
        self._to_expand = None  # once: a worker that ends is started again by itself
        more = remaining(first.device, first.info["available"])
        if more:
            log.info("%s took %s; starting workers on %s", first.name, first.device, ", ".join(more))
            settings = sharing(options.settings, first.info.get("ram_total"), len(more))
            self.start(more, replace(options, settings=settings))

    def _told(self) -> None:
        self._ready.set()
        if self._to_expand is not None:
            self._expand(self._to_expand)
        if self.on_idle is not None:
            self.on_idle()
