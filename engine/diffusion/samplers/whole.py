"""DPM-Solver over a whole range of sigmas, whose steps it places itself: as many evaluations as asked, or as few as do.

t = -log(sigma) throughout. Both stop at the schedule's smallest sigma above 0, as published.
Source: Lu et al. 2022 (DPM-Solver, arXiv 2206.00927) algorithms 1 and 2, its orders for a given number of evaluations
and its adaptive steps; their controller with three terms is k-diffusion's (Crowson 2022).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import UserError
from ..sample import Evaluate, Past, Span, Steps, Transition

__all__ = ["dpm_adaptive", "dpm_fast"]

NEAR = 1e-5  # in log sigma; so close to its end a range is done


def dpm_fast(denoise: Evaluate, x: Tensor, span: Span, _past: tuple[Past, ...]) -> Steps:
    """Cross the range with `span.remaining` evaluations, three a step, by methods of third order and a shorter end."""
    if span.sigma_next == 0:
        return (yield from to_zero(denoise, x, span.sigma))
    asked = span.remaining
    rest = asked % 3
    orders = [3] * (asked // 3) + [rest] if rest else [3] * (asked // 3 - 1) + [2, 1]
    start, end = -math.log(span.sigma), -math.log(span.sigma_next)
    places = [start + (end - start) * i / len(orders) for i in range(len(orders) + 1)]
    known = Past(span.sigma, x, x)
    for t, t_next, order in zip(places, places[1:], orders, strict=False):
        solver = Solver(denoise, x, t)
        known = Past(math.exp(-t), x, solver.denoised)
        x = yield Transition(solver.to(t_next, order), 0.0, math.exp(-t), math.exp(-t_next), solver.denoised)
    return known


def dpm_adaptive(
    denoise: Evaluate,
    x: Tensor,
    span: Span,
    _past: tuple[Past, ...],
    *,
    order: int = 3,
    rtol: float = 0.05,
    atol: float = 0.0078,
    h_init: float = 0.05,
    pcoeff: float = 0.0,
    icoeff: float = 1.0,
    dcoeff: float = 0.0,
    accept_safety: float = 0.81,
) -> Steps:
    """Cross the range in steps as long as two methods of neighbouring orders agree; the count asked for means nothing.

    order: 2 or 3, of the better one. rtol, atol: what they may differ by, relative and absolute, above 0 together.
    h_init: first step in log sigma, above 0. pcoeff, icoeff, dcoeff: of the controller of steps; accept_safety: how far
    it may want to shorten a step that is still kept. Raises: UserError V143 for other numbers.
    NOTE: one step for the whole batch, and each waits for the device, as the error decides what comes next.
    """
    if order not in (2, 3) or not (h_init > 0 and rtol >= 0 and atol >= 0 and rtol + atol > 0):
        got = f"order {order}, h_init {h_init}, rtol {rtol}, atol {atol}"
        raise UserError("V143", "dpm_adaptive", "order 2 or 3, h_init and a tolerance above 0", got, "3, 0.05, 0.05.")
    if span.sigma_next == 0:
        return (yield from to_zero(denoise, x, span.sigma))
    t, end = -math.log(span.sigma), -math.log(span.sigma_next)
    forward = math.copysign(1.0, end - t)
    control = Controller.of(forward * h_init, pcoeff, icoeff, dcoeff, order, accept_safety)
    known, before, solver = Past(span.sigma, x, x), x, None
    while forward * (end - t) > NEAR:
        t_next = forward * min(forward * end, forward * (t + control.h))
        solver = solver or Solver(denoise, x, t)
        # The first inner point of the better method serves the other one too.
        low = solver.to(t_next, order - 1, inner=1 / 3 if order == 3 else 1 / 2)
        high = solver.to(t_next, order)
        allowed = (rtol * torch.maximum(low.abs(), before.abs())).clamp_min(atol)
        if control.accepts(float(((low - high) / allowed).square().mean().sqrt())):
            known, before = Past(math.exp(-t), x, solver.denoised), low
            x = yield Transition(high, 0.0, math.exp(-t), math.exp(-t_next), solver.denoised)
            t, solver = t_next, None
    return known


def to_zero(denoise: Evaluate, x: Tensor, sigma: float) -> Steps:
    """Step from sigma to 0 at once, where log sigma has no end: the clean sample."""
    denoised = denoise(x, sigma)
    yield Transition(denoised, 0.0, sigma, 0.0, denoised)
    return Past(sigma, x, denoised)


class Solver:
    """Single steps of DPM-Solver from one place, sharing its evaluations. eps = (x - denoised) / sigma."""

    def __init__(self, denoise: Evaluate, x: Tensor, t: float) -> None:
        self._denoise, self._x, self._t = denoise, x, t
        self.denoised = denoise(x, math.exp(-t))
        self._eps = (x - self.denoised) / math.exp(-t)
        self._inner: dict[float, Tensor] = {}

    def to(self, t_next: float, order: int, inner: float | None = None) -> Tensor:
        """Return x at t_next by the method of that order, 1 to 3. inner: of order 2, where its inner point lies."""
        h = t_next - self._t
        sigma = math.exp(-t_next)
        x = torch.sub(self._x, self._eps, alpha=sigma * math.expm1(h))
        if order == 1:
            return x
        if order == 2:
            r = inner or 1 / 2
            return torch.sub(x, self._first(h, r) - self._eps, alpha=sigma * math.expm1(h) / (2 * r))
        slope = self._second(h) - self._eps
        return torch.sub(x, slope, alpha=sigma / (2 / 3) * (math.expm1(h) / h - 1))

    def _first(self, h: float, r: float) -> Tensor:
        """Return eps at the share r of the step, x taken there by order 1."""
        place = self._t + r * h
        if place not in self._inner:
            sigma = math.exp(-place)
            self._inner[place] = self._eps_at(torch.sub(self._x, self._eps, alpha=sigma * math.expm1(r * h)), place)
        return self._inner[place]

    def _second(self, h: float) -> Tensor:
        """Return eps at two thirds of the step, x taken there with the slope of the first third."""
        r1, r2 = 1 / 3, 2 / 3
        first = self._first(h, r1)
        place = self._t + r2 * h
        sigma = math.exp(-place)
        x = torch.sub(self._x, self._eps, alpha=sigma * math.expm1(r2 * h))
        bend = sigma * (r2 / r1) * (math.expm1(r2 * h) / (r2 * h) - 1)
        return self._eps_at(torch.sub(x, first - self._eps, alpha=bend), place)

    def _eps_at(self, x: Tensor, place: float) -> Tensor:
        sigma = math.exp(-place)
        return (x - self._denoise(x, sigma)) / sigma


@dataclass
class Controller:
    """Chooses the next step from the errors of the last three: a PID controller of the logarithm of the step."""

    h: float
    powers: tuple[float, float, float]
    safety: float
    inverses: list[float]

    @classmethod
    def of(cls, h: float, p: float, i: float, d: float, order: int, safety: float) -> Controller:
        """Make one from the coefficients of its proportional, integral and differential parts."""
        return cls(h, ((p + i + d) / order, -(p + 2 * d) / order, d / order), safety, [])

    def accepts(self, error: float) -> bool:
        """Tell whether a step with that error, 1 being what is allowed, is kept; sets the next one's length."""
        inverse = 1 / (error + 1e-8)
        self.inverses = [inverse, *self.inverses[1:]] if self.inverses else [inverse] * 3
        wanted = math.prod(value**power for value, power in zip(self.inverses, self.powers, strict=True))
        factor = 1 + math.atan(wanted - 1)  # never more than 2.6 times as long
        kept = factor >= self.safety
        if kept:
            self.inverses = [self.inverses[0], self.inverses[0], self.inverses[1]]
        self.h *= factor
        return kept
