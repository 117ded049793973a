"""The OpenAPI 3.1 document, written by hand as data: every address of the server but the websockets and the pages.

A test compares it with the routes in both directions. Limits come from the modules that enforce them.
"""

from __future__ import annotations

from typing import Any

from .jobs import ENDED, State
from .openapi_comfy import comfy_paths
from .openapi_editor import editor_paths, editor_schemas
from .openapi_parts import as_json, operation, query, words
from .openapi_schemas import COUNT, SEQUENCE, TEXT, Schema, listed, record, ref, schemas
from .routes_loom_jobs import MAX_OFFSET, MAX_PAGE, SORTS
from .routes_loom_state import MAX_POINTS, MAX_STEP
from .routes_loom_workflows import LONGEST_WAIT
from .submissions import LONGEST_ID

__all__ = ["document"]

_ABOUT = """Jobs are on disk before they are acknowledged; what happens to them is told at the websocket
`/api/loom/ws?after=SEQ`, described in docs/protocol.md. ComfyUI's addresses stand both as they are here and below
`/api`. An error is a 4xx with a code, or 503 (no worker, or stopping) or 507 (disk full, nothing acknowledged)."""

_JOB = {"name": "job", "in": "path", "required": True, "schema": {**TEXT, "minLength": 1}, "description": "id of a job"}


