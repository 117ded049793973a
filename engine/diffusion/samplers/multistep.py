"""Linear multistep methods on the probability flow: Adams-Bashforth, and UniPC with its corrector.

Both remember what earlier steps knew; short histories and the end of a schedule lower the order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import UserError
from ..sample import Evaluate, Past, Span, Steps, Transition

__all__ = ["lms", "uni_pc"]

# Gauss-Legendre with three nodes is exact for the cubic integrands of order 4.
_NODES = (-math.sqrt(0.6), 0.0, math.sqrt(0.6))
_WEIGHTS = (5 / 9, 8 / 9, 5 / 9)


def lms(denoise: Evaluate, x: Tensor, span: Span, past: tuple[Past, ...], *, order: int = 4) -> Steps:
    """Take an Adams-Bashforth step in sigma on uneven steps. order: 1..4.

    Source: Hairer, Norsett & Wanner 1993, III.1 and III.5, with the slope of Karras et al. 2022 eq. 1.
    """
    if not 1 <= order <= 4:
        raise UserError("V143", "order", "1 to 4", f"{order}", "Choose one of these.")
    denoised = denoise(x, span.sigma)
    known = (Past(span.sigma, x, denoised), *past)[:order]
    nodes = [p.sigma for p in known]
    x_next = x
    for j, p in enumerate(known):
        weight = _lagrange_integral(nodes, j, span.sigma, span.sigma_next)
        x_next = torch.add(x_next, p.x - p.denoised, alpha=weight / p.sigma)
    yield Transition(x_next, 0.0, span.sigma, span.sigma_next)
    return known[0]


def _lagrange_integral(nodes: Sequence[float], j: int, start: float, end: float) -> float:
    """Integrate from start to end the polynomial that is 1 at node j and 0 at the others."""
    half, middle = (end - start) / 2, (end + start) / 2
    total = 0.0
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        at = middle + half * node
        total += weight * math.prod((at - s) / (nodes[j] - s) for k, s in enumerate(nodes) if k != j)
    return total * half


def uni_pc(
    denoise: Evaluate,
    x: Tensor,
    span: Span,
    past: tuple[Past, ...],
    *,
    variant: str = "bh1",
    order: int = 3,
) -> Steps:
    """Correct x with its own evaluation, then predict the next one; both of up to third order.

    variant: "bh1" (B(h) = h) or "bh2" (B(h) = e^h - 1). order: 1..3. The step to sigma 0 gives the clean sample.
    Source: Zhao et al. 2023 (UniPC, arXiv 2302.04867) algorithms 1 and 2, data prediction; in x = x0 + sigma * noise
    the factors alpha cancel.
    Differs: ComfyUI stops at sigma 0.001 instead of 0.
    """
    if variant not in ("bh1", "bh2") or not 1 <= order <= 3:
        got = f"{variant!r}, order {order}"
        raise UserError("V143", "uni_pc", "variant bh1 or bh2, order 1 to 3", got, "Choose one of these.")
    sigma, sigma_next, remaining = span
    denoised = denoise(x, sigma)
    if past:
        used = min(order, len(past), remaining + 1)  # the order that predicted x
        x = _unify(past[:used], sigma, variant, corrected=denoised)
    now = Past(sigma, x, denoised)
    if sigma_next == 0:
        x_next = denoised
    else:
        known = (now, *past)[: min(order, remaining)]
        x_next = _unify(known, sigma_next, variant, corrected=None)
    yield Transition(x_next, 0.0, sigma, sigma_next)
    return now


def _unify(known: Sequence[Past], sigma: float, variant: str, corrected: Tensor | None) -> Tensor:
    """Return x at sigma from the newest known point; with the prediction made at sigma, its correction.

    The order is the number of known points. Source: UniPC eq. 3 (predictor), 5 (corrector), 10 (coefficients).
    """
    base = known[0]
    h = math.log(base.sigma / sigma)
    keep = sigma / base.sigma  # e^-h
    scale = -h if variant == "bh1" else keep - 1
    rates = [math.log(base.sigma / p.sigma) / h for p in known[1:]]
    slopes = [(p.denoised - base.denoised) / rate for p, rate in zip(known[1:], rates, strict=True)]
    if corrected is not None:
        rates.append(1.0)
        slopes.append(corrected - base.denoised)
    x = torch.lerp(base.denoised, base.x, keep)
    for weight, slope in zip(_weights(rates, -h, scale), slopes, strict=True):
        x = torch.add(x, slope, alpha=-scale * weight)
    return x


def _weights(rates: Sequence[float], h: float, scale: float) -> list[float]:
    """Solve sum_k rates_k^(n-1) * a_k = n! * phi_(n+1)(h) * h / scale for n = 1..len(rates)."""
    count = len(rates)
    if count == 0:
        return []
    if count == 1:
        # Any value keeps the order here; 1/2 is the paper's choice (its appendix F) and needs no phi function.
        return [0.5]
    right = []
    phi, factorial = math.expm1(h) / h - 1, 1
    for n in range(1, count + 1):
        right.append(phi * factorial / scale)
        factorial *= n + 1
        phi = phi / h - 1 / factorial
    matrix = torch.tensor([[rate**n for rate in rates] for n in range(count)], dtype=torch.float64)
    solution: list[float] = torch.linalg.solve(matrix, torch.tensor(right, dtype=torch.float64)).tolist()
    return solution
