"""Values on their way between the host and our nodes: off its inference mode when they train, onto its device after.

The host computes in inference mode, whose tensors no training may touch, so that they are copied for nodes that train.
Nothing given is ever changed in place. Knows no node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

__all__ = ["handed_out", "trainable"]


def trainable(value: Any) -> Any:
    """Return `value` with every tensor and network of inference mode copied; call it outside of that mode."""
    return _mapped(value, _out_of_inference)


def handed_out(value: Any, device: str) -> Any:
    """Return `value` with its tensors on the host's resting device; anything that is no plain data stays."""
    place = torch.device(device)
    return _mapped(value, lambda leaf: leaf.to(place) if isinstance(leaf, torch.Tensor) else leaf)


def _out_of_inference(leaf: Any) -> Any:
    if isinstance(leaf, torch.Tensor):
        return leaf.clone() if leaf.is_inference() else leaf
    if isinstance(leaf, nn.Module) and any(tensor.is_inference() for tensor in _tensors(leaf)):
        import copy  # a network that was made by somebody else while the host computed

        return copy.deepcopy(leaf)
    return leaf


def _tensors(network: nn.Module) -> Iterable[torch.Tensor]:
    yield from network.parameters()
    yield from network.buffers()


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return `value` with `change` made to its leaves; containers in which nothing changed stay the same objects."""
    kind = type(value)
    if kind is dict:
        found = {name: _mapped(item, change) for name, item in value.items()}
        return found if any(found[name] is not value[name] for name in found) else value
    if kind in (list, tuple):
        items = [_mapped(item, change) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else kind(items)
    if isinstance(value, Mapping):
        return value
    return change(value)
