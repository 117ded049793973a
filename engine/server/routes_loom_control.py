"""`/api/loom/jobs/{job}/...`: cancel, retry, duplicate, bring to the front, hold, release and edit one job.

A change of a job is announced by the hub once it is on disk. Knows no SQL and no worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import InvalidGraph, UserError
from .body import read_json
from .fields import Fields
from .job_view import summary
from .jobs import ENDED, Job, State, Submission
from .problems import bad_field
from .reach import hub_of, job_of
from .reply import Reply
from .submissions import (
    LONGEST_TITLE,
    MAX_PRIORITY,
    check,
    drawing_of,
    graph_of,
    with_drawing,
    without_drawing,
)

__all__ = ["EDITS", "routes"]

EDITS = ("title", "priority", "front", "held", "graph", "workflow")
"""What may be changed of a job that waits, and given to a copy."""


def routes() -> list[Route]:
    """Return the routes, with full paths."""
    actions: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "cancel": _cancel,
        "retry": _retry,
        "duplicate": _duplicate,
        "front": _front,
        "hold": _hold,
        "release": _release,
    }
    return [
        Route("/api/loom/jobs/{job}", _edit, methods=["PATCH"]),
        *(Route(f"/api/loom/jobs/{{job}}/{name}", action, methods=["POST"]) for name, action in actions.items()),
    ]


async def _cancel(request: Request) -> Response:
    """Cancel the job whether it waits or runs. A running one ends soon after; "state" then still says "running"."""
    hub, job = hub_of(request), job_of(request)
    if not await hub.cancel([job.id]):
        job = job_of(request)  # as it is now: it may have ended in between
        if job.state is not State.CANCELLED:
            raise _not_fit(job, "a job that waits or runs", "Nothing is left to cancel.")
    return Reply({"job": summary(job_of(request))})


async def _retry(request: Request) -> Response:
    """Queue a job that failed or was cancelled once more, as a new job; what is cached need not run again."""
    job = job_of(request)
    if job.state not in (State.FAILED, State.CANCELLED):
        raise _not_fit(job, "a job that failed or was cancelled", 'For another run of it, use "duplicate".')
    return await _again(request, job)


async def _duplicate(request: Request) -> Response:
    """Queue a copy of the job in whatever state it is, with the changes that the body names, if any."""
    return await _again(request, job_of(request))


async def _front(request: Request) -> Response:
    hub, job = hub_of(request), job_of(request)
    return _changed(request, await hub.store.reorder(job.id, front=True))


async def _hold(request: Request) -> Response:
    hub, job = hub_of(request), job_of(request)
    return _changed(request, await hub.store.edit(job.id, held=True))


async def _release(request: Request) -> Response:
    hub, job = hub_of(request), job_of(request)
    return _changed(request, await hub.store.edit(job.id, held=False))


async def _edit(request: Request) -> Response:
    """Change a job that waits: all fields are checked before the first is changed."""
    hub, job = hub_of(request), job_of(request)
    given = Fields(await read_json(request), EDITS)
    changes = await _read_changes(request, given, job)
    if not any(name in given for name in EDITS):
        raise bad_field("request", "one or more of " + ", ".join(EDITS), "none")
    if job.state is not State.PENDING:
        raise _not_fit(job, "a job that still waits", "Duplicate it instead.")
    front = bool(changes.pop("front", False))
    priority = changes.pop("priority", None)
    if changes:
        job = await hub.store.edit(job.id, **changes)
    if front or priority is not None:
        job = await hub.store.reorder(job.id, priority=priority, front=front)
    return _changed(request, job)


async def _again(request: Request, job: Job) -> Response:
    """Queue a copy of `job`."""
    hub = hub_of(request)
    given = Fields(await read_json(request, empty={}), EDITS)
    changes = await _read_changes(request, given, job, every=True)
    copy = Submission(
        graph=job.graph,
        targets=job.targets,
        extra=job.extra,
        client_id=job.client_id,
        title=job.title,
        node_errors=job.node_errors,
    )
    new = await hub.submit(replace(copy, **changes))
    return Reply({"job": summary(new)}, 201, {"Location": f"/api/loom/jobs/{new.id}"})


async def _read_changes(request: Request, given: Fields, job: Job, every: bool = False) -> dict[str, Any]:
    """Return the fields given, checked. A graph must suit the job's targets; `every` checks one that is not given too.

    Raises UserError P010, F001, F002 and InvalidGraph.
    """
    hub = hub_of(request)
    await hub.nodes_known()
    changes: dict[str, Any] = {
        "title": given.text("title", LONGEST_TITLE),
        "priority": given.number("priority", -MAX_PRIORITY, MAX_PRIORITY),
        "front": given.flag("front") if "front" in given else None,
        "held": given.flag("held") if "held" in given else None,
    }
    if "graph" in given or "workflow" in given or every:

        def work() -> dict[str, Any]:
            fresh = "graph" in given or "workflow" in given
            table = graph_of(given, hub.registry, hub.folders) if fresh else job.graph
            problems = check(table, hub.registry, hub.folders, job.targets)
            if problems:
                raise InvalidGraph(problems)
            return table

        changes["graph"] = await asyncio.to_thread(work)
        if "graph" in given or "workflow" in given:
            drawing = drawing_of(given)
            changes["extra"] = with_drawing(job.extra, drawing) if drawing else without_drawing(job.extra)
    return {name: value for name, value in changes.items() if value is not None}


def _changed(request: Request, job: Job) -> Response:
    hub_of(request).told(job)
    return Reply({"job": summary(job)})


def _not_fit(job: Job, expected: str, fix: str) -> UserError:
    code = "J004" if job.state in ENDED else "J005"
    return UserError(code, f"job {job.id}", expected, f"one that is {job.state}", fix)
