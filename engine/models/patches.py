"""Changes to a network while it runs, given with the call: the network itself is shared and never touched.

A network asks each patch at the places it has (hooks); a patch answers at those it is about. All are values:
comparable, hashable, picklable. Knows nothing of guidance, samplers or files.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["FreeU", "IdentityAttention", "NetworkPatch", "SkippedBlocks"]

FIRST, SECOND = 4, 2  # FreeU's two stages have so many times the network's own channels


class NetworkPatch:
    """A patch that changes nothing; others override the hooks they are about."""

    __slots__ = ()

    def joins(self, x: Tensor, skip: Tensor, base: int) -> tuple[Tensor, Tensor]:
        """Return what a UNet's decoder block joins: its backbone [b c h w] and skip [b s h w].

        base: the network's own channels, of which the width of every stage is a multiple.
        """
        return x, skip

    def attends_to_itself(self) -> bool:
        """Tell whether tokens of a UNet's middle block attend to nothing but themselves."""
        return False

    def leaves_out(self, block: int) -> bool:
        """Tell whether a transformer's block hands its input on as it came."""
        return False


@dataclass(frozen=True, slots=True)
class FreeU(NetworkPatch):
    """Raise the backbone and lower the skips' low frequencies in the decoder's two deepest widths.

    b1, b2: factors of half the backbone's channels; s1, s2: of the skips' low frequencies; 1 changes nothing.
    adaptive: the backbone's factor follows its own mean over channels, b at its peak and 1 where it is lowest.
    Source: Si et al. 2023 (FreeU, arXiv 2309.11497), whose first version has the constant factor and whose second the
    adaptive one; that the lowest frequencies are -1 and 0 of each axis is in the authors' code alone.
    """

    b1: float
    b2: float
    s1: float
    s2: float
    adaptive: bool = True

    def joins(self, x: Tensor, skip: Tensor, base: int) -> tuple[Tensor, Tensor]:
        stages = {FIRST * base: (self.b1, self.s1), SECOND * base: (self.b2, self.s2)}
        if x.shape[1] not in stages:
            return x, skip
        b, s = stages[x.shape[1]]
        half = x.shape[1] // 2
        factor = 1 + (b - 1) * relative_mean(x).to(x.dtype) if self.adaptive else b
        return torch.cat([x[:, :half] * factor, x[:, half:]], dim=1), scaled_low(skip, s)


@dataclass(frozen=True, slots=True)
class IdentityAttention(NetworkPatch):
    """Replace the self-attention maps of a UNet's middle block by the identity: every token keeps its own value.

    Source: Ahn et al. 2024 (arXiv 2403.17377), perturbed self-attention.
    """

    def attends_to_itself(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class SkippedBlocks(NetworkPatch):
    """Leave some blocks of a transformer out. blocks: from 0; numbers that it has not are ignored."""

    blocks: frozenset[int]

    def leaves_out(self, block: int) -> bool:
        return block in self.blocks


def relative_mean(x: Tensor) -> Tensor:
    """Return the mean over channels [b 1 h w], float32, stretched to 0..1 over each picture; 0 where it is flat."""
    mean = x.float().mean(1, keepdim=True)
    low, high = mean.amin((2, 3), keepdim=True), mean.amax((2, 3), keepdim=True)
    return (mean - low) / (high - low).clamp_min(torch.finfo(torch.float32).tiny)


def scaled_low(x: Tensor, factor: float) -> Tensor:
    """Return x [b c h w] with the frequencies -1 and 0 of both axes times `factor`, computed in float32."""
    if factor == 1:
        return x
    spectrum = torch.fft.fft2(x.float())
    rows, columns = (torch.zeros(side, device=x.device) for side in spectrum.shape[-2:])
    for axis in (rows, columns):
        axis[0] = axis[-1] = 1  # the same place on an axis of one cell
    gain = 1 + (factor - 1) * rows[:, None] * columns[None, :]
    return torch.fft.ifft2(spectrum * gain).real.to(x.dtype)
