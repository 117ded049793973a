"""The node types that a UI file uses and nobody here declares: which, where they stand, and what is like them.

Muted and bypassed nodes count, as they are shown all the same. Bounded in work, however subgraphs are nested. Knows no
values and no wires.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..node.registry import Registry
from .document import read_document
from .groups import group_name
from .parts import Document, Layer, UiNode
from .plugin_ids import engine_id
from .virtual import is_virtual

__all__ = ["missing_types"]

_MAX_SCOPES = 2_000  # canvases looked at; sixty definitions of two hosts each would make 2**60
_MAX_IDS = 1_000  # of one type
_MAX_HINTS = 100  # types for which like ones are looked for: each look costs milliseconds
_NEAR = 3


def missing_types(data: Mapping[str, Any], registry: Registry) -> list[dict[str, Any]]:
    """Return {"type", "nodes": execution ids, "nearest": types} for each, in the order of the file. Never raises."""
    document, _ = read_document(data)
    found: dict[str, list[str]] = {}
    waiting: list[tuple[Layer, str, tuple[str, ...]]] = [(document, "", ())]
    seen = 0
    while waiting and seen < _MAX_SCOPES:
        layer, path, above = waiting.pop(0)
        seen += 1
        for node in layer.nodes.values():
            inner = document.definitions.get(node.type)
            if inner is not None:
                if inner.id not in above:
                    waiting.append((inner, f"{path}{node.id}:", (*above, inner.id)))
            elif _is_missing(node, document, registry):
                ids = found.setdefault(node.type, [])
                if len(ids) < _MAX_IDS:
                    ids.append(f"{path}{node.id}")
    hinted = {kind: registry.nearest(kind, _NEAR) for kind in list(found)[:_MAX_HINTS] if len(kind) < 80}
    return [{"type": kind, "nodes": ids, "nearest": list(hinted.get(kind, ()))} for kind, ids in found.items()]


def _is_missing(node: UiNode, document: Document, registry: Registry) -> bool:
    if is_virtual(node.type) or registry.resolve(engine_id(node.type, registry)) is not None:
        return False
    name = group_name(node.type)
    groups = document.extra.get("groupNodes")
    return name is None or not (isinstance(groups, Mapping) and name in groups)
