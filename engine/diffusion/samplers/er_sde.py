"""A sampler of extended reverse-time equations: between the probability flow and the reverse diffusion.

phi says how much noise is taken and given back on the way: sigma itself is the flow, sigma^2 the reverse diffusion.
Source: Cui et al. 2023 (ER-SDE-Solvers, arXiv 2309.06169), its solvers of order 1 to 3 for x = x0 + sigma * noise, with
the fifth of its noise functions.
"""

from __future__ import annotations

import math

from torch import Tensor

from ...errors import UserError
from ..sample import Evaluate, Past, Span, Steps, Transition

__all__ = ["er_sde"]

# Gauss-Legendre with five nodes: in log sigma the integrands are so smooth that each panel is exact to 1e-12.
_NODES = (0.0, 0.5384693101056831, 0.9061798459386640)
_WEIGHTS = (0.5688888888888889, 0.4786286704993665, 0.2369268850561891)
_PANEL = 0.5  # in log sigma


def er_sde(
    denoise: Evaluate, x: Tensor, span: Span, past: tuple[Past, ...], *, max_stage: int = 3, s_noise: float = 1.0
) -> Steps:
    """Take a step with noise that looks at up to two earlier ones; the step to sigma 0 gives the clean sample.

    max_stage: 1 to 3, its order. s_noise scales the noise. Raises: UserError V143 for another order.
    Differs: the paper's integrals are summed over 100 points, ComfyUI's over 200; here they are exact.
    """
    if max_stage not in (1, 2, 3):
        raise UserError("V143", "max_stage", "1 to 3", f"{max_stage}", "Choose one of these.")
    sigma, sigma_next, _ = span
    denoised = denoise(x, sigma)
    now = Past(sigma, x, denoised)
    if sigma_next == 0:
        yield Transition(denoised, 0.0, sigma, sigma_next)
        return now
    noise_next = phi(sigma_next)
    keep = noise_next / phi(sigma)
    mean = denoised + (x - denoised) * keep
    step = sigma_next - sigma
    known = (now, *past)[:max_stage]
    if len(known) > 1:
        slope = difference(known[0], known[1])
        mean = mean + slope * (step + noise_next * integral(sigma_next, sigma, 0))
        if len(known) > 2:
            bend = (slope - difference(known[1], known[2])) / ((sigma - known[2].sigma) / 2)
            mean = mean + bend * (step**2 / 2 + noise_next * integral(sigma_next, sigma, 1))
    std = s_noise * math.sqrt(max(sigma_next**2 - (sigma * keep) ** 2, 0.0))
    yield Transition(mean, std, sigma, sigma_next)
    return now


def phi(sigma: float) -> float:
    """Return the noise function. Source: the paper's ER-SDE 5."""
    return sigma * (math.exp(sigma**0.3) + 10)


def difference(newer: Past, older: Past) -> Tensor:
    """Return how the clean sample changed per sigma."""
    return (newer.denoised - older.denoised) / (newer.sigma - older.sigma)


def integral(low: float, high: float, power: int) -> float:
    """Return the integral of (sigma - high)^power / phi(sigma) from low to high, above 0, in log sigma."""
    start, end = math.log(low), math.log(high)
    panels = max(1, math.ceil(abs(end - start) / _PANEL))
    half = (end - start) / panels / 2
    total = 0.0
    for panel in range(panels):
        middle = start + (2 * panel + 1) * half
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            for place in {middle - half * node, middle + half * node}:
                sigma = math.exp(place)
                total += weight * half * (sigma - high) ** power * sigma / phi(sigma)
    return total
