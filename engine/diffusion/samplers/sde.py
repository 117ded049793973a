"""Multistep DPM-Solver++ for the reverse stochastic equation, with one or two earlier evaluations.

eta scales the noise: 0 is the probability flow, 1 the reverse diffusion. lambda = -log(sigma).
Source: Lu et al. 2022 (DPM-Solver++) section 5 and appendix C; dpmpp_3m_sde by Crowson, k-diffusion 2022.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...errors import UserError
from ..sample import Evaluate, Past, Span, Steps, Transition

__all__ = ["dpmpp_2m_sde", "dpmpp_3m_sde"]


def dpmpp_2m_sde(
    denoise: Evaluate,
    x: Tensor,
    span: Span,
    past: tuple[Past, ...],
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    solver_type: str = "midpoint",
) -> Steps:
    """Take a second order step with noise. solver_type: "midpoint" or "heun", how the slope of x0 is weighted.

    Raises: UserError V143 for another solver_type.
    """
    if solver_type not in ("midpoint", "heun"):
        raise UserError("V143", "solver_type", "midpoint or heun", repr(solver_type), "Choose one of the two.")
    sigma, sigma_next, _ = span
    denoised = denoise(x, sigma)
    if sigma_next == 0:
        yield Transition(denoised, 0.0, sigma, sigma_next)
        return Past(sigma, x, denoised)
    h = math.log(sigma / sigma_next)
    keep = math.exp(-h * (1 + eta))  # the share of x - denoised that is kept
    mean = torch.lerp(denoised, x, keep)
    if past:
        rate = h / math.log(past[0].sigma / sigma)
        weight = (1 - keep) / 2 if solver_type == "midpoint" else 1 - (1 - keep) / (h * (1 + eta))
        mean = mean + (denoised - past[0].denoised) * (weight * rate)
    yield Transition(mean, s_noise * _noise_level(sigma_next, h, eta), sigma, sigma_next)
    return Past(sigma, x, denoised)


def dpmpp_3m_sde(
    denoise: Evaluate, x: Tensor, span: Span, past: tuple[Past, ...], *, eta: float = 1.0, s_noise: float = 1.0
) -> Steps:
    """Take a step with noise that looks at two earlier ones; the first two steps look at what there is.

    NOTE: as published, the quadratic term has half the weight that the integral gives it, so the order is two
    (measured), with a smaller error than dpmpp_2m_sde. Kept, because saved seeds rely on it.
    """
    sigma, sigma_next, _ = span
    denoised = denoise(x, sigma)
    if sigma_next == 0:
        yield Transition(denoised, 0.0, sigma, sigma_next)
        return Past(sigma, x, denoised)
    h = math.log(sigma / sigma_next)
    h_eta = h * (1 + eta)
    keep = math.exp(-h_eta)
    mean = torch.lerp(denoised, x, keep)
    phi_2 = 1 - (1 - keep) / h_eta
    if past:
        rate = math.log(past[0].sigma / sigma) / h
        slope = (denoised - past[0].denoised) / rate
        if len(past) > 1:
            rate_last = math.log(past[1].sigma / past[0].sigma) / h
            slope_last = (past[0].denoised - past[1].denoised) / rate_last
            bend = (slope - slope_last) / (rate + rate_last)
            slope = slope + bend * rate
            phi_3 = phi_2 / h_eta - 0.5
            mean = mean - bend * phi_3
        mean = mean + slope * phi_2
    yield Transition(mean, s_noise * _noise_level(sigma_next, h, eta), sigma, sigma_next)
    return Past(sigma, x, denoised)


def _noise_level(sigma_next: float, h: float, eta: float) -> float:
    return sigma_next * math.sqrt(-math.expm1(-2 * eta * h))
