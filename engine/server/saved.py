"""Saved workflows by name: the user's own, which ComfyUI's page saves too, and those that came with the package.

Reads them as prompts with their interface, and says what they take and give as JSON Schema. Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..folders import Folders
from ..graph.codec import read_api
from ..graph.graph import Graph
from ..graph.interface import Interface, Port, interface
from ..library import package_root
from ..node.registry import Registry
from ..node.spec import MISSING
from ..node.widget import Bool, Choice, File, Float, Int, Seed
from .fields import Fields
from .submissions import graph_of

__all__ = ["MAX_LISTED", "USER_WORKFLOWS", "Saved", "described", "names", "open_saved"]

USER_WORKFLOWS = "default/workflows"  # below the folder "user"
MAX_LISTED = 10_000
_SAFE = 2**53 - 1  # whole numbers that every reader of JSON can hold


class Saved(NamedTuple):
    """A workflow that was read: its graph, and what it takes and gives."""

    name: str
    graph: Graph
    face: Interface


def names(folders: Folders) -> list[dict[str, Any]]:
    """List the saved workflows: {"name", "source": "user"|"package", "modified", "bytes"}, the user's first."""
    root = folders.roots("user")[0] / USER_WORKFLOWS
    own = (root / name.removeprefix(f"{USER_WORKFLOWS}/") for name in folders.names("user", (".json",)))
    found = list(_told((path for path in own if path.is_relative_to(root) and path.is_file()), root, "user"))
    taken = {entry["name"] for entry in found}
    packaged = package_root() / "workflows"
    kept = (path for path in sorted(packaged.glob("*.json")) if not path.name.endswith(".smoke.json"))
    found += [entry for entry in _told(kept, packaged, "package") if entry["name"] not in taken]
    return found[:MAX_LISTED]


def open_saved(name: str, registry: Registry, folders: Folders) -> Saved:
    """Read the saved workflow `name`. Raises UserError F001, F002, G021 and InvalidGraph as `graph_of`."""
    table = graph_of(Fields({"workflow": name}, ("workflow",)), registry, folders)
    graph = read_api(table, registry)
    return Saved(name, graph, interface(graph, registry))


def described(saved: Saved, files: Folders) -> dict[str, Any]:
    """Return the workflow's interface as JSON: "inputs" is a JSON Schema of an object, "outputs" lists results."""
    face = saved.face
    return {
        "name": saved.name,
        "nodes": len(saved.graph),
        "inputs": {
            "type": "object",
            "properties": {port.name: _schema(port, files) for port in face.inputs},
            "required": [port.name for port in face.inputs if port.required],
            "additionalProperties": False,
        },
        "outputs": [
            {"name": port.name, "type": port.type, "description": port.description, "node": port.node}
            for port in face.outputs
        ],
        "problems": [problem.as_dict() for problem in face.problems],
    }


def _schema(port: Port, files: Folders) -> dict[str, Any]:
    widget = port.widget
    schema: dict[str, Any] = {"type": "string"}
    if isinstance(widget, Int | Seed | Float):
        schema = {"type": "number" if isinstance(widget, Float) else "integer"}
        schema |= {"minimum": widget.min} if abs(widget.min) <= _SAFE else {}
        schema |= {"maximum": widget.max} if abs(widget.max) <= _SAFE or isinstance(widget, Seed) else {}
    elif isinstance(widget, Bool):
        schema = {"type": "boolean"}
    elif isinstance(widget, Choice):
        schema = {"enum": list(widget.options)} if widget.options else {}
    elif isinstance(widget, File):
        # Not as an enumeration: "x.png [output]" and what is uploaded meanwhile are right, too.
        schema["examples"] = list(files.names(widget.folder, widget.extensions)[:100])
        schema["description"] = f"a file of the folder {widget.folder}"
    if port.description:
        schema["description"] = port.description
    if port.default is not MISSING:
        schema["default"] = port.default
    return {**schema, "x-type": port.type}


def _told(paths: Iterable[Path], root: Path, source: str) -> Iterable[dict[str, Any]]:
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # removed meanwhile
            continue
        name = path.relative_to(root).as_posix().removesuffix(".json")
        yield {"name": name, "source": source, "modified": status.st_mtime, "bytes": status.st_size}
