"""Noise schedules: pure functions from a number of steps to falling sigmas that end in an explicit 0.

All compute in float64; `sigmas_for` hands out float32, the type of a SIGMAS wire. Knows nothing of samplers
beyond the one flag of `sigmas_for`. Sources stand with each function; names and details are ComfyUI's where it has
the schedule, so that the same settings give the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from ..errors import UserError
from .beta import beta_quantile
from .process import Process

__all__ = [
    "SCHEDULES",
    "Schedule",
    "beta",
    "ddim_uniform",
    "exponential",
    "karras",
    "kl_optimal",
    "laplace",
    "linear_quadratic",
    "normal",
    "polyexponential",
    "sd_turbo",
    "sgm_uniform",
    "sigmas_for",
    "simple",
    "variance_preserving",
]

Schedule = Callable[[Process, int], Tensor]


def sigmas_for(
    process: Process, name: str, steps: int, denoise: float = 1.0, *, drop_penultimate: bool = False
) -> Tensor:
    """Return the sigmas [steps + 1], float32, of a named schedule; empty for denoise 0.

    denoise: 0..1; below 1 the schedule of int(steps / denoise) steps is cut to its last `steps`, so that sampling
    starts from a partly noised latent. drop_penultimate: for samplers that evaluate between sigmas, one step more
    is laid out and the last sigma before 0 is left out.
    Raises: UserError V130 for an unknown name, V131 for steps or denoise out of range.
    """
    schedule = SCHEDULES.get(name)
    if schedule is None:
        raise UserError("V130", "scheduler", "one of " + ", ".join(SCHEDULES), repr(name), "Choose one of these.")
    _check(steps)
    if not 0 <= denoise <= 1:
        raise UserError("V131", "denoise", "0 to 1", f"{denoise}", "Bring it into the range.")
    if denoise == 0:
        return torch.zeros(0)
    # Above 0.9999 the picture is redrawn from pure noise, whatever rounding a saved workflow carries.
    total = steps if denoise > 0.9999 else int(steps / denoise)
    sigmas = schedule(process, total + 1 if drop_penultimate else total)
    if drop_penultimate:
        sigmas = torch.cat([sigmas[:-2], sigmas[-1:]])
    return (sigmas if total == steps else sigmas[-(steps + 1) :]).to(torch.float32)


def karras(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """Return sigmas even in sigma^(1 / rho). Source: Karras et al. 2022 eq. 5."""
    _check(steps, sigma_min, sigma_max)
    if not rho > 0:
        raise UserError("V131", "rho", "> 0", f"{rho}", "7 is usual.")
    ramp = _ramp(steps)
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return _ended((high + ramp * (low - high)) ** rho)


def exponential(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Return sigmas even in log sigma."""
    return polyexponential(steps, sigma_min, sigma_max, rho=1.0)


def polyexponential(steps: int, sigma_min: float, sigma_max: float, rho: float = 1.0) -> Tensor:
    """Return sigmas whose logarithm falls as a power of the step. Source: Crowson, k-diffusion 2022."""
    _check(steps, sigma_min, sigma_max, above_zero=True)
    low, high = math.log(sigma_min), math.log(sigma_max)
    return _ended(((1 - _ramp(steps)) ** rho * (high - low) + low).exp())


def variance_preserving(steps: int, beta_d: float = 19.9, beta_min: float = 0.1, eps_s: float = 1e-3) -> Tensor:
    """Return the sigmas of the continuous variance preserving process. Source: Karras et al. 2022 table 1, VP."""
    _check(steps)
    time = 1 + _ramp(steps) * (eps_s - 1)
    sigmas = _ended(torch.expm1(beta_d * time**2 / 2 + beta_min * time).sqrt())
    if not bool(sigmas.isfinite().all()):
        raise UserError("V131", "VP schedule", "finite sigmas", f"beta_d {beta_d}, beta_min {beta_min}", "Lower them.")
    return sigmas


def laplace(steps: int, sigma_min: float, sigma_max: float, mu: float = 0.0, beta: float = 0.5) -> Tensor:
    """Return sigmas spread as a Laplace law over log sigma, ended by 0.

    Source: Hang & Gu 2024 (arXiv 2407.03297) table 1: lambda = mu - beta * sign(0.5 - t) * log(1 - 2|t - 0.5|).
    Differs: ComfyUI's LaplaceScheduler leaves the final 0 out; a node that must equal it cuts the last entry.
    """
    _check(steps, sigma_min, sigma_max)
    time = _ramp(steps)
    inside = 1 - 2 * (0.5 - time).abs() + 1e-5  # the 1e-5 keeps the logarithm finite at both ends
    log_sigma = mu - beta * torch.sign(0.5 - time) * inside.log()
    return _ended(log_sigma.exp().clamp(sigma_min, sigma_max))


