"""The ids under which ComfyUI knows our nodes when this package is one of its packs (see `engine/plugin`).

It has a KSampler of its own, so ours is LoomKSampler there; a workflow saved there opens here by this rule alone.
Knows no class of the host and no torch.
"""

from __future__ import annotations

from ..node.registry import Registry

__all__ = ["PREFIX", "engine_id"]

PREFIX = "Loom"


def engine_id(node_id: str, registry: Registry) -> str:
    """Return our id of a node type as ComfyUI knows it; one that is not ours stays as it is."""
    if node_id.startswith(PREFIX) and registry.resolve(node_id) is None:
        bare = node_id.removeprefix(PREFIX)
        if registry.resolve(bare) is not None:
            return bare
    return node_id
