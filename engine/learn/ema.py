"""Exponential moving average of weights: what is exported is smoother than what is trained.

Knows nothing of what the networks are. Source: Polyak and Juditsky (1992); the warm-up of the decay,
min(decay, (1 + n) / (10 + n)), is that of TensorFlow's ExponentialMovingAverage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from ..errors import UserError

__all__ = ["Average"]


class Average:
    """A running average of the parameters of several named networks.

    decay: 0 to below 1; the share of the old average kept at each update once warmed up.
    Raises: UserError D001 for another decay.
    """

    def __init__(self, networks: Mapping[str, nn.Module], decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise UserError("D001", 'setting "ema_decay"', "0 to below 1", repr(decay), "Change it.")
        self.decay = decay
        self.updates = 0
        self._live = [p for network in networks.values() for p in network.parameters() if p.requires_grad]
        self.names = [
            f"{name}.{key}"
            for name, network in networks.items()
            for key, p in network.named_parameters()
            if p.requires_grad
        ]
        self.averages = [p.detach().clone() for p in self._live]

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the live weights by one step."""
        self.updates += 1
        keep = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.averages, [p.detach() for p in self._live], 1 - keep)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the average into the networks for the length of a `with` block, then the live weights back."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for live, average in zip(self._live, self.averages, strict=True):
            kept = live.detach().clone()
            live.copy_(average)
            average.copy_(kept)

    @torch.no_grad()
    def store(self) -> None:
        """Copy the average into the live weights for good."""
        for live, average in zip(self._live, self.averages, strict=True):
            live.copy_(average)

    def state(self) -> dict[str, torch.Tensor]:
        """Return the averages by name (the tensors themselves, not copies)."""
        return dict(zip(self.names, self.averages, strict=True))

    @torch.no_grad()
    def load(self, tensors: Mapping[str, torch.Tensor], updates: int) -> None:
        """Restore what `state` gave; names and shapes must agree."""
        for name, average in zip(self.names, self.averages, strict=True):
            average.copy_(tensors[name])
        self.updates = updates
