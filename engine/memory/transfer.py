"""The way of weights from the host to a device, and the only place that knows streams and pinned memory.

A `Transfer` stands for one device: how tensors get there, how much room it has, when it is done. A test gives one
that counts. Knows nothing of networks or budgets.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .cast import cast
from .pinned import PinnedCopies

__all__ = ["Arrival", "CudaTransfer", "Transfer", "transfer_to"]


class Arrival:
    """Tensors on their way to the device."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors

    def take(self) -> list[Tensor]:
        """Return them; what is computed from now on waits until they are there."""
        return self.tensors


class Transfer:
    """Plain copies, one after the other: for any device, and the face of all transfers."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def away(self, tensor: Tensor) -> bool:
        """Tell whether a tensor has to be brought; some are there already, such as those of a network just trained."""
        there, here = tensor.device, self.device
        return there.type != here.type or (here.index is not None and there.index != here.index)

    def free_bytes(self) -> int | None:
        """Return how much the device has left for us now; None where it does not tell."""
        return None

    def bring(self, tensors: Sequence[Tensor], *, again: bool = False) -> list[Tensor]:
        """Return copies on the device, for use by what is computed from now on.

        again: they come often, so that it pays to make their way shorter.
        """
        return [cast(tensor, self.device) for tensor in tensors]

    def begin(self, tensors: Sequence[Tensor]) -> Arrival:
        """Start to bring tensors that come often, beside what is being computed."""
        return Arrival(self.bring(tensors, again=True))

    def settle(self) -> None:
        """Wait until the device has computed what it was given: only then is memory free that was let go."""

    def free(self) -> None:
        """Let go of what is kept to make ways shorter."""


class CudaTransfer(Transfer):
    """Copies from pinned memory, those begun ahead on a stream of their own. For ROCm too, which torch calls CUDA."""

    def __init__(self, device: torch.device, pinned: PinnedCopies | None = None) -> None:
        super().__init__(device)
        self._pinned = pinned or PinnedCopies()
        self._ahead = torch.cuda.Stream(device)

    def free_bytes(self) -> int:
        """Return what the driver has left, and what torch keeps in reserve."""
        free, _ = torch.cuda.mem_get_info(self.device)
        held = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return int(free + held)

    def bring(self, tensors: Sequence[Tensor], *, again: bool = False) -> list[Tensor]:
        """Return copies on the device, in the order of the stream that computes."""
        return [cast(self._pinned.of(tensor, often=again), self.device) for tensor in tensors]

    def begin(self, tensors: Sequence[Tensor]) -> Arrival:
        """Start copying beside the stream that computes."""
        with torch.cuda.stream(self._ahead):
            copies = self.bring(tensors, again=True)
            done = torch.cuda.Event()
            done.record(self._ahead)
        return _CudaArrival(copies, done, self.device)

    def settle(self) -> None:
        """Wait for the stream that computes."""
        torch.cuda.current_stream(self.device).synchronize()

    def free(self) -> None:
        """Let go of the pinned copies."""
        self._pinned.clear()


class _CudaArrival(Arrival):
    def __init__(self, tensors: list[Tensor], done: torch.cuda.Event, device: torch.device) -> None:
        super().__init__(tensors)
        self._done = done
        self._device = device

    def take(self) -> list[Tensor]:
        computing = torch.cuda.current_stream(self._device)
        computing.wait_event(self._done)
        for tensor in self.tensors:
            tensor.record_stream(computing)  # whoever still reads it when it is let go is waited for
        return self.tensors


def transfer_to(device: torch.device) -> Transfer:
    """Return the way to a device."""
    return CudaTransfer(device) if device.type == "cuda" else Transfer(device)
