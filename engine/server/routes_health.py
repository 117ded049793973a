"""`/health`, `/ready` and `/metrics`: for whoever watches the server. Never wait, never ask a worker.

Health says that the process answers; readiness that a job sent now would run. Knows no SQL.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .jobs import State
from .metrics import CONTENT_TYPE, Family, Sample, write
from .problems import RETRY_AFTER
from .reach import hub_of
from .reply import Reply

if TYPE_CHECKING:
    from .hub import Hub

__all__ = ["families", "resident_bytes", "routes"]

_ALIVE = ("idle", "busy")


def routes() -> list[Route]:
    """Return the routes, with full paths."""
    return [
        Route("/health", _health, methods=["GET"]),
        Route("/ready", _ready, methods=["GET"]),
        Route("/metrics", _prometheus, methods=["GET"]),
    ]


async def _health(request: Request) -> Response:
    hub = hub_of(request)
    workers = dict(Counter(worker.state for worker in hub.workers))
    seconds = max(0.0, time.time() - hub.started)
    return Reply({"ok": True, "version": hub.version, "uptime": seconds, "workers": workers})


async def _ready(request: Request) -> Response:
    """Answer 200, or 503 with what is missing."""
    hub = hub_of(request)
    missing = []
    if hub.draining:
        missing.append("the server is stopping")
    if not any(worker.state in _ALIVE for worker in hub.workers):
        missing.append("no worker is up")
    if not missing:
        return Reply({"ready": True, "missing": []})
    return Reply({"ready": False, "missing": missing}, 503, {"Retry-After": str(RETRY_AFTER[503])})


async def _prometheus(request: Request) -> Response:
    return Response(write(families(hub_of(request), time.time())), headers={"Content-Type": CONTENT_TYPE})


def families(hub: Hub, now: float) -> list[Family]:
    """Return what `/metrics` shows; now: epoch seconds."""
    counts = hub.store.counts()
    jobs = tuple(Sample(counts.get(state, 0), {"state": str(state)}) for state in State)
    workers = [({"worker": worker.name, "device": worker.device or ""}, worker) for worker in hub.workers]
    memory = resident_bytes()
    return [
        Family("latentloom_info", "The version that runs.", "gauge", (Sample(1, {"version": hub.version}),)),
        Family("latentloom_start_time_seconds", "Start, since 1970.", "gauge", (Sample(hub.started),)),
        Family("latentloom_uptime_seconds", "Time since the start.", "gauge", (Sample(max(0.0, now - hub.started)),)),
        Family("latentloom_jobs", "Jobs in the store, by state.", "gauge", jobs),
        Family("latentloom_queue_paused", "1 while no job is taken.", "gauge", (Sample(int(hub.paused != "no")),)),
        Family("latentloom_draining", "1 while the server stops.", "gauge", (Sample(int(hub.draining)),)),
        Family("latentloom_events_last", "Number of the newest event.", "gauge", (Sample(hub.journal.last),)),
        Family(
            "latentloom_worker_up",
            "1 while the worker can take or runs a job.",
            "gauge",
            tuple(Sample(int(worker.state in _ALIVE), labels) for labels, worker in workers),
        ),
        Family(
            "latentloom_worker_busy",
            "1 while the worker runs a job.",
            "gauge",
            tuple(Sample(int(worker.state == "busy"), labels) for labels, worker in workers),
        ),
        Family(
            "latentloom_worker_restarts_total",
            "How often the worker was started again.",
            "counter",
            tuple(Sample(worker.restarts, labels) for labels, worker in workers),
        ),
        Family(
            "latentloom_server_memory_bytes",
            "Resident memory of the server process.",
            "gauge",
            () if memory is None else (Sample(memory),),
        ),
    ]


def resident_bytes() -> int | None:
    """Return the memory that this process holds, in bytes; None where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
