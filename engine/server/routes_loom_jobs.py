"""`/api/loom/jobs`: submit, list, read, compare and remove jobs. What changes a job is in `routes_loom_control`.

A reply to a submission means that the job is on disk. Knows no SQL and no worker.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import uuid
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import LatentloomError, UserError, brief
from . import store
from .body import read_json
from .diff import diff, is_equal
from .fields import Fields, query_choice, query_choices, query_whole
from .job_view import detail, summary
from .jobs import ENDED, Job, State, Submission
from .problems import bad_field, bad_parameter, problem_response
from .reach import hub_of, job_of
from .reply import Reply
from .submissions import read_submission

__all__ = ["MAX_AT_ONCE", "MAX_OFFSET", "MAX_PAGE", "SORTS", "require_same", "routes"]

MAX_AT_ONCE = 1000  # jobs in one request
MAX_PAGE = 1000
MAX_OFFSET = 10_000_000
SORTS = ("-created", *(f"{way}{name}" for name in store.SORTS for way in ("", "-") if f"{way}{name}" != "-created"))
"""How a list may be sorted, the default first; "-" turns the order round."""

_CURSOR = re.compile(rb"after:([0-9]{1,18})")


def routes() -> list[Route]:
    """Return the routes, with full paths."""
    return [
        Route("/api/loom/jobs", _submit, methods=["POST"]),
        Route("/api/loom/jobs", _list, methods=["GET"]),
        Route("/api/loom/jobs", _clear, methods=["DELETE"]),
        Route("/api/loom/jobs/{job}", _get, methods=["GET"]),
        Route("/api/loom/jobs/{job}", _delete, methods=["DELETE"]),
        Route("/api/loom/jobs/{job}/diff/{other}", _diff, methods=["GET"]),
    ]


async def _submit(request: Request) -> Response:
    """Queue one job, or all of {"jobs": [...]} or none.

    201 with the job; 200 when its idempotency key was used before for the same graph, with the job of then.
    """
    document = await read_json(request)
    if isinstance(document, dict) and "jobs" in document:
        return await _submit_many(request, Fields(document, ("jobs",)).get("jobs"))
    hub = hub_of(request)
    await hub.nodes_known()
    key = request.headers.get("idempotency-key")
    submission = await asyncio.to_thread(read_submission, document, hub.registry, hub.folders, header_key=key)
    wanted = replace(submission, job_id=str(uuid.uuid4()))
    job = await hub.submit(wanted)
    require_same(wanted, job, "request")
    new = job.id == wanted.job_id
    return Reply({"job": summary(job)}, 201 if new else 200, {"Location": f"/api/loom/jobs/{job.id}"} if new else None)


async def _submit_many(request: Request, documents: Any) -> Response:
    if not isinstance(documents, list) or not 0 < len(documents) <= MAX_AT_ONCE:
        raise bad_field('"jobs"', f"a list of 1 to {MAX_AT_ONCE} jobs", brief(documents))
    if request.headers.get("idempotency-key") is not None:
        raise bad_field("header", "a key in each job", "one Idempotency-Key for many", 'Use "idempotency_key" in each.')
    hub = hub_of(request)
    await hub.nodes_known()
    wanted: list[Submission] = []
    for index, document in enumerate(documents):
        try:
            submission = await asyncio.to_thread(
                read_submission, document, hub.registry, hub.folders, where=f"job {index}"
            )
        except LatentloomError as error:
            return problem_response(error, job=index)
        wanted.append(replace(submission, job_id=str(uuid.uuid4())))
    jobs = await hub.submit_many(wanted)
    for index, (submission, job) in enumerate(zip(wanted, jobs, strict=True)):
        require_same(submission, job, f"job {index}")
    return Reply({"jobs": [summary(job) for job in jobs]}, 201)


def require_same(wanted: Submission, job: Job, where: str) -> None:
    """Raise UserError J002 when an idempotency key stood for another graph before: the caller would get its result."""
    if job.id != wanted.job_id and not (is_equal(job.graph, wanted.graph) and job.targets == wanted.targets):
        raise UserError(
            "J002",
            f"{where}, idempotency key {brief(wanted.idempotency_key)}",
            "the graph that it was used with first",
            f"another (job {job.id})",
            "Use a new key for each new request.",
        )


async def _list(request: Request) -> Response:
    """Answer jobs in pages; "next" is the cursor of the page that follows, which stays right while jobs come and go."""
    hub = hub_of(request)
    states = [State(word) for word in query_choices(request, "state", tuple(map(str, State)))]
    limit = query_whole(request, "limit", 100, 1, MAX_PAGE)
    offset = query_whole(request, "offset", 0, 0, MAX_OFFSET)
    sort = query_choice(request, "sort", SORTS) or SORTS[0]
    by, descending = sort.removeprefix("-"), sort.startswith("-")
    cursor = _cursor(request.query_params.get("cursor"))
    if cursor is not None and by != "created":
        raise bad_parameter("cursor", 'no cursor, unless sorted by "created"', sort)
    jobs = hub.store.find(states or None, limit + 1, offset, sort=by, descending=descending, after=cursor)
    shown, more = jobs[:limit], len(jobs) > limit
    counts = hub.store.counts()
    following = _as_cursor(shown[-1].sequence) if more and by == "created" else None
    return Reply(
        {
            "jobs": [summary(job, hub.live(job.id)) for job in shown],
            "total": sum(counts.get(state, 0) for state in states or State),
            "more": more,
            "next": following,
        }
    )


async def _get(request: Request) -> Response:
    job = job_of(request)
    return Reply({"job": detail(job, hub_of(request).live(job.id))})


async def _diff(request: Request) -> Response:
    """Answer what leads from the graph of one job to that of another."""
    job, other = job_of(request), job_of(request, "other")
    return Reply({"a": job.id, "b": other.id, **await asyncio.to_thread(diff, job.graph, other.graph)})


async def _delete(request: Request) -> Response:
    """Remove one job that has ended from the history; its files stay."""
    job = job_of(request)
    deleted = await hub_of(request).store.delete([job.id])
    if not deleted:
        raise UserError("J005", f"job {job.id}", "a job that has ended", f"one that is {job.state}", "Cancel it first.")
    return Reply({"deleted": [job.id]})


async def _clear(request: Request) -> Response:
    """Remove all jobs that ended in one of the states named."""
    states = query_choices(request, "state", tuple(sorted(map(str, ENDED))))
    if not states:
        raise bad_parameter("state", "one or more of " + ", ".join(sorted(ENDED)), "nothing")
    jobs_of = hub_of(request).store
    count = 0
    while jobs := jobs_of.find([State(word) for word in states], MAX_PAGE):
        deleted = await jobs_of.delete([job.id for job in jobs])
        count += len(deleted)
        if not deleted:  # somebody else removed them meanwhile
            break
    return Reply({"deleted": count})


def _as_cursor(sequence: int) -> str:
    return base64.urlsafe_b64encode(b"after:%d" % sequence).decode().rstrip("=")


def _cursor(text: str | None) -> int | None:
    """Read what `_as_cursor` wrote. Raises UserError P011."""
    if text is None:
        return None
    try:
        plain = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        plain = b""
    match = _CURSOR.fullmatch(plain)
    if match is None:
        raise bad_parameter("cursor", '"next" of an earlier page', text)
    return int(match[1])