def kl_optimal(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Return sigmas even in atan sigma. Source: Sabour et al. 2024 (arXiv 2404.14507) theorem 3.1."""
    _check(steps, sigma_min, sigma_max)
    ramp = _ramp(steps)
    return _ended(torch.tan(ramp * math.atan(sigma_min) + (1 - ramp) * math.atan(sigma_max)))


def linear_quadratic(steps: int, sigma_max: float, threshold: float = 0.025) -> Tensor:
    """Return sigmas that fall linearly by `threshold` in the first half, then quadratically to 0.

    Source: Polyak et al. 2024, Movie Gen (arXiv 2410.13720) section 3.4.2; the coefficients join value and slope.
    """
    _check(steps)
    half = steps // 2
    if half == 0:
        return torch.tensor([sigma_max, 0.0], dtype=torch.float64)
    rest = steps - half
    slope = threshold / half
    # On the second half progress(i) = threshold + slope * j + bend * j^2 with j = i - half and progress(steps) = 1.
    bend = (1 - threshold - slope * rest) / rest**2
    step = torch.arange(steps + 1, dtype=torch.float64)
    past = (step - half).clamp(min=0)
    progress = slope * step + bend * past**2
    progress[-1] = 1.0
    return (1 - progress) * sigma_max


def normal(process: Process, steps: int, *, open_end: bool = False) -> Tensor:
    """Return the sigmas of times spread evenly over the network's training times.

    open_end: leave the smallest time to the final 0, as `sgm_uniform` does.
    """
    _check(steps)
    first, last = process.timestep(torch.tensor([process.sigma_max, process.sigma_min], dtype=torch.float64)).tolist()
    times = (
        torch.linspace(first, last, steps + 1, dtype=torch.float64)[:-1]
        if open_end
        else first + _ramp(steps) * (last - first)
    )
    return _ended(process.sigma(times))


def sgm_uniform(process: Process, steps: int) -> Tensor:
    """Return even times without the last one. Source: Stability AI, generative-models (SDXL)."""
    return normal(process, steps, open_end=True)


def simple(process: Process, steps: int) -> Tensor:
    """Return every (n / steps)-th entry of the process's table, from the largest."""
    table = _table(process, "simple", steps)
    stride = len(table) / steps
    return _ended(table[[-(1 + int(i * stride)) for i in range(steps)]])


def ddim_uniform(process: Process, steps: int) -> Tensor:
    """Return the table's entries 1, 1 + n // steps, ...: where steps do not divide n, a few more than asked for.

    Source: Song et al. 2021 (DDIM) appendix D.3, linear selection, with the offset 1 of the Stable Diffusion release.
    """
    table = _table(process, "ddim_uniform", steps)
    return _ended(table[1 :: max(len(table) // steps, 1)].flip(0))


def beta(process: Process, steps: int, alpha: float = 0.6, beta: float = 0.6) -> Tensor:
    """Return table entries at the quantiles of a beta law; repeated entries are left out.

    Source: Lee et al. 2024 (arXiv 2407.12173) section 4.
    """
    table = _table(process, "beta", steps)
    last = len(table) - 1
    # Python rounds halves to even, as numpy's rint does.
    indices = [round(beta_quantile(1 - i / steps, alpha, beta) * last) for i in range(steps)]
    kept = [index for i, index in enumerate(indices) if i == 0 or index != indices[i - 1]]
    return _ended(table[kept])


def sd_turbo(process: Process, steps: int, denoise: float = 1.0) -> Tensor:
    """Return the sigmas of the times 999, 899, ..., 99 that SD-Turbo was distilled at.

    steps: 1..10; denoise: 0..1 leaves out the first int(10 * (1 - denoise)) of the ten (rounded up).
    Source: Sauer et al. 2023 (arXiv 2311.17042).
    """
    _check(steps)
    if not 0 <= denoise <= 1:
        raise UserError("V131", "denoise", "0 to 1", f"{denoise}", "Bring it into the range.")
    start = 10 - int(10 * denoise)
    times = (torch.arange(10, 0, -1, dtype=torch.float64) * 100 - 1)[start : start + steps]
    return _ended(process.sigma(times))


SCHEDULES: Mapping[str, Schedule] = MappingProxyType(
    {
        "simple": simple,
        "sgm_uniform": sgm_uniform,
        "karras": lambda process, steps: karras(steps, process.sigma_min, process.sigma_max),
        "exponential": lambda process, steps: exponential(steps, process.sigma_min, process.sigma_max),
        "ddim_uniform": ddim_uniform,
        "beta": beta,
        "normal": normal,
        "linear_quadratic": lambda process, steps: linear_quadratic(steps, process.sigma_max),
        "kl_optimal": lambda process, steps: kl_optimal(steps, process.sigma_min, process.sigma_max),
    }
)
"""Every schedule that needs only a process and a number of steps, in ComfyUI's list order."""


def _ramp(steps: int) -> Tensor:
    """Return [steps] from 0 to 1; [0] for one step."""
    return torch.linspace(0, 1, steps, dtype=torch.float64)


def _ended(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def _check(steps: int, sigma_min: float = 1.0, sigma_max: float = 1.0, *, above_zero: bool = False) -> None:
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise UserError("V131", "steps", "a whole number of at least 1", repr(steps), "Raise it.")
    lowest_fits = sigma_min > 0 if above_zero else sigma_min >= 0
    if not (lowest_fits and sigma_min <= sigma_max < math.inf and sigma_max > 0):
        expected = f"{'0 <' if above_zero else '0 <='} sigma_min <= sigma_max, sigma_max > 0"
        raise UserError("V131", "sigma range", expected, f"{sigma_min} to {sigma_max}", "Mend the range.")


def _table(process: Process, name: str, steps: int) -> Tensor:
    _check(steps)
    if process.sigmas is None:
        expected = "a model with a table of sigmas"
        raise UserError("V131", f'scheduler "{name}"', expected, "none", "Use karras or normal.")
    return process.sigmas