def document(version: str) -> dict[str, Any]:
    """Return the document; version: the server's."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Latentloom", "version": version, "description": _ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "jobs", "description": "submit, follow, compare and change jobs"},
            {"name": "check", "description": "graphs and node types"},
            {"name": "workflows", "description": "saved workflows as calls with typed inputs"},
            {"name": "documents", "description": "documents of the editor: opened from anything, saved with revisions"},
            {"name": "state", "description": "queue, workers, memory, curves"},
            {"name": "health", "description": "for whoever watches the server"},
            {"name": "comfyui", "description": "ComfyUI's own API"},
        ],
        "security": [{}, {"token": []}],
        "paths": {
            **_jobs(),
            **_control(),
            **_check(),
            **_workflows(),
            **editor_paths(),
            **_state(),
            **_health(),
            **comfy_paths(),
        },
        "components": {
            "schemas": {**schemas(), **editor_schemas()},
            "responses": {
                "Error": {"description": "An error, with its code.", "content": as_json(ref("Error"))},
                "Unavailable": {
                    "description": "No worker came up in time, or the server is stopping; try again.",
                    "headers": {"Retry-After": {"schema": COUNT, "description": "seconds"}},
                    "content": as_json(ref("Error")),
                },
                "Full": {
                    "description": "The disk is full; nothing was acknowledged.",
                    "content": as_json(ref("Error")),
                },
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _jobs() -> Schema:
    states = ", ".join(State)
    page = [
        query("state", {**TEXT, "pattern": words(State)}, f"one or more, with commas: {states}"),
        query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 100}, "jobs of a page"),
        query("offset", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0}, "jobs passed over"),
        query("sort", {"enum": list(SORTS), "default": SORTS[0]}, 'with "-" downwards'),
        query("cursor", TEXT, '"next" of the page before; only when sorted by "created"'),
    ]
    ended = query("state", {**TEXT, "pattern": words(ENDED)}, "one or more ended states, with commas", required=True)
    printable = {**TEXT, "minLength": 1, "maxLength": LONGEST_ID, "pattern": "^[!-~]+$"}
    key = {"name": "Idempotency-Key", "in": "header", "schema": printable}
    jobs = listed(ref("Job"))
    following = {"type": ["string", "null"]}
    return {
        "/api/loom/jobs": {
            "post": operation(
                "jobs",
                "Submit one job, or many of which all or none are queued",
                {201: record({"job": ref("Job"), "jobs": jobs}, "job", "jobs"), 200: record({"job": ref("Job")})},
                [key],
                {"oneOf": [ref("Submission"), ref("Submissions")]},
                507,
            ),
            "get": operation(
                "jobs",
                "List jobs, without their graphs and outputs",
                {200: record({"jobs": jobs, "total": COUNT, "more": {"type": "boolean"}, "next": following})},
                page,
            ),
            "delete": operation(
                "jobs", "Forget ended jobs; their files stay", {200: record({"deleted": COUNT})}, [ended]
            ),
        },
        "/api/loom/jobs/{job}": {
            "get": operation("jobs", "One job, whole", {200: record({"job": ref("JobDetail")})}, [_JOB]),
            "patch": operation(
                "jobs", "Change a job that waits", {200: record({"job": ref("Job")})}, [_JOB], ref("Edit"), 507
            ),
            "delete": operation("jobs", "Forget an ended job", {200: record({"deleted": listed(TEXT)})}, [_JOB]),
        },
        "/api/loom/jobs/{job}/diff/{other}": {
            "get": operation(
                "jobs",
                "What leads from one job's graph to another's",
                {200: ref("Diff")},
                [_JOB, {**_JOB, "name": "other"}],
            )
        },
    }


def _control() -> Schema:
    job = {200: record({"job": ref("Job")})}
    new = {201: record({"job": ref("Job")})}
    paths = {
        f"/api/loom/jobs/{{job}}/{name}": {"post": operation("jobs", summary, job, [_JOB])}
        for name, summary in (
            ("cancel", "Cancel a job that waits or runs"),
            ("front", "Put a job that waits ahead of the others"),
            ("hold", "Let a job wait until it is released"),
            ("release", "Let a held job run when its turn comes"),
        )
    }
    for name, summary in (
        ("retry", "Queue a job that failed or was cancelled once more"),
        ("duplicate", "Queue a copy of a job, with changes if wanted"),
    ):
        described = operation("jobs", summary, new, [_JOB], ref("Changes"), 507)
        described["requestBody"]["required"] = False
        paths[f"/api/loom/jobs/{{job}}/{name}"] = {"post": described}
    return paths


def _check() -> Schema:
    kind = {"name": "type", "in": "path", "required": True, "schema": {**TEXT, "minLength": 1}}
    notes = listed(ref("Note"))
    problems = record({"ok": {"type": "boolean"}, "nodes": COUNT, "problems": listed(ref("Problem")), "report": notes})
    node = {"type": "object"}
    exported = record({"prompt": {"type": "object"}, "report": notes})
    return {
        "/api/loom/check": {"post": operation("check", "Every problem of a graph", {200: problems}, [], ref("Check"))},
        "/api/loom/export": {
            "post": operation(
                "check", "A document as ComfyUI's POST /prompt takes it", {200: exported}, [], ref("Export")
            )
        },
        "/api/loom/nodes": {
            "get": operation(
                "check",
                "All node types, and the packs that could not be loaded",
                {200: record({"nodes": node, "failures": listed(record({"name": TEXT, "error": TEXT}))})},
            )
        },
        "/api/loom/nodes/{type}": {"get": operation("check", "One node type", {200: record({"node": node})}, [kind])},
        "/api/loom/openapi.json": {"get": operation("check", "This document", {200: {"type": "object"}})},
    }


def _workflows() -> Schema:
    name = {
        "name": "name", "in": "path", "required": True, "schema": {**TEXT, "minLength": 1},
        "description": 'as listed; may hold "/"',
    }  # fmt: skip
    wait = {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0}
    place = record({"name": TEXT, "type": TEXT, "node": TEXT})
    fields = {"job": ref("Job"), "results": listed(place), "notes": listed(ref("Note")), "outputs": {"type": "object"}}
    ran = record(fields, "outputs")
    run = operation(
        "workflows",
        "Run a workflow with these inputs; its results stand under outputs once the job has ended",
        {201: ran, 200: ran},
        [name, query("wait", wait, "seconds to wait for the end")],
        ref("Run"),
        507,
    )
    run["requestBody"]["required"] = False
    entry = record(
        {"name": TEXT, "source": {"enum": ["user", "package"]}, "modified": {"type": "number"}, "bytes": COUNT}
    )
    return {
        "/api/loom/workflows": {
            "get": operation("workflows", "All saved workflows", {200: record({"workflows": listed(entry)})})
        },
        "/api/loom/workflows/{name}": {
            "get": operation(
                "workflows", "What a workflow takes and gives", {200: record({"workflow": ref("Workflow")})}, [name]
            )
        },
        "/api/loom/workflows/{name}/run": {"post": run},
    }


def _state() -> Schema:
    curves = record({"job": TEXT, "state": {"enum": [str(state) for state in State]}, "series": listed(ref("Curve"))})
    controlled = {"allOf": [ref("Queue"), record({"cancelled": listed(TEXT)})]}
    points = {"type": "integer", "minimum": 1, "maximum": MAX_POINTS, "default": MAX_POINTS}
    return {
        "/api/loom/queue": {
            "get": operation("state", "Whether jobs are taken, and what runs", {200: ref("Queue")}),
            "post": operation(
                "state", "Pause or go on; cancel jobs by id or by range", {200: controlled}, [], ref("Control")
            ),
        },
        "/api/loom/ledger": {
            "get": operation(
                "state", "What a worker holds in memory, on the device and on disk", {200: record({"ledger": {}})}
            )
        },
        "/api/loom/workers": {
            "get": operation("state", "The workers and how they are", {200: record({"workers": listed(ref("Worker"))})})
        },
        "/api/loom/metrics/{job}": {
            "get": operation(
                "state",
                "The curves of a job that trains or trained",
                {200: curves},
                [
                    _JOB,
                    query("after", {**SEQUENCE, "maximum": MAX_STEP}, "only later steps"),
                    query("points", points, "at most, of each curve"),
                ],
            )
        },
    }


def _health() -> Schema:
    well = record({"ok": {"const": True}, "version": TEXT, "uptime": {"type": "number"}, "workers": {"type": "object"}})
    ready = record({"ready": {"type": "boolean"}, "missing": listed(TEXT)})
    paths: Schema = {
        "/health": {"get": operation("health", "Whether the process answers", {200: well})},
        "/ready": {"get": operation("health", "Whether a job sent now would run", {200: ready, 503: ready})},
        "/metrics": {"get": operation("health", "Figures for Prometheus", {})},
    }
    figures = {"description": "Prometheus' text format 0.0.4.", "content": {"text/plain": {"schema": TEXT}}}
    paths["/metrics"]["get"]["responses"]["200"] = figures
    return paths
