"""Workflows to begin with: those that came with the package, each with a title, a purpose, and whether it runs here.

Everything but the name is read from the file itself: its first note says what it is for, its node types say of what
kind it is. Knows no HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..comfy.convert import to_api
from ..errors import UserError, brief
from ..folders import Folders
from ..library import package_root
from ..node.registry import Registry, nearest
from ..node.spec import NodeSpec
from ..node.widget import File
from .submissions import check

__all__ = ["listed", "picture_of", "read"]

_FOLDERS = ("workflows", "example_workflows")  # of the package; a name in the first hides one in the second
_VALUES = ".smoke.json"  # files beside workflows that hold only values
_NOTES = ("MarkdownNote", "Note")
_PICTURES = (".jpg", ".png", ".webp")
_CATEGORIES = ("from text", "from a picture", "training")
_LONGEST = 400  # characters of a description


def listed(registry: Registry, folders: Folders) -> list[dict[str, Any]]:
    """Return what the list says of each: "name", "title", "description", "category", "runs", "nodes", "picture".

    What runs here comes first, of each kind the smallest.
    """
    found = [_described(path, registry, folders) for path in _files()]
    found.sort(key=lambda entry: (not entry["runs"], _CATEGORIES.index(entry["category"]), entry["nodes"]))
    return found


def read(name: str) -> tuple[str, bytes]:
    """Return a template's title and content. Raises UserError F001."""
    path = _path(name)
    return _title(path), path.read_bytes()


def picture_of(name: str) -> Path:
    """Return the picture beside a template. Raises UserError F001."""
    found = _picture(_path(name))
    if found is None:
        raise UserError("F001", f"template {brief(name)}", "one with a picture", "none", "Leave the picture out.")
    return found


def _files() -> Iterator[Path]:
    seen: set[str] = set()
    for folder in _FOLDERS:
        for path in sorted((package_root() / folder).glob("*.json")):
            if not path.name.endswith(_VALUES) and path.stem not in seen:
                seen.add(path.stem)
                yield path


def _path(name: str) -> Path:
    known = {path.stem: path for path in _files()}
    if name not in known:
        near = nearest(name, known, 3)
        fix = f"Nearest: {', '.join(near)}." if near else "List the templates."
        raise UserError("F001", "templates", "the name of a template", brief(name), fix)
    return known[name]


def _described(path: Path, registry: Registry, folders: Folders) -> dict[str, Any]:
    try:
        data: Any = json.loads(path.read_bytes())
    except (OSError, ValueError):
        data = {}
    data = data if isinstance(data, Mapping) else {}
    converted = to_api(data, registry)
    specs = [spec for entry in converted.api.values() if (spec := registry.spec(entry["class_type"])) is not None]
    return {
        "name": path.stem,
        "title": _title(path),
        "description": _purpose(data),
        "category": _category(specs),
        "runs": bool(converted.api) and not converted.unknown and not check(converted.api, registry, folders, None),
        "nodes": len(converted.api),
        "picture": f"/api/loom/templates/{path.stem}/picture" if _picture(path) else None,
    }


def _title(path: Path) -> str:
    words = path.stem.replace("_", " ")
    return words if any(map(str.isdigit, words)) else words[:1].upper() + words[1:]  # txt2img is what all call it


def _purpose(data: Mapping[str, Any]) -> str:
    """Return the text of the first note."""
    nodes = data.get("nodes")
    for node in nodes if isinstance(nodes, list) else ():
        values = node.get("widgets_values") if isinstance(node, Mapping) and node.get("type") in _NOTES else None
        if isinstance(values, list) and values and isinstance(values[0], str):
            return values[0].strip()[:_LONGEST]
    return ""


def _category(specs: list[NodeSpec]) -> str:
    """Return of what kind a workflow is, as its node types show."""
    if any(spec.trains for spec in specs):
        return _CATEGORIES[2]
    widgets = [entry.widget for spec in specs for entry in spec.inputs]
    if any(isinstance(widget, File) and widget.folder == "input" for widget in widgets):
        return _CATEGORIES[1]
    return _CATEGORIES[0]


def _picture(path: Path) -> Path | None:
    return next((found for ending in _PICTURES if (found := path.with_suffix(ending)).is_file()), None)
