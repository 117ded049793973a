"""API data without nodes of unknown type and everything they feed, so that the rest can run.

Works on plain API data, before there is a graph. Iterative, linear in nodes and links.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .report import Note

__all__ = ["without"]


def without(api: Mapping[str, Any], types: Collection[str]) -> tuple[dict[str, Any], list[Note]]:
    """Return sound API data less the nodes of these types and all nodes fed by them, and a note for each left out."""
    fed: dict[str, list[str]] = {}
    for node_id, entry in api.items():
        for value in entry["inputs"].values():
            if isinstance(value, list):
                fed.setdefault(value[0], []).append(node_id)
    reasons: dict[str, str] = {
        node_id: "its type is unknown" for node_id, entry in api.items() if entry["class_type"] in types
    }
    waiting = list(reasons)
    while waiting:
        source = waiting.pop()
        for node_id in fed.get(source, ()):
            if node_id not in reasons:
                reasons[node_id] = f"node {source[:40]}, which feeds it, is left out"
                waiting.append(node_id)
    notes = [Note("warning", "C034", name, api[name]["class_type"], reason) for name, reason in reasons.items()]
    return {node_id: entry for node_id, entry in api.items() if node_id not in reasons}, notes
