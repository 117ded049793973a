"""One text for all files that say the same: keys in order, nodes and links by id; for comparing two workflow files.

What carries meaning by its order (widgets, sockets, groups, positions) stays as it is. Knows no node types.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["canonical_bytes", "canonical_order"]

_BY_ID = ("nodes", "links", "reroutes")


def canonical_order(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the UI file `data` with nodes, links and reroutes by id, in the root and in every definition.

    Entries without an id keep their order at the end. Shares what it does not reorder with `data`.
    """
    found = _sorted_lists(data)
    definitions = data.get("definitions")
    inner = definitions.get("subgraphs") if isinstance(definitions, Mapping) else None
    if isinstance(definitions, Mapping) and isinstance(inner, list):
        ordered = [_sorted_lists(entry) if isinstance(entry, Mapping) else entry for entry in inner]
        found["definitions"] = {**definitions, "subgraphs": ordered}
    return found


def canonical_bytes(data: Mapping[str, Any]) -> bytes:
    """Return the one JSON text of the UI file `data`. Raises what `json.dumps` raises for data that is no JSON."""
    return json.dumps(canonical_order(data), sort_keys=True, separators=(",", ":")).encode()


def _sorted_lists(data: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(data)
    for name in _BY_ID:
        entries = found.get(name)
        if isinstance(entries, list):
            found[name] = sorted(entries, key=_id)
    return found


def _id(entry: Any) -> tuple[int, int | str]:
    """Return a key: whole numbers, then texts, then everything without an id."""
    if isinstance(entry, Mapping):
        entry = entry.get("id")
    else:
        entry = entry[0] if isinstance(entry, list) and entry else None
    if isinstance(entry, int) and not isinstance(entry, bool):
        return 0, entry
    return (1, entry) if isinstance(entry, str) else (2, 0)
