"""ComfyUI's /queue and /history over the store.

Answers with many jobs are encoded a few at a time, so that a long queue of large graphs does not hold up the others.
Times and states are the store's; their form is `comfy.history`'s business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..comfy.history import entry, queue_item
from .body import read_json
from .jobs import ENDED, Job
from .problems import bad_field, bad_parameter
from .reach import hub_of
from .reply import Reply, dumps

__all__ = ["routes"]

_MOST = 10_000  # entries of one answer; as many as ComfyUI keeps
_PAGE = 200  # jobs read and encoded before others get their turn
_PIECE_BYTES = 256 << 10  # encoded before others get their turn; some 2 ms


def routes() -> list[Route]:
    """Return the routes."""
    return [
        Route("/queue", queue, methods=["GET"]),
        Route("/queue", change_queue, methods=["POST"]),
        Route("/history", history, methods=["GET"]),
        Route("/history", change_history, methods=["POST"]),
        Route("/history/{job_id}", one, methods=["GET"]),
    ]


async def queue(request: Request) -> Response:
    """GET /queue: what runs and what waits, each as ComfyUI's tuple."""
    hub = hub_of(request)
    running = await _encoded(dumps(queue_item(job)) for job in hub.store.running())
    pending = await _encoded(dumps(queue_item(job)) for job in hub.store.pending())
    return _json(b'{"queue_running":[' + running + b'],"queue_pending":[' + pending + b"]}")


async def change_queue(request: Request) -> Response:
    """POST /queue: take jobs that wait out of the queue; unknown and running ones are passed over."""
    hub = hub_of(request)
    clear, ids = await _wish(request)
    # Not `hub.cancel`: it would also stop a job that began to run since the client looked.
    cancelled = await hub.store.clear_pending() if clear else await hub.store.cancel_pending(ids) if ids else []
    for job in cancelled:
        hub.told(job)
    return Response()


async def history(request: Request) -> Response:
    """GET /history: ended jobs by id, oldest first; `max_items` alone gives the last ones."""
    hub = hub_of(request)
    most, offset = _whole(request, "max_items"), _whole(request, "offset")
    if offset is None or offset < 0:
        counts = hub.store.counts()
        total = sum(counts.get(state, 0) for state in ENDED)
        offset = 0 if most is None else max(total - most, 0)
    left = _MOST if most is None else min(most, _MOST)
    pieces = []
    while left > 0:
        jobs = hub.store.ended(min(left, _PAGE), offset)
        if not jobs:
            break
        pieces.append(await _encoded(_pair(job) for job in jobs))
        left, offset = left - len(jobs), offset + len(jobs)
    return _json(b"{" + b",".join(pieces) + b"}")


async def one(request: Request) -> Response:
    """GET /history/{job_id}: its entry, or {} while it has not ended or when it is unknown."""
    hub = hub_of(request)
    job = hub.store.get(request.path_params["job_id"])
    return Reply({} if job is None or job.state not in ENDED else {job.id: entry(job)})


async def change_history(request: Request) -> Response:
    """POST /history: forget ended jobs; unknown ones and such that have not ended are passed over."""
    hub = hub_of(request)
    clear, ids = await _wish(request)
    if clear:
        await hub.store.clear_ended()
    elif ids:
        await hub.store.delete(ids)
    return Response()


async def _wish(request: Request) -> tuple[bool, list[str]]:
    """Read `{"clear": bool, "delete": [ids]}`. Raises UserError P*."""
    document = await read_json(request)
    if not isinstance(document, dict):
        raise bad_field("body", "a JSON object", document)
    ids = document.get("delete") or []
    if not isinstance(ids, list):
        raise bad_field('body, "delete"', "a list of ids", ids)
    return bool(document.get("clear")), [str(job_id) for job_id in ids]


def _whole(request: Request, name: str) -> int | None:
    """Return a whole number of the query, None when it is not given. Raises UserError P011."""
    text = request.query_params.get(name)
    if not text:
        return None
    if not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > 15:
        raise bad_parameter(name, "a whole number", text)
    return int(text)


def _pair(job: Job) -> bytes:
    return dumps(job.id) + b":" + dumps(entry(job))


async def _encoded(items: Iterable[bytes]) -> bytes:
    """Join encoded items with commas, letting others run in between."""
    pieces: list[bytes] = []
    size = 0
    for item in items:
        pieces.append(item)
        size += len(item)
        if size >= _PIECE_BYTES:
            size = 0
            await asyncio.sleep(0)
    return b",".join(pieces)


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
