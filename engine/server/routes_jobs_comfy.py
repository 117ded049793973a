"""The newer ComfyUI's jobs API, `/api/jobs`: list with filters, look at one, cancel.

Registered only under /api, as there. The record's form is `comfy.history`'s business; our own, richer API is
`/api/loom/jobs`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..comfy.history import STATUS, detail, summary, workflow_id
from .body import read_json
from .fields import query_choice, query_choices, query_whole
from .jobs import Job, State
from .problems import bad_field, unknown_job
from .reach import hub_of
from .reply import Reply

if TYPE_CHECKING:
    from .hub import Hub

__all__ = ["routes"]

_MOST = 20_000  # jobs looked through: as many as may wait and are kept
_PAGE = 200  # jobs read before others get their turn
_SORTS, _ORDERS = ("created_at", "execution_duration"), ("asc", "desc")


def routes() -> list[Route]:
    """Return the routes."""
    return [
        Route("/api/jobs", listed, methods=["GET"]),
        Route("/api/jobs/cancel", cancel_many, methods=["POST"]),
        Route("/api/jobs/{job_id}", one, methods=["GET"]),
        Route("/api/jobs/{job_id}/cancel", cancel_one, methods=["POST"]),
    ]


async def listed(request: Request) -> Response:
    """Return a page of the jobs that fit, the newest first unless asked otherwise."""
    hub = hub_of(request)
    wanted = query_choices(request, "status", tuple(STATUS.values())) or tuple(STATUS.values())
    sort_by = query_choice(request, "sort_by", _SORTS) or "created_at"
    order = query_choice(request, "sort_order", _ORDERS) or "desc"
    limit, offset = query_whole(request, "limit", _MOST, 1, _MOST), query_whole(request, "offset", 0, 0, 10**9)
    workflow = request.query_params.get("workflow_id")
    states = [state for state in State if STATUS[state] in wanted]
    sort = {"created_at": "created", "execution_duration": "duration"}[sort_by]
    page, total = [], 0
    if workflow:
        async for job in _jobs(hub, states, sort, order == "desc", 0, _MOST):
            if workflow_id(job) == workflow:
                total += 1
                if offset < total <= offset + limit:
                    page.append(summary(job))
    else:
        counts = hub.store.counts()
        total = sum(counts[state] for state in states)
        async for job in _jobs(hub, states, sort, order == "desc", offset, limit):
            page.append(summary(job))  # noqa: PERF401  others get their turn between pages
    pagination = {
        "offset": offset,
        "limit": limit if "limit" in request.query_params else None,
        "total": total,
        "has_more": offset + len(page) < total,
    }
    return Reply({"jobs": page, "pagination": pagination})


async def _jobs(
    hub: Hub, states: list[State], sort: str, descending: bool, offset: int, most: int
) -> AsyncIterator[Job]:
    """Yield up to `most` jobs, read a page at a time."""
    while most > 0:
        found = hub.store.find(states, min(most, _PAGE), offset, sort=sort, descending=descending)
        for job in found:
            yield job
        most, offset = most - len(found), offset + len(found)
        if not found:
            break
        await asyncio.sleep(0)


async def one(request: Request) -> Response:
    """Return one job with its outputs and graph. Raises UserError J006."""
    hub = hub_of(request)
    job_id = request.path_params["job_id"]
    job = hub.store.get(job_id)
    if job is None:
        raise unknown_job(job_id)
    return Reply(detail(job))


async def cancel_one(request: Request) -> Response:
    """Cancel a job that waits or runs; one that has ended is left as it is. Raises UserError J006."""
    hub = hub_of(request)
    job_id = request.path_params["job_id"]
    if hub.store.get(job_id) is None:
        raise unknown_job(job_id)
    return Reply({"cancelled": bool(await hub.cancel([job_id]))})


async def cancel_many(request: Request) -> Response:
    """Cancel those of `job_ids` that wait or run."""
    hub = hub_of(request)
    document: Any = await read_json(request)
    ids = document.get("job_ids") if isinstance(document, dict) else None
    if not isinstance(ids, list) or not all(isinstance(job_id, str) for job_id in ids):
        raise bad_field('body, "job_ids"', "a list of ids", ids)
    return Reply({"cancelled": bool(await hub.cancel(ids))})

