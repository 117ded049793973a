"""`latentloom verify OUT.png`: run the graph in a picture again and say how far the new picture is from it.

Runs in this process without a cache, or on a server, whose cache may answer. Exit code 0 equal, 1 different, 2 when it
cannot be told. Torch is loaded when the graph has been read and checked.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InvalidGraph, LatentloomError, UserError, brief
from ..folders import Folders
from ..graph.codec import read_api
from ..graph.graph import Graph
from ..graph.validate import validate
from ..node.registry import Registry
from ..run.progress import ProgressView
from .changes import changes
from .compose import folders_for, registry_for, settings_for

if TYPE_CHECKING:
    from ..pictures.compare import Difference
    from ..pictures.recorded import Recorded
    from ..settings import Settings

__all__ = ["main"]

EQUAL, DIFFERENT, CANNOT = 0, 1, 2


class _Again(NamedTuple):
    """A picture of the new run. cached: how many nodes did not need to run."""

    path: Path
    picture: Recorded
    difference: Difference | None  # None: another size
    cached: int


def main(args: argparse.Namespace) -> int:
    """Verify and report; return 0, 1 or 2."""
    try:
        return _verify(args)
    except LatentloomError as error:
        if args.json:
            print(json.dumps({"status": "cannot", "errors": [error.as_dict()]}))
        print(error, file=sys.stderr)
        return CANNOT


def _verify(args: argparse.Namespace) -> int:
    from ..pictures.recorded import read_recorded

    old = read_recorded(Path(args.file))
    if old.prompt is None:
        fix = "Only pictures saved with their graph can be verified."
        raise UserError("F012", f'picture "{Path(args.file).name}"', "a graph inside", "none", fix)
    settings = settings_for(args)
    made = old.provenance or {}
    with _folder() as place:
        if args.server:
            files, cached = _on_server(args, old.prompt, made.get("node"), place)
        else:
            files, cached = _here(settings, old.prompt, made.get("node"), place)
        again = _nearest(old, files, cached)
        if args.keep:
            shutil.copyfile(again.path, args.keep)
    found = changes(made, again.picture.provenance or {})
    equal = again.difference is not None and again.difference.different == 0
    if args.json:
        print(json.dumps(_as_json(args, again, found, equal), indent=2))
    else:
        _show(old, again, found, equal, bool(made))
    return EQUAL if equal else DIFFERENT


def _here(settings: Settings, prompt: dict[str, Any], node: Any, place: Path) -> tuple[list[Path], int]:
    registry = registry_for(settings)
    graph = read_api(prompt, registry)
    targets = _targets(graph, node)
    folders = folders_for(settings, str(place))
    problems = validate(graph, registry, folders, targets=targets)
    if problems:
        raise InvalidGraph(problems)
    return _run_here(settings, registry, folders, graph, targets)


def _run_here(
    settings: Settings, registry: Registry, folders: Folders, graph: Graph, targets: list[str] | None
) -> tuple[list[Path], int]:
    from ..engine import Engine

    view = ProgressView(graph, sys.stderr)
    with Engine(cache="off", settings=settings, folders=folders, registry=registry) as engine:
        try:
            result = engine.execute(graph, targets, sink=view)
        finally:
            view.close()
    for error in result.failures.values():
        raise error
    items = [item for kinds in result.outputs.values() for item in kinds.get("images", ())]
    files = [
        folders.directory(str(item["type"])) / str(item.get("subfolder", "")) / str(item["filename"])
        for item in items
        if "filename" in item
    ]
    return files, 0


def _on_server(args: argparse.Namespace, prompt: dict[str, Any], node: Any, place: Path) -> tuple[list[Path], int]:
    from ..client import Client

    graph = read_api(prompt, registry_for(settings_for(args)))  # for the nodes' names
    view = ProgressView(graph, sys.stderr)
    with Client(args.server, args.token) as client:
        job = client.submit(prompt, targets=_targets(graph, node), title=f"verify {Path(args.file).name}")
        try:
            job.watch(view)
        except KeyboardInterrupt:
            job.cancel()
            raise
        finally:
            view.close()
        job.result()
        return job.fetch(place, ("output", "temp")), len(view.cached)


def _targets(graph: Graph, node: Any) -> list[str] | None:
    """Return the node that saved the picture, if that is known: what others would save is not made again."""
    return [node] if isinstance(node, str) and node in graph else None


def _nearest(old: Recorded, files: list[Path], cached: int) -> _Again:
    """Return the new picture that is most like the old one; a batch gives several."""
    from ..pictures.compare import compare
    from ..pictures.recorded import read_recorded

    found: _Again | None = None
    for path in files:
        if path.suffix.lower() != ".png":
            continue
        new = read_recorded(path)
        apart = compare(old.pixels, new.pixels)
        if found is None or _rank(apart) < _rank(found.difference):
            found = _Again(path, new, apart, cached)
    if found is None:
        raise UserError("F013", "graph", "a picture saved", "none", "Check that its nodes still save pictures.")
    return found


def _rank(difference: Difference | None) -> float:
    return float("inf") if difference is None else difference.mean


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="latentloom-verify-") as name:
        yield Path(name)


def _as_json(
    args: argparse.Namespace, again: _Again, found: Mapping[str, Mapping[str, Any]], equal: bool
) -> dict[str, Any]:
    return {
        "status": "equal" if equal else "different",
        "picture": str(args.file),
        "difference": None if again.difference is None else again.difference._asdict(),
        "changes": found,
        "cached": again.cached,
    }


def _show(
    old: Recorded, again: _Again, found: Mapping[str, Mapping[str, Any]], equal: bool, recorded: bool
) -> None:
    if equal:
        print("equal: every pixel is the same")
    elif again.difference is None:
        print(f"different: {_size(again.picture)} now, {_size(old)} then")
    else:
        one = again.difference
        share = one.different / one.pixels
        print(f"different: {one.different} of {one.pixels} pixels ({share:.2%}), most {one.max}, mean {one.mean:.4f}")
    if again.cached:
        print(f"{again.cached} nodes were not run again: the server remembered their results")
    if not recorded:
        print("the picture says nothing of the files and versions it was made with")
    for kind, items in found.items():
        for name, (then, now) in items.items():
            print(f"{kind}, {name}: {_text(then)} then, {_text(now)} now")


def _size(picture: Recorded) -> str:
    height, width, channels = picture.pixels.shape
    return f"{width}x{height} with {channels} channels"


def _text(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else brief(value)
