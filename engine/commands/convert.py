"""`latentloom convert A B`: a workflow from any form into another: the editor's file, the API format, or Python.

A may also be a picture, video or other file with a workflow inside. What did not map is reported on standard error.
Runs nothing, not even a script it reads; loads no torch.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from ..comfy.convert import open_workflow
from ..comfy.embedded import container, workflow_in
from ..comfy.python_form import to_python
from ..comfy.python_read import MAX_CHARACTERS, from_python
from ..comfy.report import Report
from ..comfy.write_ui import to_ui, ui_text
from ..durable import replace_file
from ..errors import UserError
from ..graph.codec import write_api
from ..graph.graph import Graph
from ..library import open_file
from ..node.registry import Registry
from .compose import registry_for, settings_for

__all__ = ["FORMS", "main"]

FORMS = ("ui", "api", "python")
_STDOUT = "-"
_API_ENDINGS = (".api.json", "_api.json", "-api.json")
_HEAD = 4096  # bytes that tell a picture from a text


class _Read(NamedTuple):
    """A workflow as it was found. ui: the editor's document it came from, if it came from one."""

    graph: Graph
    api: dict[str, Any]
    report: Report
    ui: dict[str, Any] | None


def main(args: argparse.Namespace) -> int:
    """Convert; return 0. Raises UserError for what cannot be read or written."""
    form = _form(args.target, args.to)
    registry = registry_for(settings_for(args))
    found = _read(args.source, registry)
    text = _written(found, form, registry)
    if args.target == _STDOUT:
        sys.stdout.write(text)
    else:
        _save(Path(args.target), text)
    for note in found.report:
        print(note, file=sys.stderr)
    if args.json and args.target != _STDOUT:
        notes = [note.as_dict() for note in found.report]
        data = {"status": "done", "file": args.target, "to": form, "nodes": len(found.graph), "report": notes}
        print(json.dumps(data, indent=2))
    elif args.target != _STDOUT:
        print(f"{args.target}: {len(found.graph)} nodes, {form}")
    return 0


def _form(target: str, wanted: str | None) -> str:
    """Return the form to write, which the file's name says where nobody else does. Raises UserError C044.

    Other names are refused, so that a slip does not write over the picture a workflow came from.
    """
    name = Path(target).name.lower()
    if target == _STDOUT:
        if wanted is None:
            raise UserError("C044", "standard output", "a form to write", "none", f"Add --to {'|'.join(FORMS)}.")
        return wanted
    form = "python" if name.endswith(".py") else "ui" if name.endswith(".json") else None
    if form == "ui" and name.endswith(_API_ENDINGS):
        form = "api"
    if form is None or (wanted is not None and (wanted == "python") != (form == "python")):
        expected = "a name that ends in .py" if wanted == "python" else "a name that ends in .json, or .py for Python"
        fix = "Name it so, or give - for standard output."
        raise UserError("C044", "file to write", expected, f'"{Path(target).name}"', fix)
    return wanted or form


def _read(source: str, registry: Registry) -> _Read:
    if source.lower().endswith(".py"):
        api = write_api(from_python(_text(Path(source)), registry), registry)
        opened = open_workflow(api, registry)
        return _Read(opened.graph, api, opened.report, None)
    opened = open_file(source, registry)
    report = opened.report
    if opened.format == "api" and not report:
        report = open_workflow(opened.api, registry).report  # which nodes nobody knows
    return _Read(opened.graph, opened.api, report, _document(Path(source)))


def _document(path: Path) -> dict[str, Any] | None:
    """Return the editor's own document in a file that has been read before, None when there is none."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if container(head) is not None:
        return workflow_in(path).ui
    data = json.loads(path.read_text(encoding="utf-8-sig"))
    for document in (data, data.get("prompt")):
        if isinstance(document, dict) and isinstance(document.get("nodes"), list):
            return document
    return None


def _text(path: Path) -> str:
    """Return a script's text. Raises UserError F001, C081."""
    where = f'script "{path.name}"'
    try:
        if path.stat().st_size > 4 * MAX_CHARACTERS:
            raise UserError("C081", where, f"at most {MAX_CHARACTERS:,} characters", "more", "Convert to JSON instead.")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError("C081", where, "text in UTF-8", "other bytes", "Save it as UTF-8.") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError("F001", where, "a readable file", reason, "Check the path.") from error


def _written(found: _Read, form: str, registry: Registry) -> str:
    if form == "python":
        return to_python(found.graph, registry)
    drawn = to_ui(found.api, registry, base=found.ui) if form == "ui" else None
    try:
        if drawn is not None:
            text = ui_text(drawn)
        else:
            text = json.dumps(found.api, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:  # NaN; half of a surrogate pair; nested too deep
        raise UserError("C045", "workflow", "what JSON can hold", str(error)[:200], "Mend that value.") from error
    return text


def _save(path: Path, text: str) -> None:
    try:
        replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8", newline="\n"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(
            "F001", f'file "{path.name}"', "a place that can be written", reason, "Check the path."
        ) from error
