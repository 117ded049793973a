"""Heun's method: an Euler step corrected by the slope at its end. Source: Karras et al. 2022 algorithm 1."""

from __future__ import annotations

import torch
from torch import Tensor

from ..sample import Evaluate, Past, Span, Steps, Transition

__all__ = ["heun"]


def heun(denoise: Evaluate, x: Tensor, span: Span, _past: tuple[Past, ...]) -> Steps:
    """Take a second order step; plain Euler to sigma 0, where the slope is not defined."""
    sigma, sigma_next, _ = span
    denoised = denoise(x, sigma)
    mean = torch.lerp(denoised, x, sigma_next / sigma)
    if sigma_next > 0:
        slope = (x - denoised) / sigma
        slope_next = (mean - denoise(mean, sigma_next)) / sigma_next
        mean = x + (slope + slope_next) * ((sigma_next - sigma) / 2)
    yield Transition(mean, 0.0, sigma, sigma_next)
    return Past(sigma, x, denoised)
