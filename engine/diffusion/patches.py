"""Changes to guidance that travel with a model in `guidance_patches`.

A plain patch is a function of `Guided` that returns another combined prediction; `DifferentialDiffusion` changes the
inpainting mask instead. All are values: comparable, hashable, picklable. Knows nothing of networks or samplers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import UserError
from .predict import from_x0, to_x0
from .process import Process

__all__ = ["DifferentialDiffusion", "Guided", "RescaleCFG"]


class Guided(NamedTuple):
    """What a patch sees: predictions are clean scaled latents; uncond is None where guidance is off."""

    x: Tensor
    sigma: float
    denoised: Tensor
    cond: Tensor
    uncond: Tensor | None
    cfg: float


@dataclass(frozen=True, slots=True)
class RescaleCFG:
    """Bring the spread of the guided prediction back towards that of the conditional one, in v.

    multiplier: 0..1, the share of the rescaled prediction.
    Source: Lin et al. 2023 (arXiv 2305.08891) eq. 15 and 16.
    """

    multiplier: float = 0.7

    def __call__(self, guided: Guided) -> Tensor:
        """Return the rescaled prediction; unchanged without guidance."""
        if guided.uncond is None:
            return guided.denoised
        x, sigma = guided.x, guided.sigma
        v = from_x0("v", guided.denoised, x, sigma)
        v_cond = from_x0("v", guided.cond, x, sigma)
        over = tuple(range(1, x.ndim))
        rescaled = v * (v_cond.std(dim=over, keepdim=True) / v.std(dim=over, keepdim=True))
        return to_x0("v", torch.lerp(v, rescaled, self.multiplier), x, sigma)


@dataclass(frozen=True, slots=True)
class DifferentialDiffusion:
    """Let each place of a grey inpainting mask change only from its own time on.

    strength: 0..1, from the plain mask to the full effect.
    Source: Levin & Fried 2023 (arXiv 2306.00950) algorithm 1.
    """

    strength: float = 1.0

    def mask_at(self, mask: Tensor, sigma: float, start: float, end: float, process: Process) -> Tensor:
        """Return the mask that holds at sigma in a run from start to end."""
        if not 0 <= self.strength <= 1:
            raise UserError("V163", "strength", "0 to 1", f"{self.strength}", "Bring it into the range.")
        levels = torch.tensor([start, max(end, process.sigma_min), sigma], dtype=torch.float64)
        first, last, now = process.timestep(levels).tolist()
        threshold = (now - last) / (first - last) if first != last else 0.0
        return torch.lerp(mask, (mask >= threshold).to(mask.dtype), self.strength)
