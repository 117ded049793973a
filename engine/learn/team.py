"""Gradients averaged between processes of one machine, over a memory-mapped file.

Each process trains the same networks on its own scenes; after the backward pass all write their gradients, wait for
one another once, and go on with the mean, so that their weights stay equal to the last bit. One wait a step: on a busy
machine threads, which wait at every operation, lose far more. Knows nothing of networks. Source: synchronous data
parallel training, Chen et al., "Revisiting Distributed Synchronous SGD" (2016), section 2.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import Tensor

from ..errors import UserError

__all__ = ["Team"]

PATIENCE_SECONDS = 600.0
NAP_SECONDS = 0.0005


class Team:
    """One member's view of the team: `average` is called by all at every step with equally shaped gradients.

    folder: shared by the members and empty at the start of a run. rank: 0 to members - 1.
    """

    def __init__(self, folder: Path, rank: int, members: int) -> None:
        if not 0 <= rank < members:
            raise UserError("D001", 'setting "rank"', f"0 to {members - 1}", repr(rank), "Number the members from 0.")
        self.folder = folder
        self.rank = rank
        self.members = members
        folder.mkdir(parents=True, exist_ok=True)
        self._arrived = _mapped(folder / "arrived", members, torch.int64)
        self._round = 0
        self._slots: Tensor | None = None

    def average(self, gradients: list[Tensor]) -> None:
        """Replace every gradient by its mean over the members; returns once all have given theirs.

        Raises: UserError D013 when another member has not come within ten minutes.
        """
        size = sum(gradient.numel() for gradient in gradients)
        if self._slots is None:
            # Two sets in turn: a fast member may write the next round while a slow one still reads this.
            self._slots = _mapped(self.folder / "gradients", 2 * self.members * size, torch.float32)
        slots = self._slots.view(2, self.members, size)[self._round % 2]
        torch.cat([gradient.detach().flatten().float() for gradient in gradients], out=slots[self.rank])
        self._round += 1
        self._arrived[self.rank] = self._round
        self._wait()
        mean = slots.mean(0)
        start = 0
        for gradient in gradients:
            gradient.copy_(mean[start : start + gradient.numel()].view(gradient.shape))
            start += gradient.numel()

    def _wait(self) -> None:
        began = time.monotonic()
        while int(self._arrived.min()) < self._round:
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise UserError(
                    "D013",
                    f"training team, member {self.rank}",
                    f"all {self.members} members at round {self._round}",
                    str(self._arrived.tolist()),
                    "Start the missing members again; all go on from the same checkpoint.",
                )
            time.sleep(NAP_SECONDS)


def _mapped(path: Path, size: int, dtype: torch.dtype) -> Tensor:
    """Return a tensor over a file that is made, or grown, to the right size."""
    wanted = size * dtype.itemsize
    with path.open("ab") as file:
        if file.tell() < wanted:
            file.truncate(wanted)
    return torch.from_file(str(path), shared=True, size=size, dtype=dtype)
