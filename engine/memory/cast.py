"""Moving and casting tensors, and trees and networks of them.

Integer and boolean tensors move but never change type. Knows nothing of what the tensors mean.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

__all__ = ["cast", "cast_tree", "nbytes", "place"]

M = TypeVar("M", bound=nn.Module)


def cast(tensor: Tensor, device: torch.device | None = None, dtype: torch.dtype | None = None) -> Tensor:
    """Return the tensor there and, if it is a floating one, in that precision; itself when nothing changes.

    Copies from pinned host memory do not wait for the device.
    """
    keep = dtype is None or not tensor.is_floating_point()
    return tensor.to(
        device=device or tensor.device, dtype=tensor.dtype if keep else dtype, non_blocking=tensor.is_pinned()
    )


def cast_tree(value: object, device: torch.device | None = None, dtype: torch.dtype | None = None) -> object:
    """Return the value with every tensor in its lists, tuples and dicts cast; the rest stays as it is."""
    if isinstance(value, Tensor):
        return cast(value, device, dtype)
    if isinstance(value, dict):
        return {key: cast_tree(item, device, dtype) for key, item in value.items()}
    if isinstance(value, list):
        return [cast_tree(item, device, dtype) for item in value]
    if isinstance(value, tuple):
        items = tuple(cast_tree(item, device, dtype) for item in value)
        make = getattr(type(value), "_make", tuple)  # a named tuple stays one
        return make(items)
    return value


def place(network: M, device: torch.device | None = None, dtype: torch.dtype | None = None) -> M:
    """Move and cast a network in place, and return it; layouts (channels-last) are kept."""
    network.to(device=device, dtype=dtype)
    return network


def nbytes(network: nn.Module) -> int:
    """Return the memory of a network's parameters and buffers; shared ones count once."""
    tensors = {id(t): t for t in [*network.parameters(), *network.buffers()]}
    return sum(t.numel() * t.element_size() for t in tensors.values())
