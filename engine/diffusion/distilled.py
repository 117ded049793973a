"""Forward processes of networks that were taught to answer in other terms: LCM, and pictures made from pictures.

Variants of `Discrete` in what the network is told and shown; the noise is the same. Knows nothing of networks.
Source: Luo et al. 2023 (Latent Consistency Models, arXiv 2310.04378) section 4 and appendix C.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .predict import broadcast
from .process import Discrete

__all__ = ["Distilled", "Unscaled"]

SIGMA_DATA = 0.5
TIME_SCALE = 10.0


class Distilled(Discrete):
    """The process of a latent consistency model: of the teacher's times only every n-th is known.

    The answer is bent so that at time 0 it is the input. With the times that occur, from 19 on, that is a change of
    less than 1e-5 of the picture.
    """

    __slots__ = ("stride",)

    def __init__(self, teacher: Discrete, known: int = 50) -> None:
        """teacher: the process that the network was distilled on; known: how many of its times, the last among them."""
        self.stride = len(teacher.sigmas) // known
        places = torch.arange(known) * self.stride + self.stride - 1
        self._fill(teacher.alphas_bar[places])

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return the teacher's time, a whole one, that is nearest to sigma in log sigma."""
        table = self._table(sigma.device)
        distance = (sigma.detach().to(table.dtype).log()[..., None] - table).abs()
        time = distance.argmin(-1) * self.stride + self.stride - 1
        return time.to(torch.promote_types(sigma.dtype, torch.float32))

    def sigma(self, timestep: Tensor) -> Tensor:
        """Return sigma at one of the teacher's times (clamped to those known), interpolated in log sigma."""
        return super().sigma((timestep - (self.stride - 1)) / self.stride)

    def sigma_at(self, percent: float) -> float:
        """Return sigma when this part of a full run is done; the run counts the teacher's times."""
        if 0 < percent < 1:
            last = self.stride * len(self.sigmas) - 1
            return float(self.sigma(torch.tensor((1 - percent) * last, dtype=torch.float64)))
        return super().sigma_at(percent)

    def consistent(self, clean: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Return c_skip * x + c_out * clean; clean, x: [b c h w], sigma: [b]. Source: Luo et al. 2023 appendix C."""
        time = broadcast(self.timestep(sigma), x) * TIME_SCALE
        norm = time * time + SIGMA_DATA**2
        return x * (SIGMA_DATA**2 / norm) + clean * (time / norm.sqrt())


class Unscaled(Discrete):
    """A network that is shown the noisy latent as it is, and answers with a clean one: pictures from pictures."""

    __slots__ = ()

    def scale_input(self, x: Tensor, _sigma: Tensor | float, /) -> Tensor:
        return x

    @classmethod
    def of(cls, process: Discrete) -> Unscaled:
        """Return such a process with the table of another."""
        other = cls.__new__(cls)
        other._fill(process.alphas_bar)
        return other
