"""The forward process: how much noise there is at a time, and how noise enters a sample.

`Discrete` is the table of Stable Diffusion in variance exploding coordinates (x = x0 + sigma * noise),
`Flow` the straight line between data and noise (x = (1 - sigma) * x0 + sigma * noise).
Tables are float64 on the CPU; look-ups follow the device of their argument and never read it back.
Knows nothing of networks or samplers. Source: Karras et al. 2022 (arXiv 2206.00364), Esser et al. 2024 (2403.03206).
"""

from __future__ import annotations

import math
from typing import Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from ..errors import UserError
from .predict import broadcast

__all__ = ["Discrete", "Flow", "Process", "scaled_linear"]


@runtime_checkable
class Process(Protocol):
    """What samplers, schedules and losses need to know of a forward process."""

    @property
    def sigmas(self) -> Tensor | None:
        """The table [n], float64, ascending, on the CPU; None where there is no table."""

    @property
    def sigma_min(self) -> float:
        """The smallest sigma the network was trained on."""

    @property
    def sigma_max(self) -> float:
        """The largest sigma the network was trained on."""

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return the time that the network is told for sigma; same shape."""

    def sigma(self, timestep: Tensor) -> Tensor:
        """Return sigma at a place of the schedule's own time; same shape."""

    def sigma_at(self, percent: float) -> float:
        """Return sigma when this part (0..1) of a full sampling run is done; inf-like before 0, 0 after 1."""

    def signal(self, sigma: Tensor | float, /) -> Tensor | float:
        """Return the factor of x0 in x at sigma."""

    def add_noise(self, x0: Tensor, noise: Tensor, sigma: Tensor | float) -> Tensor:
        """Return x at sigma."""

    def start(self, latent: Tensor, noise: Tensor, sigma: float) -> Tensor:
        """Return the x that sampling starts from at sigma."""

    def finish(self, x: Tensor, sigma: float, /) -> Tensor:
        """Return what a sampler that stops at sigma hands out; the identity at sigma 0."""

    def scale_input(self, x: Tensor, sigma: Tensor | float, /) -> Tensor:
        """Return what the network is fed."""


def scaled_linear(start: float = 0.00085, end: float = 0.012, count: int = 1000) -> Tensor:
    """Return the betas [count] of Stable Diffusion, float64: linear in the square root.

    Source: Rombach et al. 2022, code release; the defaults are those of SD 1, 2 and XL.
    """
    if count < 2 or not 0 < start <= end < 1:
        raise UserError(
            "V121", "betas", "0 < start <= end < 1 and count >= 2", f"{start}, {end}, {count}", "Change the range."
        )
    return torch.linspace(math.sqrt(start), math.sqrt(end), count, dtype=torch.float64) ** 2


