"""The part of a workflow that can run here: without nodes of unknown type, and without what they feed.

What came from an editor's file may use packs that are not installed; the rest is still worth running. Works on API
data; knows no files and no format of the editor's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..node.registry import Registry
from .only_known import without
from .report import Note

__all__ = ["runnable"]


def runnable(api: Mapping[str, Any], registry: Registry) -> tuple[dict[str, Any], list[Note]]:
    """Return the part of `api` that needs no node of unknown type, and a note for each node that is not in it.

    All of it when nothing with an effect would be left: then validation is to say what is missing.
    """
    kinds = {entry["class_type"] for entry in api.values()}
    unknown = {kind for kind in kinds if registry.spec(kind) is None}
    if not unknown:
        return dict(api), []
    kept, notes = without(api, unknown)
    effects = {kind for kind in kinds - unknown if (spec := registry.spec(kind)) is not None and spec.effect}
    if not any(entry["class_type"] in effects for entry in kept.values()):
        return dict(api), []
    return kept, notes
