"""What a script needs before anything runs: all node types, and workflow files read and written with them.

The built-in package is named by a string and read from its manifest; installed packs are found by their entry point.
A workflow file is in ComfyUI's UI or API format, or a picture, video or other file that carries one. Loads no torch.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from .comfy.convert import Opened, open_workflow
from .comfy.document import is_ui
from .comfy.embedded import container, none_inside, workflow_in
from .comfy.report import Note
from .comfy.write_ui import to_ui, ui_text
from .durable import replace_file
from .errors import UserError, brief
from .graph import codec
from .graph.codec import read_api, write_api
from .graph.graph import Graph
from .graph.migrate import migrate, versions_in
from .node.discover import ENTRY_POINTS
from .node.manifest import load as load_manifest
from .node.registry import Registry

__all__ = [
    "MANIFEST", "Opened", "built_in_packages", "load", "open_file", "open_workflow", "package_root", "registry", "save",
]  # fmt: skip

MANIFEST = "nodes/manifest.json"  # below the package's root
_HEAD = 4096  # bytes that tell a picture from a text
_MAX_BYTES = 1 << 30  # of a file of JSON; Python needs some ten times as much to hold it


def package_root() -> Path:
    """Return the folder of the package, which is the repository's root in a checkout."""
    return Path(__file__).resolve().parent.parent


def built_in_packages() -> tuple[str, ...]:
    """Return the packages that hold the built-in nodes, under the name this package was imported by."""
    return (f"{__package__.rpartition('.')[0]}.nodes",)


def registry(cache_folder: Path | None = None, folders: Iterable[Path] = (), *, ask: bool = True) -> Registry:
    """Return all node types, built in, of installed packs and of the packs in `folders`, without importing them.

    cache_folder: where facts about packs are kept between processes; None looks them up each time. ask: False leaves
    out modules of which nothing is known yet, instead of asking another process, and names them in `unread`.
    """
    packs = importlib.metadata.entry_points(group=ENTRY_POINTS)
    names = sorted({point.value.partition(":")[0] for point in packs})
    return load_manifest((*built_in_packages(), *names), package_root() / MANIFEST, cache_folder, folders, ask=ask)


def load(path: str | Path, nodes: Registry | None = None) -> Graph:
    """Read the workflow file `path`, in either format or inside a picture, video or other file (`open_file`'s graph).

    nodes: the types it may use, by default all that are installed. Raises UserError F001 (cannot be read), G021 (no
    workflow), C040 to C042 (no workflow in a picture).
    """
    return open_file(path, nodes).graph


def open_file(path: str | Path, nodes: Registry | None = None) -> Opened:
    """Read the workflow file `path`; the report says what of it did not map. Raises as `load`.

    Of a file that carries both what ran and the editor's document, what ran counts: it made that very picture.
    Nothing is fetched and no node's code is imported.
    """
    known = registry() if nodes is None else nodes
    head = _bytes(path, _HEAD)
    kind = container(head)
    if kind is None:
        return _of_text(path, _bytes(path, _MAX_BYTES + 1), known)
    found = workflow_in(path)
    data = found.ui if found.api is None else found.api
    if data is None:
        raise none_inside(path, kind)
    notes = [Note("warning", "C043", None, None, f"not carried over: {text}") for text in found.left_out]
    if found.api is not None:  # an editor's document says itself which versions it is of
        migrated = migrate(found.api, versions_in(found.provenance), known)
        data = dict(migrated.api)
        notes += [Note(*finding) for finding in migrated.findings]
    opened = open_workflow(data, known)
    return Opened(opened.graph, opened.api, (*opened.report, *notes), opened.format)


def save(
    graph: Graph,
    path: str | Path,
    nodes: Registry | None = None,
    *,
    format: Literal["ui", "api"] = "ui",
    base: Mapping[str, Any] | None = None,
) -> None:
    """Write a workflow file, whole or not at all: as ComfyUI's editor saves it, or what runs alone ("api").

    base: the UI file (parsed) that the graph came from; what did not change of it stays. Without one, nodes are given
    places. Raises UserError G021 for a literal that JSON cannot hold.
    """
    known = registry() if nodes is None else nodes
    if format == "api":
        codec.save(graph, path, known)
        return
    try:
        content = ui_text(to_ui(write_api(graph, known), known, base=base)).encode()
    except (TypeError, ValueError, RecursionError) as error:
        fix = "Give such values by a node."
        raise UserError("G021", "workflow", "literals that JSON can hold", brief(str(error)), fix) from error
    replace_file(Path(path), lambda partial: partial.write_bytes(content))


def _of_text(path: str | Path, content: bytes, nodes: Registry) -> Opened:
    """Read a file of JSON. API data is read from the text, where a name that stands twice can still be seen."""
    if len(content) > _MAX_BYTES:
        raise UserError("F001", f'workflow "{path}"', f"at most {_MAX_BYTES:,} bytes", "more", "Split it.")
    if b'"nodes"' in content:
        try:
            data: Any = json.loads(content.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            data = None  # `read_api` says what is wrong with it
        if is_ui(data) or (isinstance(data, dict) and is_ui(data.get("prompt"))):
            return open_workflow(data, nodes)
    graph = read_api(content, nodes)
    return Opened(graph, write_api(graph, nodes), (), "api")


def _bytes(path: str | Path, count: int) -> bytes:
    """Return the file's first bytes. Raises UserError F001."""
    try:
        with open(path, "rb") as file:
            return file.read(count)
    except (OSError, ValueError) as error:  # "\0" in a name is a ValueError
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise UserError("F001", f'workflow "{path}"', "a readable file", reason, "Check the path.") from error
