"""A workflow of whatever kind as a document for the editor: UI format with names, what did not map, what is missing.

Takes JSON (UI or API format, or a request that carries one), the text of other programs, and files that carry a
workflow. Knows no HTTP and no folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ..comfy.convert import open_workflow, to_api
from ..comfy.document import is_ui
from ..comfy.embedded import container, none_inside, workflow_in_bytes
from ..comfy.infotext import graph_of_infotext
from ..comfy.missing import missing_types
from ..comfy.named import with_names
from ..comfy.report import Note
from ..comfy.write_ui import to_ui
from ..errors import UserError
from ..graph.migrate import migrate, versions_in
from ..node.registry import Registry
from .body import check_document, parse_json

__all__ = ["UNNAMED", "open_bytes", "open_parsed", "title_of"]

UNNAMED = "Untitled"
_HEAD = 4096  # bytes that tell a picture from a text
_ENVELOPES = ("document", "graph", "prompt", "workflow")  # under which requests carry a workflow
_MOST_NOTES = 1_000
_EXTRAS = ("extra", "extra_data")


def open_bytes(data: bytes, name: str, registry: Registry) -> dict[str, Any]:
    """Return {"document", "report", "format", "missing", "name"} of a file's content; name: the file's, or a title.

    Raises UserError P101 to P104 (JSON), C001 (no workflow in it), C041, C042 (none in the picture).
    """
    title = title_of(name)
    kind = container(data[:_HEAD])
    if kind is not None:
        return {**_carried(data, name, kind, registry), "name": title}
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        made = graph_of_infotext(_text(data))
        if made is not None:
            return {**_of_api(made[0], registry, "infotext", _left_out(made[1])), "name": title}
    return {**open_parsed(parse_json(data), registry), "name": title}


def open_parsed(data: Any, registry: Registry) -> dict[str, Any]:
    """Return {"document", "report", "format", "missing"} of parsed JSON. Raises UserError C001."""
    found = _unpacked(data)
    if is_ui(found):
        return _of_ui(found, registry)
    if not _is_api(found):
        fix = "Give a file that ComfyUI or Latentloom saved."
        raise UserError("C001", "document", "a workflow in UI or API format", "other JSON", fix)
    return _of_api(found, registry, "api", [])


def title_of(name: str) -> str:
    """Return a document's title from a file's name."""
    plain = PurePosixPath(name.replace("\\", "/")).name
    stem, _, ending = plain.rpartition(".")
    return (stem if stem and len(ending) <= 11 and ending.isalnum() else plain).strip() or UNNAMED


def _carried(data: bytes, name: str, kind: str, registry: Registry) -> dict[str, Any]:
    """Open what a picture, film or sound carries: the editor's document, or else what ran."""
    shown = PurePosixPath(name.replace("\\", "/")).name or kind
    found = workflow_in_bytes(data, shown)
    check_document(found.ui or found.api, shown)
    if found.ui is not None:
        return _of_ui(found.ui, registry)
    if found.api is None:
        raise none_inside(shown, kind)
    migrated = migrate(found.api, versions_in(found.provenance), registry)
    notes = _left_out(found.left_out) + [Note(*finding) for finding in migrated.findings]
    return _of_api(dict(migrated.api), registry, "infotext" if found.infotext else "api", notes)


def _of_ui(data: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    return {
        "document": with_names(data, registry),
        "report": _told(to_api(data, registry).report),
        "format": "ui",
        "missing": missing_types(data, registry),
    }


def _of_api(api: Mapping[str, Any], registry: Registry, form: str, notes: list[Note]) -> dict[str, Any]:
    opened = open_workflow(api, registry)
    data = to_ui(api, registry)
    faults = [
        Note("warning", fault.code, fault.node_id, None, f"{fault.where}: expected {fault.expected}, got {fault.got}")
        for fault in opened.graph.faults
    ]
    return {
        "document": with_names(data, registry),
        "report": _told([*notes, *opened.report, *faults]),
        "format": form,
        "missing": missing_types(data, registry),
    }


def _told(report: Sequence[Note]) -> list[dict[str, Any]]:
    """Return the findings as data; of a file that is all wrong only the first ones."""
    shown = [note.as_dict() for note in report[:_MOST_NOTES]]
    if len(report) > _MOST_NOTES:
        text = f"{len(report) - _MOST_NOTES:,} further findings are not shown"
        shown.append(Note("warning", "C001", None, None, text).as_dict())
    return shown


def _unpacked(data: Any) -> Any:
    """Return the workflow in a request for a job, in a job, or in an answer of ours; anything else as it is."""
    for _ in range(3):  # {"job": {"graph": {"prompt": ...}}}
        if not isinstance(data, Mapping) or is_ui(data):
            return data
        for name in _EXTRAS:
            drawn = _at(data, name, "extra_pnginfo", "workflow")
            if is_ui(drawn):
                return drawn
        inner = next((data[name] for name in (*_ENVELOPES, "job") if _is_envelope(data, name)), None)
        if inner is None:
            return data
        data = inner
    return data


def _is_envelope(data: Mapping[str, Any], name: str) -> bool:
    """Tell whether something lies under `name` that is not the node of that id."""
    return isinstance(data.get(name), Mapping) and "class_type" not in data[name]


def _is_api(data: Any) -> bool:
    return isinstance(data, Mapping) and any(
        isinstance(entry, Mapping) and isinstance(entry.get("class_type"), str) for entry in data.values()
    )


def _at(data: Any, *path: str) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data


def _left_out(texts: tuple[str, ...]) -> list[Note]:
    return [Note("warning", "C043", None, None, f"not carried over: {text}") for text in texts]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""
