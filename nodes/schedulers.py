"""Schedules: how noise is spread over the steps, as a value, and nodes that cut it."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch

from ..engine.diffusion import schedule
from ..engine.node.declare import node
from ..engine.node.widget import Float, Int
from ..engine.values import Model, Sigmas
from .sampling import SchedulerName, Steps

Sigma = Annotated[float, Float(0.0, 5000.0, step=0.01)]
Unit = Annotated[float, Float(0.0, 1.0, step=0.01)]
Rho = Annotated[float, Float(0.0, 100.0, step=0.01)]
CATEGORY = "sampling/custom_sampling/schedulers"
SIGMA_MAX, SIGMA_MIN = 14.614642, 0.0291675  # of Stable Diffusion's noise table

LEAST = 1e-4  # what a flipped schedule starts from instead of 0, where no step can begin


@node("BasicScheduler", title="BasicScheduler", category=CATEGORY, lane="cpu")
def basic_scheduler(
    *, model: Model, scheduler: SchedulerName = "simple", steps: Steps = 20, denoise: Unit = 1.0
) -> Sigmas:
    """Lay out a schedule by its name, over the noise levels of a model.

    denoise: less than 1 takes the last steps of a longer schedule.
    """
    return schedule.sigmas_for(model.process, scheduler, steps, denoise)


@node("KarrasScheduler", title="KarrasScheduler", category=CATEGORY, lane="cpu")
def karras_scheduler(
    *, steps: Steps = 20, sigma_max: Sigma = SIGMA_MAX, sigma_min: Sigma = SIGMA_MIN, rho: Rho = 7.0
) -> Sigmas:
    """Karras' schedule: many small steps where there is little noise.

    rho: how strongly it favours low noise.
    """
    return schedule.karras(steps, sigma_min, sigma_max, rho).float()


@node("ExponentialScheduler", title="ExponentialScheduler", category=CATEGORY, lane="cpu")
def exponential_scheduler(*, steps: Steps = 20, sigma_max: Sigma = SIGMA_MAX, sigma_min: Sigma = SIGMA_MIN) -> Sigmas:
    """Divide the noise by the same factor at every step."""
    return schedule.exponential(steps, sigma_min, sigma_max).float()


@node("PolyexponentialScheduler", title="PolyexponentialScheduler", category=CATEGORY, lane="cpu")
def polyexponential_scheduler(
    *, steps: Steps = 20, sigma_max: Sigma = SIGMA_MAX, sigma_min: Sigma = SIGMA_MIN, rho: Rho = 1.0
) -> Sigmas:
    """Let the logarithm of the noise fall as a power of the step.

    rho: the power; 1 is the exponential schedule.
    """
    return schedule.polyexponential(steps, sigma_min, sigma_max, rho).float()


@node("VPScheduler", title="VPScheduler", category=CATEGORY, lane="cpu")
def vp_scheduler(
    *,
    steps: Steps = 20,
    beta_d: Sigma = 19.9,
    beta_min: Sigma = 0.1,
    eps_s: Annotated[float, Float(0.0, 1.0, step=0.0001)] = 0.001,
) -> Sigmas:
    """Follow the continuous variance-preserving process.

    beta_d: how fast the noise grows with time.
    beta_min: how fast at time 0.
    eps_s: the last time before 0.
    """
    return schedule.variance_preserving(steps, beta_d, beta_min, eps_s).float()


@node("BetaSamplingScheduler", title="BetaSamplingScheduler", category=CATEGORY, lane="cpu")
def beta_sampling_scheduler(
    *,
    model: Model,
    steps: Steps = 20,
    alpha: Annotated[float, Float(0.0, 50.0, step=0.01)] = 0.6,
    beta: Annotated[float, Float(0.0, 50.0, step=0.01)] = 0.6,
) -> Sigmas:
    """Spread the steps over a model's noise levels as a beta distribution; below 1 both ends get more.

    alpha: its first parameter.
    beta: its second parameter.
    """
    return schedule.beta(model.process, steps, alpha, beta).float()


@node("SDTurboScheduler", title="SDTurboScheduler", category=CATEGORY, lane="cpu")
def sd_turbo_scheduler(
    *,
    model: Model,
    steps: Annotated[int, Int(1, 10)] = 1,
    denoise: Annotated[float, Float(0, 1.0, step=0.01)] = 1.0,
) -> Sigmas:
    """The few noise levels that turbo models were made for.

    denoise: less than 1 leaves out the noisiest.
    """
    return schedule.sd_turbo(model.process, steps, denoise).float()


@node("LaplaceScheduler", title="LaplaceScheduler", category=CATEGORY, lane="cpu")
def laplace_scheduler(
    *,
    steps: Steps = 20,
    sigma_max: Sigma = SIGMA_MAX,
    sigma_min: Sigma = SIGMA_MIN,
    mu: Annotated[float, Float(-10.0, 10.0, step=0.1)] = 0.0,
    beta: Annotated[float, Float(0.0, 10.0, step=0.1)] = 0.5,
) -> Sigmas:
    """Spread the steps as a Laplace distribution over the logarithm of the noise. It ends at sigma_min, not
    at 0.

    mu: where most steps lie.
    beta: how widely they are spread.
    """
    sigmas = schedule.laplace(steps, sigma_min, sigma_max, mu, beta)
    return sigmas[:-1].float()  # as in ComfyUI, without a final 0


class Parts(NamedTuple):
    """A schedule in two; the level they meet at is in both."""

    high_sigmas: Sigmas
    low_sigmas: Sigmas


@node("SplitSigmas", title="SplitSigmas", category="sampling/custom_sampling/sigmas", lane="cpu")
def split_sigmas(*, sigmas: Sigmas, step: Annotated[int, Int(0, 10000)] = 0) -> Parts:
    """Cut a schedule in two, for two samplers.

    step: after how many steps.
    """
    return Parts(sigmas[: step + 1].clone(), sigmas[step:].clone())


@node("SplitSigmasDenoise", title="SplitSigmasDenoise", category="sampling/custom_sampling/sigmas", lane="cpu")
def split_sigmas_denoise(*, sigmas: Sigmas, denoise: Unit = 1.0) -> Parts:
    """Cut a schedule in two, so that the second part is a given share of it.

    denoise: the share of the low part.
    """
    steps = max(sigmas.shape[0] - 1, 0)
    cut = steps - round(steps * denoise)
    return Parts(sigmas[: cut + 1].clone(), sigmas[cut:].clone())


@node("FlipSigmas", title="FlipSigmas", category="sampling/custom_sampling/sigmas", lane="cpu")
def flip_sigmas(*, sigmas: Sigmas) -> Sigmas:
    """Turn a schedule round, to add noise step by step instead of removing it."""
    flipped = sigmas.flip(0)
    if flipped.numel():
        flipped[0] = torch.where(flipped[0] == 0, LEAST, flipped[0])
    return flipped
