"""Where loaders put weights, and who brings them to the device when they are needed.

With a residency the weights stay on the host, in the precision that suits the device. Knows nothing of files or nodes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import torch

from ..memory.residency import Residence, Residency
from .text_stack import TextStack

__all__ = ["home", "settled"]

V = TypeVar("V")


def home(device: torch.device, residence: Residence | None) -> torch.device:
    """Return where to load what will compute on `device`: the host, where a residency for that device takes over."""
    return torch.device("cpu") if serves(residence, device) else device


def settled(value: V, device: torch.device, residence: Residence | None) -> V:
    """Return a value of a wire whose networks, loaded to `home`, run where they should."""
    if not serves(residence, device) or value is None:
        return value
    changed: Any = value
    if isinstance(value, TextStack):
        parts = {name: settled(part, device, residence) for name, part in value.parts.items()}
        return changed.with_parts(parts)  # type: ignore[no-any-return]
    return replace(changed, residence=residence)  # type: ignore[no-any-return]


def serves(residence: Residence | None, device: torch.device) -> bool:
    """Tell whether a residence brings weights to that device; one of another device is left out."""
    return isinstance(residence, Residency) and residence.device.type == device.type
