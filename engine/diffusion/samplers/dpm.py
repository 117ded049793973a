"""DPM-Solver-2: the midpoint method in log sigma, deterministic and ancestral.

Source: Lu et al. 2022 (DPM-Solver) algorithm 1, and Karras et al. 2022 algorithm 2 with the midpoint rule.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..sample import Evaluate, Past, Span, Steps, Transition
from .euler import ancestral_split

__all__ = ["dpm_2", "dpm_2_ancestral"]


def dpm_2(denoise: Evaluate, x: Tensor, span: Span, _past: tuple[Past, ...]) -> Steps:
    """Take a second order step through the geometric mean of both sigmas; plain Euler to sigma 0."""
    denoised = denoise(x, span.sigma)
    mean = _midpoint(denoise, x, denoised, span.sigma, span.sigma_next)
    yield Transition(mean, 0.0, span.sigma, span.sigma_next)
    return Past(span.sigma, x, denoised)


def dpm_2_ancestral(
    denoise: Evaluate, x: Tensor, span: Span, _past: tuple[Past, ...], *, eta: float = 1.0, s_noise: float = 1.0
) -> Steps:
    """Take the same step to below sigma_next and add noise back up to it. eta, s_noise: as in euler_ancestral."""
    denoised = denoise(x, span.sigma)
    down, up = ancestral_split(span.sigma, span.sigma_next, eta)
    mean = _midpoint(denoise, x, denoised, span.sigma, down)
    yield Transition(mean, up * s_noise, span.sigma, span.sigma_next)
    return Past(span.sigma, x, denoised)


def _midpoint(denoise: Evaluate, x: Tensor, denoised: Tensor, sigma: float, target: float) -> Tensor:
    if target == 0:
        return denoised
    middle = math.sqrt(sigma * target)
    x_middle = torch.lerp(denoised, x, middle / sigma)
    slope = (x_middle - denoise(x_middle, middle)) / middle
    return x + slope * (target - sigma)
