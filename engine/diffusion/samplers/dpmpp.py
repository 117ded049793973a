"""DPM-Solver++ steps that look at one earlier evaluation, or at one between two sigmas.

lambda = -log(sigma) throughout. Source: Lu et al. 2022 (DPM-Solver++, arXiv 2211.01095), written in
x = x0 + sigma * noise, where the factors alpha cancel.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...errors import UserError
from ..sample import Evaluate, Past, Span, Steps, Transition
from .euler import ancestral_split

__all__ = ["dpmpp_2m", "dpmpp_2s_ancestral", "dpmpp_sde"]


def dpmpp_2m(denoise: Evaluate, x: Tensor, span: Span, past: tuple[Past, ...]) -> Steps:
    """Take a two-step multistep step of second order. Source: algorithm 2."""
    sigma, sigma_next, _ = span
    denoised = denoise(x, sigma)
    ahead = denoised
    if past and sigma_next > 0:
        h = math.log(sigma / sigma_next)
        h_last = math.log(past[0].sigma / sigma)
        # D = (1 + 1/(2r)) * x0_i - 1/(2r) * x0_(i-1) with r = h_last / h
        ahead = torch.lerp(past[0].denoised, denoised, 1 + h / (2 * h_last))
    yield Transition(torch.lerp(ahead, x, sigma_next / sigma), 0.0, sigma, sigma_next)
    return Past(sigma, x, denoised)


def dpmpp_2s_ancestral(
    denoise: Evaluate, x: Tensor, span: Span, _past: tuple[Past, ...], *, eta: float = 1.0, s_noise: float = 1.0
) -> Steps:
    """Take a single step of second order to below sigma_next and add noise back up to it.

    eta, s_noise: as in euler_ancestral. Source: algorithm 1 with r = 1/2.
    """
    sigma, sigma_next, _ = span
    denoised = denoise(x, sigma)
    down, up = ancestral_split(sigma, sigma_next, eta)
    ahead = denoised
    if down > 0:
        middle = math.sqrt(sigma * down)
        ahead = denoise(torch.lerp(denoised, x, middle / sigma), middle)
    yield Transition(torch.lerp(ahead, x, down / sigma), up * s_noise, sigma, sigma_next)
    return Past(sigma, x, denoised)


def dpmpp_sde(
    denoise: Evaluate,
    x: Tensor,
    span: Span,
    _past: tuple[Past, ...],
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r: float = 0.5,
) -> Steps:
    """Take a stochastic single step of second order; its inner point is a transition of its own.

    r: where the inner point lies in lambda, above 0; 1 is sigma_next. eta, s_noise: as in euler_ancestral.
    NOTE: on a Brownian path both draws share the stretch from sigma to the inner point, so given the first the
    second is not independent; a path likelihood is exact only with white noise.
    Raises: UserError V143 for r that is not above 0.
    Source: Lu et al. 2022 algorithm 1 with the ancestral noise of Crowson, k-diffusion 2022.
    """
    if not r > 0:
        raise UserError("V143", "r", "above 0", f"{r}", "0.5 is usual.")
    sigma, sigma_next, _ = span
    denoised = denoise(x, sigma)
    if sigma_next == 0:
        yield Transition(denoised, 0.0, sigma, sigma_next)
        return Past(sigma, x, denoised)
    # Step 1: to the inner point
    inner = sigma * (sigma_next / sigma) ** r
    down, up = ancestral_split(sigma, inner, eta)
    x_inner = yield Transition(torch.lerp(denoised, x, down / sigma), up * s_noise, sigma, inner)
    denoised_inner = denoise(x_inner, inner)
    # Step 2: over the whole span with the extrapolated prediction
    ahead = torch.lerp(denoised, denoised_inner, 1 / (2 * r))
    down, up = ancestral_split(sigma, sigma_next, eta)
    yield Transition(torch.lerp(ahead, x, down / sigma), up * s_noise, sigma, sigma_next)
    return Past(sigma, x, denoised)
