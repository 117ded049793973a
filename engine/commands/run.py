"""`latentloom run FILE`: run a workflow, show how it goes on standard error, and say where the results are.

The workflow is read, changed and checked before torch is loaded, so that a mistake is reported at once. With --server
a running server does the work (`remote`).
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..errors import InvalidGraph, LatentloomError, UserError, brief
from ..find_models import find_models
from ..folders import Folders
from ..graph.assign import assign, parse_assignments
from ..graph.graph import Graph
from ..graph.interface import bind, interface
from ..graph.validate import validate
from ..intake import take
from ..node.registry import Registry
from ..node.widget import File
from ..run.cancel import CancelToken
from ..run.progress import ProgressView
from . import remote
from .compose import folders_for, registry_for, settings_for
from .flags import describe, read_flags
from .notes import read_for_run, shown
from .outcome import FAILED, INTERRUPTED, show

if TYPE_CHECKING:
    from ..run.executor import RunResult

__all__ = ["main"]


def main(args: argparse.Namespace) -> int:
    """Run the workflow; return 0, 1 when a node failed, 130 when interrupted. Raises UserError for invalid input."""
    settings = settings_for(args)
    registry, folders = registry_for(settings), folders_for(settings, args.out)
    graph = _workflow(args, registry, folders)
    if graph is None:
        return 0
    if args.server:
        return remote.main(args, graph, registry, folders)
    problems = validate(graph, registry, folders)
    if problems:
        raise InvalidGraph(problems)
    from ..engine import Engine

    view = ProgressView(graph, sys.stderr)
    with Engine(settings=settings, folders=folders, registry=registry) as engine, _stoppable() as token:
        try:
            result = engine.execute(graph, sink=view, cancel=token)
        finally:
            view.close()
    report = _report(result, view, folders)
    if args.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    for error in result.failures.values():
        print(_explain(error), file=sys.stderr)
    return FAILED if result.failures else INTERRUPTED if result.cancelled else 0


def _workflow(args: argparse.Namespace, registry: Registry, folders: Folders) -> Graph | None:
    """Return the workflow with the smoke values, then the assignments, then the workflow's own flags put in.

    None when only help was asked for, which is then on standard output.
    """
    graph = read_for_run(args.file, registry)
    if args.smoke:
        graph = assign(graph, _smoke_values(Path(args.file)))
    graph = assign(graph, parse_assignments(graph, registry, args.assignments))
    face = interface(graph, registry)
    if args.help is not None:
        print(f"{args.help}\n{describe(face, args.own_flags)}")
        return None
    values = read_flags(args.flags, face, args.own_flags)
    for port in face.inputs:
        if isinstance(port.widget, File) and port.widget.folder == "input" and port.name in values:
            values[port.name] = _input_file(args, folders, values[port.name])
    graph = bind(graph, registry, values, ports=face)
    if not args.server:  # which has models of its own
        graph, notes = find_models(graph, args.file, registry, folders)
        for line in shown(notes):
            print(line, file=sys.stderr)
    return graph


def _input_file(args: argparse.Namespace, folders: Folders, given: str) -> str:
    """Return the name of an input file; one from elsewhere is copied. Raises UserError F001, S013."""
    if not args.server:
        return take(folders, given)
    if Path(given).is_absolute():
        fix = "Upload it first: POST /upload/image."
        raise UserError("S013", "input file", "with --server the name of a file of its input folder", given, fix)
    return given


def _smoke_values(workflow: Path) -> Mapping[str, Any]:
    path = workflow.with_suffix(".smoke.json")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError("F001", f'"{path.name}"', "a readable JSON file", brief(str(error)), "Write one.") from error
    if not isinstance(values, dict):
        raise UserError("S012", f'"{path.name}"', '{"NODE.INPUT": value}', brief(values), "Mend the file.")
    return values


@contextmanager
def _stoppable() -> Iterator[CancelToken]:
    """Give a token that the first Ctrl-C cancels; a second one interrupts as usual."""
    token = CancelToken()

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        token.cancel()

    try:
        before = signal.signal(signal.SIGINT, stop)
    except ValueError:  # not the main thread: whoever called us handles signals
        yield token
        return
    try:
        yield token
    finally:
        signal.signal(signal.SIGINT, before)


def _report(result: RunResult, view: ProgressView, folders: Folders) -> dict[str, Any]:
    """Return the result as JSON data."""
    outputs = [
        {"node": node, "kind": kind, **item, **_path(item, folders)}
        for node, kinds in result.outputs.items()
        for kind, items in kinds.items()
        for item in items
    ]
    return {
        "status": "failed" if result.failures else "cancelled" if result.cancelled else "done",
        "outputs": outputs,
        "errors": [error.as_dict() for error in result.failures.values()],
        "seconds": round(result.stats.total_seconds, 3),
        "nodes": {node: round(seconds, 4) for node, seconds in view.seconds.items()},
        "cached": view.cached,
    }


def _path(item: Mapping[str, Any], folders: Folders) -> dict[str, str]:
    """Return where a result lies, if it is a file."""
    name, kind = item.get("filename"), item.get("type")
    if not isinstance(name, str) or kind not in ("output", "temp", "input"):
        return {}
    return {"path": str(folders.directory(kind) / str(item.get("subfolder", "")) / name)}


def _explain(error: LatentloomError) -> str:
    cause = error.__cause__
    return f"{error}\n  caused by {type(cause).__name__}: {brief(str(cause), 300)}" if cause is not None else str(error)
