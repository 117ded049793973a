"""Which of our nodes the host is given, under which ids, and why it does not get the others.

The host keeps its own nodes: a pack cannot replace them. It gets what it lacks: our `Loom...` nodes, and under the id
`Loom` + ours those that it has too but that work on our models, such as LoomKSampler for KSampler. Knows no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..comfy.plugin_ids import PREFIX, engine_id
from ..node.manifest import read
from ..node.registry import Registry
from ..node.spec import NodeSpec
from .wires import has_private_wire

__all__ = ["Published", "left_out", "own_registry", "published", "with_engine_ids"]

_ROOT = Path(__file__).resolve().parents[2]  # not from `library`, which looks for installed packs as well


class Published(NamedTuple):
    """One node as the host is given it. `id`: its class type there; `spec.id` is ours."""

    id: str
    title: str
    spec: NodeSpec


def own_registry(manifest: Path | None = None) -> Registry:
    """Return the built-in node types as the manifest has them, under the name this package was imported by.

    manifest: by default the committed one, which is taken at its word: no source file is read and none compared.
    """
    package = __package__.removesuffix(".engine.plugin")
    registry = Registry()
    for name, module in read(manifest or _ROOT / "nodes" / "manifest.json")["modules"].items():
        # The host imports this package by its path; the manifest knows it by its own name.
        present = f"{package}.{name.partition('.')[2]}"
        for node in module["nodes"]:
            registry.add_unread({**node, "module": present})
    return registry


def published(registry: Registry) -> tuple[Published, ...]:
    """Return the nodes that the host is given, sorted by our id."""
    found = []
    for spec in registry:
        if spec.id.startswith(PREFIX):
            found.append(Published(spec.id, spec.title, spec))
        elif _reason(spec, registry) is None:
            found.append(Published(f"{PREFIX}{spec.id}", f"{spec.title} (Latentloom)", spec))
    return tuple(found)


def left_out(registry: Registry) -> dict[str, str]:
    """Return why each other node is not given to the host, by our id."""
    reasons = {spec.id: _reason(spec, registry) for spec in registry}
    return {node_id: reason for node_id, reason in reasons.items() if reason is not None}


def _reason(spec: NodeSpec, registry: Registry) -> str | None:
    if spec.id.startswith(PREFIX):
        return None
    if f"{PREFIX}{spec.id}" in registry:
        return f"its id there would be {PREFIX}{spec.id}, which is another node's"
    if not has_private_wire(spec):
        return "ComfyUI has this node, and its values have the same form there"
    return None


def with_engine_ids(prompt: Mapping[str, Any], registry: Registry, wanted: Iterable[str]) -> dict[str, Any]:
    """Return the part of the host's prompt that leads to the nodes `wanted`, with our ids; links stay as they are."""
    part: dict[str, Any] = {}
    waiting = [str(node_id) for node_id in wanted]
    while waiting:
        node_id = waiting.pop()
        entry = prompt.get(node_id)
        if node_id in part or not isinstance(entry, Mapping):
            continue
        inputs = entry.get("inputs")
        inputs = dict(inputs) if isinstance(inputs, Mapping) else {}
        part[node_id] = {"class_type": engine_id(str(entry.get("class_type")), registry), "inputs": inputs}
        if isinstance(entry.get("_meta"), Mapping):
            part[node_id]["_meta"] = dict(entry["_meta"])
        waiting += [str(value[0]) for value in inputs.values() if isinstance(value, list) and len(value) == 2]
    return part
