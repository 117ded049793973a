"""TorchGuard: gradients are off in every thread that runs nodes, save around what trains or is differentiated.

`no_grad`, never `inference_mode`: its tensors could not enter a graph that trains later. Implements `run.call.Guard`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch

__all__ = ["TorchGuard"]


class TorchGuard:
    """The guard for nodes that may use torch."""

    def thread(self) -> AbstractContextManager[Any]:
        """Turn gradients off for this thread while entered."""
        return torch.no_grad()

    def grad(self) -> AbstractContextManager[Any]:
        """Turn gradients on while entered."""
        return torch.enable_grad()
