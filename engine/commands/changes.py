"""What differs between two provenances (see `run.provenance`): one read from a picture, one of now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["changes"]

TABLES = ("files", "versions", "node_versions", "seeds")
PLAIN = ("version", "device")


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """Return {"files": {name: [then, now]}, ...}: only what differs and can be compared; None stands for absent.

    Nothing is said of a table that one of the two lacks.
    """
    found: dict[str, dict[str, list[Any]]] = {}
    for table in TABLES:
        old, new = then.get(table), now.get(table)
        if isinstance(old, dict) and isinstance(new, dict):
            names = [*old, *(name for name in new if name not in old)]
            apart = {name: [old.get(name), new.get(name)] for name in names if _differ(old.get(name), new.get(name))}
            if apart:
                found[table] = apart
    plain = {name: [then[name], now[name]] for name in PLAIN if name in then and name in now}
    apart = {name: both for name, both in plain.items() if both[0] != both[1]}
    return {**found, **({"engine": apart} if apart else {})}


def _differ(old: Any, new: Any) -> bool:
    """Two hashes of different kinds say nothing about each other."""
    kinds = [value.partition(":")[0] for value in (old, new) if isinstance(value, str) and ":" in value]
    return old != new and not (len(kinds) == 2 and set(kinds) == {"sha256", "quick"})
