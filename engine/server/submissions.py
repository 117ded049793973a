"""A request for a job, read and checked: JSON in, a `Submission` whose graph is sound out.

A graph is in API or UI format. Every problem of it is reported at once and nothing is bent into shape; what ComfyUI's
clients send is read in `engine/comfy`. Reads workflow files by name. Knows no store, no queue and no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..comfy.convert import Opened, open_workflow
from ..comfy.document import is_ui
from ..comfy.report import Report
from ..comfy.runnable import runnable
from ..errors import InvalidGraph, Problem, UserError, brief
from ..folders import Folders, safe_name
from ..graph.codec import read_api
from ..graph.graph import Graph
from ..graph.validate import examine
from ..library import open_file, package_root
from ..node.registry import Registry, nearest
from .fields import Fields
from .jobs import Submission
from .problems import bad_field

__all__ = [
    "LONGEST_ID", "LONGEST_TITLE", "MAX_NODES", "MAX_PRIORITY", "SUBMISSION", "check", "drawing_of", "graph_of",
    "opened_of", "read_submission", "with_drawing", "without_drawing",
]  # fmt: skip

MAX_NODES = 20_000
"""Nodes of one graph; the largest published workflows have some 600."""

LONGEST_ID = 200  # characters of a client's name for itself or for a request
LONGEST_TITLE = 200
MAX_PRIORITY = 1e12  # beyond it, steps of one would vanish in a double
SUBMISSION = (
    "graph", "workflow", "targets", "title", "priority", "front", "held", "idempotency_key", "client_id", "extra",
)  # fmt: skip
"""The fields of a request for a job."""

_MAX_BYTES = 32 << 20  # as of a request's body
_USER_WORKFLOWS = "default/workflows"  # where ComfyUI's editor saves them, below the folder "user"
# Keys to somebody else's paid service: nothing here needs them, and what is stored and shown must not hold them.
_SECRETS = ("auth_token_comfy_org", "api_key_comfy_org")


def read_submission(
    document: Any, registry: Registry, folders: Folders, *, header_key: str | None = None, where: str = "request"
) -> Submission:
    """Return what `document` asks for; header_key: the idempotency key of the request's header.

    Reads files, so call it off the event loop. Raises UserError P010 (a field), F001, F002 (workflow file), and
    InvalidGraph with every problem of the graph.
    """
    given = Fields(document, SUBMISSION, where)
    key = given.text("idempotency_key", LONGEST_ID, empty=False)
    if header_key is not None:
        header = Fields({"Idempotency-Key": header_key}, ("Idempotency-Key",), "header")
        if header.text("Idempotency-Key", LONGEST_ID, empty=False) != (key or header_key):
            raise bad_field("idempotency key", "one key", "another in the header than in the body")
        key = header_key
    submission = Submission(
        graph={},
        targets=given.texts("targets", MAX_NODES),
        extra={name: value for name, value in (given.table("extra") or {}).items() if name not in _SECRETS},
        client_id=given.text("client_id", LONGEST_ID, empty=False),
        priority=given.number("priority", -MAX_PRIORITY, MAX_PRIORITY) or 0.0,
        front=given.flag("front"),
        held=given.flag("held"),
        idempotency_key=key,
        title=given.text("title", LONGEST_TITLE) or "",
    )
    table = graph_of(given, registry, folders)
    problems = check(table, registry, folders, submission.targets)
    if problems:
        raise InvalidGraph(problems)
    return replace(submission, graph=table, extra=with_drawing(submission.extra, drawing_of(given)))


def drawing_of(given: Fields) -> dict[str, Any] | None:
    """Return the document in UI format that is given as the graph, None where it is given otherwise."""
    table = next((value for name in ("graph", "workflow") if isinstance(value := given.get(name), dict)), None)
    table = None if table is None else _inner(table)
    return table if is_ui(table) else None


def with_drawing(extra: Mapping[str, Any], drawing: dict[str, Any] | None) -> dict[str, Any]:
    """Return the job's company with the document that it was drawn as: pictures carry it, and it opens again."""
    if drawing is None:
        return dict(extra)
    known = extra.get("extra_pnginfo")
    return {**extra, "extra_pnginfo": {**(known if isinstance(known, Mapping) else {}), "workflow": drawing}}


