"""Euler steps, deterministic and ancestral; DDIM, DDPM and the consistency sampler are members of the family.

Every step here is x_next = denoised + (sigma_down / sigma) * (x - denoised) + sigma_up * noise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..sample import Evaluate, Past, Span, Steps, Transition

__all__ = ["ancestral_split", "euler", "euler_ancestral", "lcm"]


def euler(denoise: Evaluate, x: Tensor, span: Span, _past: tuple[Past, ...]) -> Steps:
    """Take one Euler step of the probability flow. Source: Karras et al. 2022 algorithm 1 without the correction."""
    denoised = denoise(x, span.sigma)
    # One interpolation; at sigma_next 0 it is denoised itself, to the last bit.
    yield Transition(torch.lerp(denoised, x, span.sigma_next / span.sigma), 0.0, span.sigma, span.sigma_next)
    return Past(span.sigma, x, denoised)


def euler_ancestral(
    denoise: Evaluate, x: Tensor, span: Span, _past: tuple[Past, ...], *, eta: float = 1.0, s_noise: float = 1.0
) -> Steps:
    """Step below sigma_next and add noise back up to it.

    eta: 0 is deterministic (DDIM), 1 is DDPM's posterior variance; s_noise scales the noise.
    Source: Song et al. 2021 (DDIM) eq. 12 and 16, written in x = x0 + sigma * noise.
    """
    denoised = denoise(x, span.sigma)
    down, up = ancestral_split(span.sigma, span.sigma_next, eta)
    mean = torch.lerp(denoised, x, down / span.sigma)
    yield Transition(mean, up * s_noise, span.sigma, span.sigma_next)
    return Past(span.sigma, x, denoised)


def lcm(denoise: Evaluate, x: Tensor, span: Span, _past: tuple[Past, ...]) -> Steps:
    """Jump to the clean sample and noise it anew. Source: Song et al. 2023 (consistency models) algorithm 1."""
    denoised = denoise(x, span.sigma)
    yield Transition(denoised, span.sigma_next, span.sigma, span.sigma_next)
    return Past(span.sigma, x, denoised)


def ancestral_split(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """Return (down, up) with down^2 + up^2 = sigma_next^2: the sigma to step to and the noise to add.

    Source: Song et al. 2021 (DDIM) eq. 16; up never exceeds sigma_next.
    """
    # A rising step would need negative variance: it stays deterministic.
    variance = max(sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2, 0.0)
    up = min(sigma_next, eta * math.sqrt(variance))
    return math.sqrt(max(sigma_next**2 - up**2, 0.0)), up
