"""Copies of host tensors in pinned memory, from which a device reads two to five times as fast.

Weights are read from mapped files, which cannot be pinned; a second copy pays for those that move often. It lives as
long as the original, and all together take no more than a limit, since pinned memory cannot be swapped out.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

import torch
from torch import Tensor

from .device import host_bytes

__all__ = ["PinnedCopies"]

_SHARE = 2  # of the machine's memory, one part in this many may be pinned


class PinnedCopies:
    """Pinned copies by original. Not thread-safe: its one user has a lock."""

    def __init__(
        self, limit_bytes: int | None = None, pin: Callable[[Tensor], Tensor] = torch.Tensor.pin_memory
    ) -> None:
        """limit_bytes: of all copies; None is half of the machine's memory. pin: makes one; for tests."""
        self.limit_bytes = host_bytes() // _SHARE if limit_bytes is None else limit_bytes
        self.used_bytes = 0
        self._pin = pin
        self._sweep_at = 0
        self._copies: dict[int, tuple[weakref.ref[Tensor], Tensor | None]] = {}

    def of(self, tensor: Tensor, *, often: bool = False) -> Tensor:
        """Return a pinned copy, or the tensor itself: where it is on a device, the limit is reached, or it comes for
        the first time and nobody knows that it will come `often`.
        """
        found = self._copies.get(id(tensor))
        known = found is not None and found[0]() is tensor
        if found is not None and known and found[1] is not None:
            return found[1]
        if tensor.device.type != "cpu":
            return tensor
        if len(self._copies) > self._sweep_at or self.used_bytes + tensor.nbytes > self.limit_bytes:
            self._forget_dead()
        if not (known or often):
            self._copies[id(tensor)] = (weakref.ref(tensor), None)
            return tensor
        if self.used_bytes + tensor.nbytes > self.limit_bytes:
            return tensor
        try:
            copy = self._pin(tensor.detach())
        except RuntimeError:  # the system lets us pin no more
            self.limit_bytes = self.used_bytes
            return tensor
        self._copies[id(tensor)] = (weakref.ref(tensor), copy)
        self.used_bytes += copy.nbytes
        return copy

    def clear(self) -> None:
        """Let go of all copies."""
        self._copies.clear()
        self.used_bytes = 0

    def _forget_dead(self) -> None:
        for key in [key for key, (original, _) in self._copies.items() if original() is None]:
            _, copy = self._copies.pop(key)
            self.used_bytes -= 0 if copy is None else copy.nbytes
        self._sweep_at = 2 * len(self._copies) + 64
