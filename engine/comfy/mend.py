"""Bends literals as ComfyUI bends them, where our own validation is stricter.

ComfyUI puts INT through int(), FLOAT through float(), STRING through str() and BOOLEAN through bool(), and passes over
literals that no input is named for. Only inputs with which validation found fault come here, so "20" and "false" keep
the meaning our own reading gives them. Knows no queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import Problem
from ..graph.literal import ABSENT, widget_of
from ..node.registry import Registry
from ..node.spec import InputSpec
from ..node.widget import Bool, Float, Int, Seed, Text

__all__ = ["mended"]

_MAX_DIGITS = 40  # int() of a long text takes quadratic time
_WRAP = "__value__"


def mended(table: Mapping[str, Any], problems: Iterable[Problem], registry: Registry) -> dict[str, Any] | None:
    """Return the prompt with every problem gone that ComfyUI would not have; None when there is none such."""
    changes: dict[str, dict[str, Any]] = {}
    for problem in problems:
        node_id, name = problem.node_id, problem.input
        if node_id is None or name is None or problem.code not in ("G004", "G005", "G018"):
            continue
        entry = table[node_id]
        if problem.code == "G005":
            spec = _input(registry, entry["class_type"], name)
            value = _bent(spec, _bare(entry["inputs"][name])) if spec is not None else ABSENT
            if value is not ABSENT:
                changes.setdefault(node_id, {})[name] = value
        elif problem.code == "G018" or not isinstance(entry["inputs"][name], list):
            changes.setdefault(node_id, {})[name] = ABSENT
    if not changes:
        return None
    better = dict(table)
    for node_id, inputs in changes.items():
        merged = {**better[node_id]["inputs"], **inputs}
        kept = {name: value for name, value in merged.items() if value is not ABSENT}
        better[node_id] = {**better[node_id], "inputs": kept}
    return better


def _bent(spec: InputSpec, value: Any) -> Any:
    """Return what ComfyUI makes of the value; ABSENT when it makes nothing of it, or what validation refused."""
    widget = widget_of(spec)
    try:
        if isinstance(widget, (Int, Seed)):
            return ABSENT if isinstance(value, str) and len(value) > _MAX_DIGITS else int(value)
        if isinstance(widget, Float):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        return ABSENT
    if isinstance(widget, Bool):
        return bool(value)
    return str(value) if isinstance(widget, Text) else ABSENT


def _bare(value: Any) -> Any:
    return value[_WRAP] if isinstance(value, dict) and len(value) == 1 and _WRAP in value else value


def _input(registry: Registry, kind: str, name: str) -> InputSpec | None:
    spec = registry.spec(kind)
    return None if spec is None else next((entry for entry in spec.inputs if entry.name == name), None)
