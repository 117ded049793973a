"""What differs between two workflows in API format: by node and input, as plain data.

Nodes are matched by their id, as editors and scripts keep it. Pure; tolerates malformed nodes, since a job's graph is
kept exactly as it was sent. Knows nothing of jobs, stores or HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["diff", "is_equal"]


def diff(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"same", "added", "removed", "changed"} that leads from the graph `was` to the graph `now`.

    added, removed: [{"node", "type", "title", "inputs"}]. changed: [{"node", "type", "title", "inputs": [{"input",
    "was", "now"}]}], with "was_type" or "was_title" where these differ; an input that one side lacks has only the
    other's key. Links appear as [id, slot]. Lists are in the order of the graph that holds the node.
    """
    added = [_whole(node_id, entry) for node_id, entry in now.items() if node_id not in was]
    removed = [_whole(node_id, entry) for node_id, entry in was.items() if node_id not in now]
    changed = []
    for node_id, entry in now.items():
        if node_id in was:
            found = _change(node_id, was[node_id], entry)
            if found is not None:
                changed.append(found)
    return {"same": not (added or removed or changed), "added": added, "removed": removed, "changed": changed}


def is_equal(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are the same; 1 and 1.0 are, true and 1 are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_equal, one, other))
    return bool(one == other)


def _change(node_id: str, was: Any, now: Any) -> dict[str, Any] | None:
    old, new = _parts(was), _parts(now)
    inputs: list[dict[str, Any]] = []
    for name in {**old["inputs"], **new["inputs"]}:
        one, other = name in old["inputs"], name in new["inputs"]
        if one and other and is_equal(old["inputs"][name], new["inputs"][name]):
            continue
        entry: dict[str, Any] = {"input": name}
        if one:
            entry["was"] = old["inputs"][name]
        if other:
            entry["now"] = new["inputs"][name]
        inputs.append(entry)
    record = {"node": node_id, "type": new["type"], "title": new["title"], "inputs": inputs}
    for part in ("type", "title"):
        if old[part] != new[part]:
            record[f"was_{part}"] = old[part]
    return record if inputs or len(record) > 4 else None


def _whole(node_id: str, entry: Any) -> dict[str, Any]:
    return {"node": node_id, **_parts(entry)}


def _parts(entry: Any) -> dict[str, Any]:
    """Return type, title and inputs of a node entry, empty where it has none."""
    table = entry if isinstance(entry, dict) else {}
    meta = table.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    kind, inputs = table.get("class_type"), table.get("inputs")
    return {
        "type": kind if isinstance(kind, str) else "",
        "title": title if isinstance(title, str) else "",
        "inputs": inputs if isinstance(inputs, dict) else {},
    }
