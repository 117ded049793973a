"""The sampling loop: every step of every sampler is one or more Gaussians whose draw the loop makes.

A step is a generator. It yields `Transition(mean, std)` and is sent back the sample; the last one's sample is the
next x, those before it lie between two sigmas. Drawing, replaying a stored path and its likelihood are one loop
(`walk`) with another choice of sample. What a multistep method remembers is a value that the loop threads through.
Knows nothing of networks, text or latents. Coefficients are Python floats, so the loop never waits for a device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from ..errors import UserError

__all__ = [
    "Denoiser",
    "Evaluate",
    "NoiseSource",
    "Past",
    "Sampler",
    "Span",
    "Step",
    "StepFunction",
    "Steps",
    "Transition",
    "path_log_prob",
    "sample",
    "walk",
]

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""(x [b ...], sigma: zero-dimensional float64 tensor on the CPU) -> denoised [b ...]. Reading sigma costs no wait."""

NoiseSource = Callable[[Tensor, float, float], Tensor]
"""(like [b ...], sigma, sigma_next) -> standard normal noise with like's shape, dtype and device."""


class Transition(NamedTuple):
    """x_next ~ N(mean, std^2); std 0 is a deterministic step. `start`, `end`: the sigmas the noise spans.

    denoised: the clean sample predicted at start, given where a sampler places its own steps.
    """

    mean: Tensor
    std: float
    start: float
    end: float
    denoised: Tensor | None = None

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log N(x; mean, std^2) in nats, summed over each item: [b]. Raises: UserError V141 where std is 0."""
        if not self.std > 0:
            raise UserError("V141", "log-probability", "a step with noise", "std 0", "Use a stochastic sampler.")
        squares = ((x - self.mean) / self.std).flatten(1).square().sum(1)
        size = self.mean[0].numel()
        return -0.5 * squares - size * (math.log(self.std) + 0.5 * math.log(2 * math.pi))


class Past(NamedTuple):
    """What a step knew: x at sigma and the clean sample predicted there. Newest first in a history."""

    sigma: float
    x: Tensor
    denoised: Tensor


class Span(NamedTuple):
    """The stretch one step covers. `remaining`: steps to go, this one included; of a whole range, steps asked for."""

    sigma: float
    sigma_next: float
    remaining: int


Evaluate = Callable[[Tensor, float], Tensor]
"""The denoiser as a step sees it, with sigma as a plain number."""

Steps = Generator[Transition, Tensor, Past]
StepFunction = Callable[..., Steps]
"""(denoise: Evaluate, x, span, past: tuple[Past, ...], *, options) yields transitions and returns what it knew."""


@dataclass(frozen=True, slots=True)
class Step:
    """What `on_step` is told after each step: x is what the step started from, denoised what it predicted there."""

    index: int
    total: int
    sigma: float
    x: Tensor
    denoised: Tensor


@dataclass(frozen=True)
class Sampler:
    """A named step function with its options.

    memory: how many earlier steps it reads. noise: what drives it; "white" is independent from draw to draw,
    "brownian" a path that does not depend on the number of steps. drop_penultimate: see `schedule.sigmas_for`.
    whole: it places its own steps between the first sigma and the last above 0; each is a transition with `denoised`.
    """

    name: str
    step: StepFunction
    memory: int = 0
    noise: Literal["none", "white", "brownian"] = "none"
    drop_penultimate: bool = False
    whole: bool = False
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def with_(self, **options: Any) -> Sampler:
        """Return the sampler with these options of its step function set. Raises: UserError V142."""
        known = getattr(self.step, "__kwdefaults__", None) or {}
        unknown = [name for name in options if name not in known]
        if unknown:
            expected = "options of " + (", ".join(known) or "none")
            raise UserError("V142", f'sampler "{self.name}"', expected, ", ".join(unknown), "Remove the unknown ones.")
        return replace(self, options=MappingProxyType({**self.options, **options}))

    def __reduce__(self) -> tuple[Any, ...]:
        """Mapping proxies cannot be pickled; a plain dict stands in."""
        return (
            _sampler,
            (self.name, self.step, self.memory, self.noise, self.drop_penultimate, self.whole, dict(self.options)),
        )


def _sampler(
    name: str,
    step: StepFunction,
    memory: int,
    noise: Any,
    drop_penultimate: bool,
    whole: bool,
    options: dict[str, Any],
) -> Sampler:
    return Sampler(name, step, memory, noise, drop_penultimate, whole, MappingProxyType(options))


def sample(
    sampler: Sampler,
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor | Sequence[float],
    *,
    noise: NoiseSource | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Tensor:
    """Return x carried along sigmas. x: [b ...] noised to sigmas[0]; computed in float32, or float64 if x is that.

    on_step: called once a step; what it raises ends the sampling, which is how a run is cancelled. Of a sampler that
    places its own steps, their indices say how much of the range is crossed, in log sigma.
    Raises: UserError V140 for sigmas it cannot follow, V141 for a stochastic sampler without noise.
    """
    if sampler.noise != "none" and noise is None:
        raise UserError("V141", f'sampler "{sampler.name}"', "a source of noise", "none", "Give one.")

    def draw(transition: Transition) -> Tensor:
        if transition.std == 0 or noise is None:
            return transition.mean
        drawn = noise(transition.mean, transition.start, transition.end)
        return torch.add(transition.mean, drawn, alpha=transition.std)

    return walk(sampler, denoise, x, sigmas, draw, on_step=on_step)


def walk(
    sampler: Sampler,
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor | Sequence[float],
    choose: Callable[[Transition], Tensor],
    *,
    on_step: Callable[[Step], None] | None = None,
) -> Tensor:
    """Carry x along sigmas, asking `choose` for the sample of every transition; return the last one."""
    levels = _checked(sampler, sigmas)
    total = len(levels) - 1
    if x.dtype != torch.float64:
        x = x.float()  # differences of nearly equal numbers are summed over many steps
    past: tuple[Past, ...] = ()
    options = sampler.options

    def evaluate(noisy: Tensor, sigma: float) -> Tensor:
        return denoise(noisy, torch.tensor(sigma, dtype=torch.float64))

    if sampler.whole:
        asked = sum(a != b for a, b in pairwise(levels))
        spans = [Span(levels[0], levels[-1] or (levels[-2] if asked > 1 else 0.0), asked)]
    else:
        spans = [Span(*pair, total - index) for index, pair in enumerate(pairwise(levels))]
    for index, span in enumerate(spans):
        if span.sigma == span.sigma_next:
            continue  # a table read more finely than it is: nothing happens in between
        steps = sampler.step(evaluate, x, span, past, **options)
        begun, chosen = x, None
        while True:
            try:
                transition = next(steps) if chosen is None else steps.send(chosen)
            except StopIteration as finished:
                known: Past = finished.value
                break
            chosen = x = choose(transition)
            if transition.denoised is not None and on_step is not None:
                at = _crossed(span, transition.end, total)
                on_step(Step(at, total, transition.start, begun, transition.denoised))
                begun = x
        past = (known, *past)[: sampler.memory]
        if on_step is not None and not sampler.whole:
            on_step(Step(index, total, span.sigma, begun, known.denoised))
    return x


def _crossed(span: Span, sigma: float, total: int) -> int:
    """Return the index of the step, were all equal in log sigma, that ends nearest to where a range is crossed."""
    if sigma in (0, span.sigma_next):
        return total - 1
    share = math.log(span.sigma / sigma) / math.log(span.sigma / span.sigma_next)
    return min(max(round(share * total) - 1, 0), total - 1)


def path_log_prob(
    sampler: Sampler, denoise: Denoiser, x: Tensor, sigmas: Tensor | Sequence[float], path: Sequence[Tensor]
) -> Tensor:
    """Return the log-probability [b], in nats, of a stored path that started from x.

    path: the sample of every transition in order, points between two sigmas included. Steps without noise add
    nothing: given what came before they are certain. Exact for independent ("white") draws.
    Raises: UserError V141 when the path's length does not fit.
    """
    total = torch.zeros(len(x), dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)
    stored = iter(path)
    fault = UserError("V141", "path", "one sample a transition", f"{len(path)} samples", "Store every transition.")

    def replay(transition: Transition) -> Tensor:
        nonlocal total
        chosen = next(stored, None)
        if chosen is None:
            raise fault
        if transition.std > 0:
            total = total + transition.log_prob(chosen)
        return chosen

    walk(sampler, denoise, x, sigmas, replay)
    if next(stored, None) is not None:
        raise fault
    return total


def _checked(sampler: Sampler, sigmas: Tensor | Sequence[float]) -> list[float]:
    """Return sigmas as floats; the one place where a device is waited for, before the loop."""
    levels: list[float] = (
        sigmas.detach().double().cpu().tolist() if isinstance(sigmas, Tensor) else [float(s) for s in sigmas]
    )
    flat = not isinstance(sigmas, Tensor) or sigmas.ndim == 1
    if not flat or not all(isinstance(s, float) and 0 <= s < math.inf for s in levels):
        raise UserError("V140", "sigmas", "a row of finite numbers >= 0", f"{levels!r:.80}", "Mend the schedule.")
    if any(s == 0 for s in levels[:-1]):
        raise UserError("V140", "sigmas", "0 only at the end", f"{levels!r:.80}", "Cut the schedule at its first 0.")
    if sampler.noise != "none" and any(a < b for a, b in pairwise(levels)):
        fix = "Use a deterministic sampler, such as euler, to go up."
        raise UserError("V140", f'sampler "{sampler.name}"', "falling sigmas", f"{levels!r:.80}", fix)
    return levels
