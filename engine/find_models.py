"""The models that a workflow file names, found among those of this machine: what opening a file ends with.

Reads what the file records of its models only when one of them is not here, and hashes a few gigabytes at most to find
it. Loads no model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .comfy.document import is_ui
from .comfy.embedded import workflow_in
from .comfy.remap import resolve_models, wanted_hashes
from .comfy.report import Report
from .errors import UserError
from .folders import Folders
from .graph.graph import Graph
from .node.registry import Registry
from .run.hashes import FileHashes

__all__ = ["find_models", "recorded_hashes"]

_MAX_HASHED = 4 << 30  # bytes of files never hashed before: some seconds, where a run would fail otherwise
_HASH_SECONDS = 60.0  # for one file
_MAX_BYTES = 64 << 20  # of a JSON file


def find_models(graph: Graph, path: str | Path, registry: Registry, folders: Folders) -> tuple[Graph, Report]:
    """Return the graph of the file `path` with the models that are here, and a note on each that had to be found."""
    hashes = FileHashes(lambda: folders.roots("cache")[0])
    left = _MAX_HASHED

    def hash_of(file: Path) -> str | None:
        nonlocal left
        known = hashes.known(file)
        if known is not None or not file.is_file():
            return known
        left -= file.stat().st_size
        return hashes.of(file, _HASH_SECONDS) if left >= 0 else None

    return resolve_models(graph, registry, folders, hashes=lambda: recorded_hashes(path), hash_of=hash_of)


def recorded_hashes(path: str | Path) -> dict[str, str]:
    """Return the SHA-256 by "folder/name" that a workflow file or a picture records; {} where there is nothing."""
    try:
        found = workflow_in(path)
        return wanted_hashes(found.ui, found.provenance)
    except UserError:
        pass  # no picture
    try:
        data: Any = json.loads(Path(path).read_bytes()) if Path(path).stat().st_size <= _MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        return {}
    return wanted_hashes(data) if is_ui(data) else {}
