"""Training losses: diffusion and flow targets with their weights, and the losses of an autoencoder.

Randomness is an argument (a CPU generator), so that a resumed training repeats its draws.
Knows nothing of text, captions, optimizers or files: dropping captions is the trainer's task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..errors import UserError
from .predict import PREDICTIONS, target
from .process import Process

__all__ = ["DiffusionLoss", "gaussian_sample", "kl_to_standard_normal", "reconstruction_error", "snr_weight"]


def snr_weight(process: Process, prediction: str, sigma: Tensor, gamma: float) -> Tensor:
    """Return the min-SNR weight [b] of a squared error in the network's own output.

    The error of x0 is weighted by min(SNR, gamma); the error of another output is first brought to x0.
    NOTE: with zero terminal SNR the last step gets weight 0 and is never learnt: use no weighting there.
    Source: Hang et al. 2023 (arXiv 2303.09556) section 3.4: min(SNR, gamma) / SNR for eps, / (SNR + 1) for v.
    """
    s = sigma.to(torch.promote_types(sigma.dtype, torch.float32))
    snr = (process.signal(s) / s) ** 2
    clipped = snr.clamp(max=gamma)
    if prediction == "eps":
        return clipped / snr
    if prediction == "v":
        return clipped / (snr + 1)
    if prediction == "flow":  # error of x0 = sigma * error of the velocity
        return clipped * s * s
    return clipped


@dataclass(frozen=True, slots=True)
class DiffusionLoss:
    """Denoising loss in the network's own output: which target, which times, which weights.

    prediction: "eps", "v", "x0", or "flow" (the process must then be a flow).
    timesteps: "uniform" over the training times, or "logit_normal" (Esser et al. 2024 eq. 19), which prefers
    the middle; `location` and `spread` are its parameters.
    gamma: min-SNR clip, 5 in the paper; None for equal weights.
    """

    process: Process
    prediction: str = "eps"
    timesteps: Literal["uniform", "logit_normal"] = "uniform"
    gamma: float | None = None
    location: float = 0.0
    spread: float = 1.0

    def __post_init__(self) -> None:
        good = (
            self.prediction in PREDICTIONS
            and self.timesteps in ("uniform", "logit_normal")
            and (self.gamma is None or self.gamma > 0)
            and self.spread > 0
        )
        if not good:
            raise UserError(
                "D111",
                "diffusion loss",
                f"prediction of {', '.join(PREDICTIONS)}; timesteps uniform or logit_normal; gamma > 0; spread > 0",
                f"{self.prediction!r}, {self.timesteps!r}, gamma {self.gamma}, spread {self.spread}",
                "Change the named option.",
            )

    def draw_sigma(self, count: int, generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
        """Return sigma [count], float32, drawn on the CPU from the generator and moved to the device."""
        if self.timesteps == "uniform":
            time = torch.rand(count, generator=generator, dtype=torch.float64)
        else:
            normal = torch.randn(count, generator=generator, dtype=torch.float64)
            time = torch.sigmoid(self.location + self.spread * normal)
        table = self.process.sigmas
        if table is None or self.prediction == "flow":
            # A flow's time is continuous; sigma() takes 1000 * u. u = 0 would be a sample without noise.
            sigma = self.process.sigma(time.clamp(1e-5, 1.0) * 1000.0)
        else:
            sigma = table[(time * len(table)).long().clamp(max=len(table) - 1)]
        return sigma.to(device=device, dtype=torch.float32)

    def __call__(
        self, network: Callable[[Tensor, Tensor], Tensor], x0: Tensor, *, noise: Tensor, sigma: Tensor
    ) -> Tensor:
        """Return the weighted squared error of each item, [b], float32; the caller takes the mean.

        network: (scaled input [b c h w], timestep [b]) -> its raw output [b c h w]. x0: scaled latent. sigma: [b].
        """
        x = self.process.add_noise(x0, noise, sigma)
        output = network(self.process.scale_input(x, sigma), self.process.timestep(sigma))
        # Squares of half precision overflow at 65504 and lose the small errors: always float32.
        error = output.float() - target(self.prediction, x0, noise, sigma).float()
        loss = error.square().flatten(1).mean(1)
        if self.gamma is not None:
            loss = loss * snr_weight(self.process, self.prediction, sigma, self.gamma)
        return loss


def gaussian_sample(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """Return mean + exp(logvar / 2) * noise (Kingma & Welling 2014 eq. 10)."""
    return mean + (0.5 * logvar).exp() * noise


def kl_to_standard_normal(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return the divergence of N(mean, exp(logvar)) from N(0, 1) in nats, summed over each item: [b].

    Source: Kingma & Welling 2014 appendix B.
    """
    mean, logvar = mean.float(), logvar.float()
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).flatten(1).sum(1)


def reconstruction_error(output: Tensor, pixels: Tensor, kind: Literal["l1", "l2"] = "l1") -> Tensor:
    """Return the mean absolute or squared error of each item: [b], float32."""
    difference = output.float() - pixels.float()
    if kind not in ("l1", "l2"):
        raise UserError("D111", "reconstruction error", "l1 or l2", repr(kind), "Choose one of the two.")
    return (difference.abs() if kind == "l1" else difference.square()).flatten(1).mean(1)
