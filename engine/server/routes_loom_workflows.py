"""`/api/loom/workflows`: saved workflows as calls with typed inputs and results.

A run is an ordinary job: it is on disk when this answers, and followed like any other. Knows no graph format.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..comfy.remap import resolve_models
from ..comfy.report import Report
from ..folders import Folders
from ..graph.codec import write_api
from ..graph.interface import Interface, bind
from ..node.registry import Registry
from .body import read_json
from .fields import Fields, query_whole
from .job_view import summary
from .jobs import ENDED, Job, Submission
from .reach import hub_of
from .reply import Reply
from .routes_loom_jobs import require_same
from .saved import described, names, open_saved
from .submissions import SUBMISSION, read_submission

if TYPE_CHECKING:
    from .hub import Hub

__all__ = ["LONGEST_WAIT", "ORDER", "routes"]

LONGEST_WAIT = 60
"""Seconds that an answer may be held back for the results."""

ORDER = tuple(name for name in SUBMISSION if name not in ("graph", "workflow", "targets"))
"""Fields of a run beside "inputs": those of any job."""

_LOOK_SECONDS = 0.1  # between two looks at a job that somebody waits for


def routes() -> list[Route]:
    """Return the routes, with full paths. Names may hold folders."""
    return [
        Route("/api/loom/workflows", _list, methods=["GET"]),
        Route("/api/loom/workflows/{name:path}/run", _run, methods=["POST"]),
        Route("/api/loom/workflows/{name:path}", _one, methods=["GET"]),
    ]


async def _list(request: Request) -> Response:
    """Answer the names of all saved workflows."""
    return Reply({"workflows": await asyncio.to_thread(names, hub_of(request).folders)})


async def _one(request: Request) -> Response:
    """Answer what a workflow takes and gives."""
    hub = hub_of(request)
    name: str = request.path_params["name"]

    def work() -> dict[str, Any]:
        return described(open_saved(name, hub.registry, hub.folders), hub.folders)

    return Reply({"workflow": await asyncio.to_thread(work)})


async def _run(request: Request) -> Response:
    """Queue a run with the inputs given; with ?wait=SECONDS answer its results if it ends in time.

    201, or 200 when its idempotency key was used before for the same inputs.
    """
    hub = hub_of(request)
    wait = query_whole(request, "wait", 0, 0, LONGEST_WAIT)
    document = await read_json(request, empty={})
    name: str = request.path_params["name"]
    key = request.headers.get("idempotency-key")
    submission, face, notes = await asyncio.to_thread(_prepared, document, name, key, hub.registry, hub.folders)
    job = await hub.submit(submission)
    require_same(submission, job, "request")
    status = 201 if job.id == submission.job_id else 200
    if wait:
        job = await _ended(hub, job, wait)
    answer: dict[str, Any] = {
        "job": summary(job, hub.live(job.id)),
        "results": _places(face),
        "notes": [note.as_dict() for note in notes],
    }
    if job.state in ENDED:
        answer["outputs"] = {port["name"]: _result(job, port) for port in answer["results"]}
    return Reply(answer, status, {"Location": f"/api/loom/jobs/{job.id}"})


def _prepared(
    document: Any, name: str, key: str | None, registry: Registry, folders: Folders
) -> tuple[Submission, Interface, Report]:
    """Return the job to queue, the interface of its workflow, and which models stand in for others.

    Raises UserError P010, C062, C063, InvalidGraph.
    """
    given = Fields(document, ("inputs", *ORDER))
    saved = open_saved(name, registry, folders)
    graph = bind(saved.graph, registry, given.table("inputs") or {}, ports=saved.face)
    graph, notes = resolve_models(graph, registry, folders)  # without hashing: a client waits
    order = {field: given.get(field) for field in ORDER if field in given}
    order.setdefault("title", name[:200])
    table = write_api(graph, registry)
    submission = read_submission({**order, "graph": table}, registry, folders, header_key=key)
    return replace(submission, job_id=str(uuid.uuid4())), saved.face, notes


async def _ended(hub: Hub, job: Job, seconds: int) -> Job:
    """Return the job when it has ended, or as it is after so many seconds."""
    until = time.monotonic() + seconds
    while job.state not in ENDED and time.monotonic() < until and not hub.draining:
        await asyncio.sleep(_LOOK_SECONDS)
        found = hub.store.get(job.id)
        if found is None:  # dropped by the retention
            break
        job = found
    return job


def _places(face: Interface) -> list[dict[str, Any]]:
    """Return for each result the node whose announcements hold it."""
    return [{"name": port.name, "type": port.type, "node": port.node} for port in face.outputs]


def _result(job: Job, port: Mapping[str, Any]) -> Any:
    """Return a result: the value of plain ones, files as [{"filename", "subfolder", "type"}], else null."""
    kinds = (job.outputs or {}).get(port["node"], {})
    if kinds.get("images"):
        return kinds["images"]
    return next((item["value"] for item in kinds.get("text", ()) if "value" in item), None)
