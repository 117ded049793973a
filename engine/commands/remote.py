"""`latentloom run FILE --server URL`: a running server does the work; shows the same progress, brings the files here.

Ctrl-C cancels the job; a second one leaves it to the server. Loads no torch.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidGraph, LatentloomError, UserError
from ..folders import Folders
from ..graph.codec import write_api
from ..graph.graph import Graph
from ..node.registry import Registry
from ..run.events import Ended, Event, Failed
from ..run.progress import ProgressView
from .outcome import FAILED, INTERRUPTED, show

__all__ = ["main"]

# What the server has its own of.
LOCAL = {
    "device": "--device", "cache": "--cache", "allow_pickle": "--allow-pickle", "vram_budget": "--vram-budget",
}  # fmt: skip


class _View(ProgressView):
    """The progress of a run, which also keeps why it ended and how long it took."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph, sys.stderr)
        self.failures: dict[str, LatentloomError] = {}
        self.total_seconds = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Failed):
            self.failures[event.node] = event.error
        elif isinstance(event, Ended):
            self.total_seconds = event.seconds
        super().__call__(event)


def main(args: argparse.Namespace, graph: Graph, registry: Registry, folders: Folders) -> int:
    """Submit the graph, follow it, fetch its files; exit code as for a local run. Raises UserError."""
    for name, flag in LOCAL.items():
        if getattr(args, name, None) is not None:
            raise UserError("S013", flag, "an option of a local run", "--server", f"Give {flag} to `latentloom serve`.")
    if graph.faults:
        raise InvalidGraph(graph.faults)
    from ..client import Client, RemoteJob

    view = _View(graph)
    with Client(args.server, args.token) as client:
        job: RemoteJob = client.submit(write_api(graph, registry), title=Path(args.file).stem)
        try:
            try:
                job.watch(view)
            except KeyboardInterrupt:
                job.cancel()
                job.watch(lambda event: view(event) if isinstance(event, Ended) else None)  # the rest was shown
        finally:
            view.close()
        paths = iter(job.fetch(folders.directory("output")))
        report = _report(job.record, view, paths)
    if args.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    for error in report["errors"]:
        print(error["message"], file=sys.stderr)
    return {"done": 0, "cancelled": INTERRUPTED}.get(job.state, FAILED)


def _report(record: Mapping[str, Any], view: _View, paths: Any) -> dict[str, Any]:
    """Return the result as JSON data, in the form of a local run's."""
    outputs = []
    for node, kinds in record["outputs"].items():
        for kind, items in kinds.items():
            for item in items:
                fetched = item.get("type") == "output" and isinstance(item.get("filename"), str)
                outputs.append({"node": node, "kind": kind, **item, **({"path": str(next(paths))} if fetched else {})})
    errors = [error.as_dict() for error in view.failures.values()]
    if not errors and record.get("error"):
        errors = [dict(record["error"])]
    return {
        "status": record["state"],
        "outputs": outputs,
        "errors": errors,
        "seconds": round(view.total_seconds, 3),
        "nodes": {node: round(seconds, 4) for node, seconds in view.seconds.items()},
        "cached": view.cached,
        "job": record["id"],
    }