class Discrete:
    """A table of sigmas, one per training step; the network is told the (interpolated) index.

    Differs: some programs round the time to the nearest index; here it is interpolated in log sigma,
    as k-diffusion does, so that every sigma has its own time.
    """

    __slots__ = ("_log_sigmas", "_on_device", "sigmas")

    sigmas: Tensor

    def __init__(self, betas: Tensor) -> None:
        """betas: [n], each in (0, 1). Raises: UserError V121."""
        if betas.ndim != 1 or betas.numel() < 2 or not bool(((betas > 0) & (betas < 1)).all()):
            raise UserError("V121", "betas", "a vector of numbers between 0 and 1", str(tuple(betas.shape)), "Mend it.")
        self._fill(torch.cumprod(1 - betas.detach().cpu().to(torch.float64), dim=0))

    @classmethod
    def stable_diffusion(cls) -> Self:
        """Return the process of Stable Diffusion 1, 2 and XL."""
        return cls(scaled_linear())

    def _fill(self, alphas_bar: Tensor) -> None:
        self.sigmas = ((1 - alphas_bar) / alphas_bar).sqrt()
        self._log_sigmas = self.sigmas.log()
        self._on_device: dict[torch.device, Tensor] = {}

    @property
    def sigma_min(self) -> float:
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.sigmas[-1])

    @property
    def alphas_bar(self) -> Tensor:
        """The cumulative products [n] of 1 - beta, float64."""
        return 1 / (1 + self.sigmas**2)

    def with_zero_terminal_snr(self) -> Discrete:
        """Return the process whose last step holds (almost) no signal; for networks that predict v.

        The last cumulative product is 4.897e-8 instead of 0, so that sigma stays finite (4518.8) and float32 exact;
        the value is the one ComfyUI uses.
        Source: Lin et al. 2023 (arXiv 2305.08891) algorithm 1.
        """
        root = self.alphas_bar.sqrt()
        root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
        alphas_bar = root**2
        alphas_bar[-1] = 4.8973451890853435e-08
        other = type(self).__new__(type(self))
        other._fill(alphas_bar)
        return other

    def _table(self, device: torch.device) -> Tensor:
        if device.type == "cpu":
            return self._log_sigmas
        if device not in self._on_device:
            # Metal has no float64.
            dtype = torch.float32 if device.type == "mps" else torch.float64
            self._on_device[device] = self._log_sigmas.to(device=device, dtype=dtype)
        return self._on_device[device]

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return the time for sigma, interpolated in log sigma, clamped to 0..n-1."""
        table = self._table(sigma.device)
        log_sigma = sigma.detach().to(table.dtype).log()
        low = (torch.searchsorted(table, log_sigma.contiguous(), right=True) - 1).clamp(0, len(table) - 2)
        fraction = (log_sigma - table[low]) / (table[low + 1] - table[low])
        time = low + fraction.clamp(0, 1)
        return time.to(torch.promote_types(sigma.dtype, torch.float32))

    def sigma(self, timestep: Tensor) -> Tensor:
        """Return sigma at a time in 0..n-1 (clamped), interpolated in log sigma."""
        table = self._table(timestep.device)
        time = timestep.detach().to(table.dtype).clamp(0, len(table) - 1)
        low = time.floor().long().clamp(max=len(table) - 2)
        dtype = timestep.dtype if timestep.dtype == torch.float64 else torch.float32
        return torch.lerp(table[low], table[low + 1], time - low).exp().to(dtype)

    def sigma_at(self, percent: float) -> float:
        if percent <= 0:
            return math.inf
        if percent >= 1:
            return 0.0
        return float(self.sigma(torch.tensor((1 - percent) * (len(self.sigmas) - 1), dtype=torch.float64)))

    def signal(self, _sigma: Tensor | float, /) -> Tensor | float:
        return 1.0

    def add_noise(self, x0: Tensor, noise: Tensor, sigma: Tensor | float) -> Tensor:
        return x0 + broadcast(sigma, x0) * noise

    def start(self, latent: Tensor, noise: Tensor, sigma: float) -> Tensor:
        """Return x at sigma; at sigma_max with the variance of an exactly normalised sample, 1 + sigma^2.

        Source: at its largest sigma the variance preserving process is taken as pure noise (Ho et al. 2020,
        algorithm 2), which in these coordinates is noise * sqrt(1 + sigma^2).
        """
        full = sigma > self.sigma_max or math.isclose(sigma, self.sigma_max, rel_tol=1e-5)
        return latent + noise * (math.sqrt(1 + sigma * sigma) if full else sigma)

    def finish(self, x: Tensor, _sigma: float, /) -> Tensor:
        return x

    def scale_input(self, x: Tensor, sigma: Tensor | float, /) -> Tensor:
        s = broadcast(sigma, x)
        return x / (s * s + 1).sqrt()


class Flow:
    """Rectified flow with a shifted time: sigma = s*u / (1 + (s - 1)*u), u the schedule's time in 0..1.

    The network is told 1000 * sigma; `sigma` takes 1000 * u. The two agree only for shift 1, as in SD3.
    Source: Esser et al. 2024 section 5.3.2; shift 3.0 is SD3's, 1.0 plain rectified flow.
    """

    __slots__ = ("multiplier", "shift", "sigmas")

    def __init__(self, shift: float = 1.0, *, multiplier: float = 1000.0, count: int = 1000) -> None:
        """shift: > 0. Raises: UserError V121."""
        if not (shift > 0 and multiplier > 0 and count >= 2 and math.isfinite(shift)):
            raise UserError("V121", "flow process", "shift > 0", f"{shift}", "Raise the shift.")
        self.shift = float(shift)
        self.multiplier = float(multiplier)
        self.sigmas = self._shifted(torch.arange(1, count + 1, dtype=torch.float64) / count)

    def _shifted(self, time: Tensor) -> Tensor:
        return self.shift * time / (1 + (self.shift - 1) * time)

    @property
    def sigma_min(self) -> float:
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.sigmas[-1])

    def timestep(self, sigma: Tensor) -> Tensor:
        return sigma * self.multiplier

    def sigma(self, timestep: Tensor) -> Tensor:
        return self._shifted(timestep / self.multiplier)

    def sigma_at(self, percent: float) -> float:
        if percent <= 0:
            return math.inf
        if percent >= 1:
            return 0.0
        return float(self._shifted(torch.tensor(1.0 - percent, dtype=torch.float64)))

    def signal(self, sigma: Tensor | float, /) -> Tensor | float:
        return 1.0 - sigma

    def add_noise(self, x0: Tensor, noise: Tensor, sigma: Tensor | float) -> Tensor:
        s = broadcast(sigma, x0)
        return (1 - s) * x0 + s * noise

    def start(self, latent: Tensor, noise: Tensor, sigma: float) -> Tensor:
        return self.add_noise(latent, noise, sigma)

    def finish(self, x: Tensor, sigma: float, /) -> Tensor:
        """Return x / (1 - sigma), so that a second sampler that starts at sigma finds its x again."""
        return x / (1 - sigma) if 0 < sigma < 1 else x

    def scale_input(self, x: Tensor, _sigma: Tensor | float, /) -> Tensor:
        return x
