"""`/api/loom/{queue,ledger,workers,metrics}`: what the server is doing, and pausing it.

Knows no SQL; what lies in memory and on devices is the worker's to say.
"""

from __future__ import annotations

from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .body import read_json
from .fields import Fields, query_whole
from .job_view import curves, summary
from .jobs import State
from .problems import bad_field
from .reach import hub_of, job_of
from .reply import Reply

__all__ = ["MAX_IDS", "MAX_POINTS", "MAX_SEQUENCE", "MAX_STEP", "PAUSE", "routes"]

PAUSE = ("no", "after_job", "after_node")
MAX_IDS = 10_000  # as many as may wait
MAX_SEQUENCE = (1 << 53) - 1  # what every JSON reader holds exactly
MAX_STEP = MAX_SEQUENCE
MAX_POINTS = 10_000


def routes() -> list[Route]:
    """Return the routes, with full paths."""
    return [
        Route("/api/loom/queue", _queue, methods=["GET"]),
        Route("/api/loom/queue", _control, methods=["POST"]),
        Route("/api/loom/ledger", _ledger, methods=["GET"]),
        Route("/api/loom/workers", _workers, methods=["GET"]),
        Route("/api/loom/metrics/{job}", _metrics, methods=["GET"]),
    ]


async def _queue(request: Request) -> Response:
    return Reply(_queue_view(request))


async def _control(request: Request) -> Response:
    """Pause or go on, and cancel jobs by id or by a range of sequence numbers; others are passed over."""
    hub = hub_of(request)
    given = Fields(await read_json(request), ("pause", "cancel"))
    mode = given.choice("pause", PAUSE)
    if mode is None and "cancel" not in given:
        raise bad_field("request", '"pause", "cancel", or both', "neither")
    ids = _to_cancel(request, given) if "cancel" in given else []
    if mode is not None:
        hub.set_paused(cast(Any, mode))
    cancelled = await hub.cancel(ids) if ids else []
    return Reply({**_queue_view(request), "cancelled": cancelled})


async def _ledger(request: Request) -> Response:
    """Answer what a worker holds in memory, on the device and on disk. 503 when no worker comes up in time."""
    result, _ = await hub_of(request).call("ledger")
    return Reply({"ledger": result})


async def _workers(request: Request) -> Response:
    shown = [
        {
            "name": worker.name,
            "device": worker.device,
            "state": worker.state,
            "restarts": worker.restarts,
            "last_beat": worker.last_beat,
            "info": worker.info,
        }
        for worker in hub_of(request).workers
    ]
    return Reply({"workers": shown})


async def _metrics(request: Request) -> Response:
    """Answer the curves of a job that trains or trained."""
    after = query_whole(request, "after", -1, 0, MAX_STEP)
    points = query_whole(request, "points", MAX_POINTS, 1, MAX_POINTS)
    job = job_of(request)
    series = curves(job, hub_of(request).live(job.id), after, points)
    return Reply({"job": job.id, "state": str(job.state), "series": series})


def _queue_view(request: Request) -> dict[str, Any]:
    hub = hub_of(request)
    counts = hub.store.counts()
    return {
        "paused": hub.paused,
        "draining": hub.draining,
        "counts": {str(state): counts.get(state, 0) for state in State},
        "running": [summary(job, hub.live(job.id)) for job, _ in hub.running_view()],
    }


def _to_cancel(request: Request, given: Fields) -> list[str]:
    """Return the ids of the jobs that "cancel" means."""
    wanted = Fields(given.get("cancel"), ("ids", "from", "to"), '"cancel"')
    ids = wanted.texts("ids", MAX_IDS)
    first, last = wanted.whole("from", 0, MAX_SEQUENCE), wanted.whole("to", 0, MAX_SEQUENCE)
    if (ids is None) == (first is None and last is None):
        raise bad_field('"cancel"', '"ids", or a range "from" and "to"', "both" if ids else "neither")
    if ids is not None:
        return list(ids)
    if first is None or last is None or first > last:
        raise bad_field('"cancel"', '"from" and "to", in this order', f"from {first} to {last}")
    store = hub_of(request).store
    return [job.id for job in (*store.running(), *store.pending()) if first <= job.sequence <= last]
