"""Changes to guidance that travel with a model in `guidance_patches`.

A plain patch is a function of `Guided` that returns another combined prediction; those with `adds` come after the
others. `DifferentialDiffusion` changes the inpainting mask instead. All are values: picklable, and but for `PerpNeg`,
which holds a prompt, comparable and hashable. Knows nothing of networks or samplers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from ..errors import UserError
from .predict import from_x0, to_x0
from .process import Process

__all__ = [
    "Again",
    "DifferentialDiffusion",
    "Guided",
    "PerpNeg",
    "RescaleCFG",
    "WeakenedGuidance",
    "perpendicular_guidance",
]


class Again(Protocol):
    """One more evaluation of the model at this step, [b c h w]."""

    def __call__(self, patches: Sequence[Any] = (), prompt: Sequence[Any] | None = None) -> Tensor:
        """Return what is predicted for a CONDITIONING list, the positive prompt unless given.

        patches: changes to the network for this call.
        """


class Guided(NamedTuple):
    """What a patch sees: predictions are clean scaled latents; uncond is None where guidance is off."""

    x: Tensor
    sigma: float
    denoised: Tensor
    cond: Tensor
    uncond: Tensor | None
    cfg: float
    again: Again | None = None
    """None where nothing further can be asked."""


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
class WeakenedGuidance:
    """Move on from what the network predicts for the prompt when it is weakened: + scale * (cond - weakened).

    patches: what weakens the network. scale: 0 is none. Works while last <= sigma <= first.
    Source: Ahn et al. 2024 (arXiv 2403.17377), perturbed-attention guidance beside classifier-free guidance; with
    blocks left out it is the skip-layer guidance of Stability AI's code for SD3.5.
    """

    patches: tuple[Any, ...]
    scale: float
    first: float = math.inf
    last: float = 0.0
    adds: ClassVar[bool] = True

    def __call__(self, guided: Guided) -> Tensor:
        """Return the prediction moved on; unchanged outside its time."""
        if guided.again is None or self.scale == 0 or not self.last <= guided.sigma <= self.first:
            return guided.denoised
        weakened = guided.again(self.patches)
        return torch.add(guided.denoised, guided.cond - weakened, alpha=self.scale)


@dataclass(frozen=True, slots=True, eq=False)
class PerpNeg:
    """Guide with the part of the negative prompt alone that does not speak against the positive one.

    empty: CONDITIONING of the empty prompt; scale: of the negative part, 0 or more. Without guidance it does nothing.
    """

    empty: Sequence[Any]
    scale: float = 1.0

    def __call__(self, guided: Guided) -> Tensor:
        """Return `perpendicular_guidance` in place of the combined prediction."""
        if guided.again is None or guided.uncond is None:
            return guided.denoised
        empty = guided.again(prompt=self.empty)
        return perpendicular_guidance(guided.cond, guided.uncond, empty, self.scale, guided.cfg)


def perpendicular_guidance(cond: Tensor, uncond: Tensor, empty: Tensor, scale: float, cfg: float) -> Tensor:
    """Return empty + cfg * (positive - scale * the part of negative perpendicular to it), both relative to empty.

    Predictions [b c h w]; that they are clean ones, not noise, leaves the equation as it is.
    Source: Armandpour et al. 2023 (Perp-Neg, arXiv 2304.04968), with one negative prompt.
    Differs: each item of a batch has its own projection; ComfyUI takes one over the whole batch.
    """
    positive, negative = cond - empty, uncond - empty
    over = tuple(range(1, cond.ndim))
    length = positive.square().sum(over, keepdim=True).clamp_min(torch.finfo(cond.dtype).tiny)
    share = (negative * positive).sum(over, keepdim=True) / length
    return empty + cfg * (positive - scale * (negative - share * positive))


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