def without_drawing(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the job's company for another graph: the document that is no longer its own is left out."""
    known = extra.get("extra_pnginfo")
    if not isinstance(known, Mapping) or "workflow" not in known:
        return dict(extra)
    return {**extra, "extra_pnginfo": {name: value for name, value in known.items() if name != "workflow"}}


def graph_of(given: Fields, registry: Registry, folders: Folders) -> dict[str, Any]:
    """Return the API data that `opened_of` reads. Raises as it does."""
    return opened_of(given, registry, folders)[0]


def opened_of(given: Fields, registry: Registry, folders: Folders) -> tuple[dict[str, Any], Report]:
    """Return API data of what is given under "graph" or "workflow", and what of a UI file did not map.

    "graph" is a graph in either format, or the body of ComfyUI's POST /prompt; "workflow" the name of a saved file, or
    such a graph. Exactly one must be given. Of a UI file that uses unknown nodes, what does not need them is returned.
    Raises UserError P010, F001, F002, G021 and, for a file in which names stand twice, InvalidGraph.
    """
    table, workflow = given.table("graph"), given.get("workflow")
    name = None if isinstance(workflow, dict) else given.text("workflow", 1024, empty=False)
    if (table is None) == (workflow is None):
        got = "neither" if table is None else "both"
        raise bad_field(given.where, 'a graph under "graph", or the name of a file under "workflow"', got)
    if name is None:
        table = _inner(workflow if table is None else table)
        return _runnable(open_workflow(table, registry), registry) if is_ui(table) else (table, ())
    path = _workflow_file(name, folders)
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise UserError("F001", f'workflow "{name}"', f"at most {_MAX_BYTES:,} bytes", f"{size:,}", "Split it.")
    opened = open_file(path, registry)
    if opened.graph.faults:
        raise InvalidGraph(opened.graph.faults)
    return _runnable(opened, registry) if opened.format == "ui" else (opened.api, ())


def _inner(table: dict[str, Any]) -> dict[str, Any]:
    """Return the graph in the body of ComfyUI's POST /prompt, as its scripts keep it; any other as it is."""
    inner = table.get("prompt")
    return inner if isinstance(inner, dict) and "class_type" not in inner else table


def _runnable(opened: Opened, registry: Registry) -> tuple[dict[str, Any], Report]:
    kept, left_out = runnable(opened.api, registry)
    return kept, (*opened.report, *left_out)


def check(
    table: dict[str, Any], registry: Registry, folders: Folders, targets: Sequence[str] | None
) -> tuple[Problem, ...]:
    """Return every problem of the graph; empty when it may run. Looks up the files it names."""
    try:
        graph: Graph = read_api(table, registry)
    except UserError as error:  # no graph at all
        return (Problem(error.code, error.where, error.expected, error.got, error.fix),)
    return examine(graph, registry, folders, None, targets, max_nodes=MAX_NODES).problems


def _workflow_file(name: str, folders: Folders) -> Path:
    """Return the saved workflow `name`, or the package's own of this name; ".json" may be left out."""
    wanted = safe_name(name if name.endswith(".json") else f"{name}.json")
    try:
        return folders.find("user", f"{_USER_WORKFLOWS}/{wanted}")
    except UserError as error:
        if error.code != "F001":
            raise
    own = {path.name: path for path in sorted((package_root() / "workflows").glob("*.json"))}
    if wanted in own:
        return own[wanted]
    near = nearest(wanted, own, 3)
    fix = f"Nearest: {', '.join(near)}." if near else "Save it first, or send the graph itself."
    raise UserError("F001", "workflows", "the name of a saved workflow", brief(name), fix)
