"""`/api/loom/check`, `/api/loom/export` and `/api/loom/nodes`: problems of a graph, the graph alone, the node types.

All answer without a worker: the registry and the folders are enough. Knows no store.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..comfy.convert import open_workflow
from ..comfy.report import Report
from ..errors import InvalidGraph, Problem, UserError
from ..node.registry import Registry, unknown_node
from .body import read_json
from .fields import Fields
from .problems import bad_field
from .reach import hub_of
from .reply import Reply, dumps
from .submissions import MAX_NODES, check, opened_of

__all__ = ["routes"]


def routes() -> list[Route]:
    """Return the routes, with full paths."""
    return [
        Route("/api/loom/check", _check, methods=["POST"]),
        Route("/api/loom/export", _export, methods=["POST"]),
        Route("/api/loom/nodes", _nodes, methods=["GET"]),
        Route("/api/loom/nodes/{type}", _node, methods=["GET"]),
    ]


async def _check(request: Request) -> Response:
    """Answer 200 with {"ok", "nodes", "problems", "report"} for any graph; 4xx only for a request that names none.

    report: what of a graph in UI format did not map; it stops nothing.
    """
    hub = hub_of(request)
    await hub.nodes_known()
    given = Fields(await read_json(request), ("graph", "workflow", "targets"))
    targets = given.texts("targets", MAX_NODES)

    def work() -> tuple[int, tuple[Problem | UserError, ...], Report]:
        try:
            table, report = opened_of(given, hub.registry, hub.folders)
        except InvalidGraph as error:
            return 0, error.problems, ()
        except UserError as error:
            if error.code == "G021":  # a file that holds no workflow we can read
                return 0, (error,), ()
            raise
        return len(table), check(table, hub.registry, hub.folders, targets), report

    # In a thread: the files named may lie on a slow disk, and twenty thousand nodes take their time.
    nodes, problems, report = await asyncio.to_thread(work)
    found = [problem.as_dict() for problem in problems]
    return Reply({"ok": not problems, "nodes": nodes, "problems": found, "report": [note.as_dict() for note in report]})


async def _export(request: Request) -> Response:
    """Answer 200 with {"prompt", "report"}: a document as ComfyUI's POST /prompt takes it, with all its nodes."""
    hub = hub_of(request)
    await hub.nodes_known()
    given = Fields(await read_json(request), ("graph",))
    table = given.table("graph")
    if table is None:
        raise bad_field(given.where, 'a graph under "graph"', "nothing")

    def work() -> bytes:
        opened = open_workflow(table, hub.registry)
        return dumps({"prompt": opened.api, "report": [note.as_dict() for note in opened.report]})

    return Response(await asyncio.to_thread(work), media_type=Reply.media_type)


async def _nodes(request: Request) -> Response:
    """Answer all node types, and the packs that could not be loaded."""
    hub = hub_of(request)
    await hub.nodes_known()
    registry = hub.registry
    kept = registry.derived("loom nodes")
    if "text" not in kept:
        failures = [{"name": failure.name, "error": failure.error} for failure in registry.failures]
        kept["text"] = dumps({"nodes": {spec.id: _shown(registry, spec.id) for spec in registry}, "failures": failures})
    return Response(kept["text"], media_type="application/json")


async def _node(request: Request) -> Response:
    """Answer one node type, also under an id it had before."""
    hub = hub_of(request)
    await hub.nodes_known()
    registry = hub.registry
    shown = _shown(registry, request.path_params["type"])
    if shown is None:
        wanted = request.path_params["type"][:200]
        raise unknown_node(wanted, registry.nearest(wanted))
    return Reply({"node": shown})


def _shown(registry: Registry, node_id: str) -> dict[str, Any] | None:
    """Return the declaration as data, without where its code is: that names folders of the server's machine."""
    spec = registry.spec(node_id)
    if spec is None:
        return None
    return {name: value for name, value in spec.as_json().items() if name not in ("module", "function")}
