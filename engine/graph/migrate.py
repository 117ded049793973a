"""Old files made new: each node's entry taken through its version's steps, and told of where no step exists.

Works on API data before it becomes a `Graph`, as slots that moved must be moved while they are still numbers. Steps are
declared with the nodes (`node.migration`). Never raises; knows no file format and runs nothing.

    C055 migrated    C056 written by a newer version    C057 the node computes another result since
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from ..node.migration import Migration
from ..node.registry import Registry

__all__ = ["Finding", "Migrated", "migrate", "outdated", "versions_in"]

_LARGEST = 2**31  # a version beyond it is nonsense


class Finding(NamedTuple):
    """One remark, with the fields of a reader's note."""

    level: Literal["info", "warning"]
    code: str
    node: str | None
    type: str | None
    text: str


class Migrated(NamedTuple):
    """api: the given object itself when nothing had to be changed."""

    api: Mapping[str, Any]
    findings: tuple[Finding, ...]


def versions_in(record: Any) -> dict[str, int]:
    """Return node versions by type from `extra.latentloom` of a UI file, or from a picture's provenance."""
    found = record.get("node_versions") if isinstance(record, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {
        kind: version
        for kind, version in found.items()
        if isinstance(kind, str) and type(version) is int and 0 < version < _LARGEST
    }


def outdated(versions: Mapping[str, int], registry: Registry) -> frozenset[str]:
    """Return the types of which a file of these versions has entries to migrate: their inputs have older names."""
    found = set()
    for kind, old in versions.items():
        spec = registry.spec(kind)
        if spec is not None and any(step.from_version >= old for step in spec.migrations):
            found.add(kind)
    return frozenset(found)


def migrate(api: Mapping[str, Any], versions: Mapping[str, int], registry: Registry) -> Migrated:
    """Return the prompt as the nodes of today read it.

    versions: of the node types when the file was written; a type that is not named is taken for today's. Linear; `api`
    is never changed.
    """
    findings: list[Finding] = []
    plans: dict[str, tuple[Migration, ...]] = {}
    for kind, old in versions.items():
        spec = registry.spec(kind)
        if spec is None or old == spec.version:
            continue
        if old > spec.version:
            text = f"the file is of version {old} of this node, version {spec.version} is installed: update it"
            findings.append(Finding("warning", "C056", None, kind, text))
            continue
        steps = {step.from_version: step for step in spec.migrations}
        plans[kind] = tuple(steps[version] for version in range(old, spec.version) if version in steps)
        if len(plans[kind]) < spec.version - old:
            text = f"written for version {old}; since version {spec.version} the same inputs may give another result"
            findings.append(Finding("info", "C057", None, kind, text))
    plans = {kind: steps for kind, steps in plans.items() if steps}
    if not plans:
        return Migrated(api, tuple(findings))
    table: dict[str, Any] = dict(api)
    moved: dict[str, dict[int, int | None]] = {}
    for node_id, entry in api.items():
        name = entry.get("class_type") if isinstance(entry, Mapping) else None
        inputs = entry.get("inputs") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or name not in plans or not isinstance(inputs, Mapping):
            continue
        plan = plans[name]
        table[node_id] = {**entry, "inputs": _migrated(dict(inputs), plan)}
        if any(step.slots for step in plan):
            moved[str(node_id)] = _slots(plan)
        said = ", ".join(f"{step.from_version} to {step.from_version + 1}" for step in plan)
        findings.append(Finding("info", "C055", str(node_id), name, f"brought from version {said}"))
    return Migrated(_rewired(table, moved) if moved else table, tuple(findings))


def _migrated(inputs: dict[str, Any], steps: tuple[Migration, ...]) -> dict[str, Any]:
    for step in steps:
        inputs = {step.renamed.get(name, name): value for name, value in inputs.items()}
        for name, table in step.values.items():
            value = inputs.get(name)
            if isinstance(value, str | int | float):
                word = value if isinstance(value, str) else json.dumps(value)
                inputs[name] = table.get(word, value)
        inputs = {**step.added, **inputs}
        for name in step.dropped:
            inputs.pop(name, None)
    return inputs


def _slots(steps: tuple[Migration, ...]) -> dict[int, int | None]:
    """Return where each output slot ends up after all steps."""
    starts = {int(number) for step in steps for number in step.slots if number.isdecimal()}
    ends: dict[int, int | None] = {}
    for start in starts:
        slot: int | None = start
        for step in steps:
            slot = step.slots.get(str(slot), slot) if slot is not None else None
        ends[start] = slot
    return ends


def _rewired(table: dict[str, Any], moved: Mapping[str, Mapping[int, int | None]]) -> dict[str, Any]:
    """Return the table with all links from nodes whose outputs moved set right."""
    for node_id, entry in table.items():
        inputs = entry.get("inputs") if isinstance(entry, Mapping) else None
        if not isinstance(inputs, Mapping):
            continue
        changes: dict[str, Any] = {}
        cut: set[str] = set()
        for name, value in inputs.items():
            if not (isinstance(value, list) and len(value) == 2 and type(value[1]) is int):
                continue
            ends = moved.get(str(value[0])) if isinstance(value[0], str | int) else None
            if ends is None or value[1] not in ends:
                continue
            end = ends[value[1]]
            if end is None:
                cut.add(name)
            elif end != value[1]:
                changes[name] = [value[0], end]
        if changes or cut:
            kept = {name: value for name, value in inputs.items() if name not in cut}
            table[node_id] = {**entry, "inputs": {**kept, **changes}}
    return table
