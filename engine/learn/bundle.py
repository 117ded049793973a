"""From trained networks to a model file: latent normalisation folded in, preview factors fitted.

A Stable Diffusion file carries no statistics of its latents, only the family's factor 0.18215. A new VAE meets it by
having each latent channel shifted and scaled inside its own 1x1 convolutions, after which every program that loads the
file finds mean 0 and variance 1 behind the factor. Source of the factor: Rombach et al. 2022, section 4 of the
supplement (rescaling by the standard deviation of the first batch).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import UserError
from ..models.vae import AutoencoderKL
from .data import Pictures, to_pixels

__all__ = [
    "LatentStatistics",
    "PreviewFactors",
    "fit_preview",
    "fold_normalisation",
    "measure_latents",
    "pixel_batches",
]

SCALE = 0.18215  # Stable Diffusion 1.x and 2.x


@dataclass(frozen=True)
class LatentStatistics:
    """Mean and standard deviation of each latent channel, [c] each, over samples of the posterior's mean."""

    mean: Tensor
    std: Tensor


@dataclass(frozen=True)
class PreviewFactors:
    """Linear picture of a latent: rgb = factors^T @ latent + bias. factors: [c 3]; bias: [3]; rgb in -1..1."""

    factors: Tensor
    bias: Tensor
    residual: float
    """Root mean square error of the fit, in units of -1..1."""


@torch.no_grad()
def measure_latents(vae: AutoencoderKL, batches: Iterable[Tensor]) -> LatentStatistics:
    """Measure raw latents over batches of pixels [b 3 h w] in -1..1."""
    like = next(vae.parameters())
    means = [vae.encode(pixels.to(like))[0].cpu().double() for pixels in batches]
    if not means:
        raise UserError("D020", "latent statistics", "at least one batch", "none", "Give some pictures.")
    flat = torch.cat([mean.transpose(0, 1).flatten(1) for mean in means], dim=1)  # c n
    return LatentStatistics(flat.mean(1).float(), flat.std(1).float())


@torch.no_grad()
def fold_normalisation(vae: AutoencoderKL, found: LatentStatistics, scale: float = SCALE) -> None:
    """Change the two 1x1 convolutions so that `scale` times a latent has mean 0 and variance 1; pictures stay the same.

    Raises: UserError D021 when the VAE has no such convolutions or a channel never varies.
    """
    if not vae.config.quant_conv:
        raise UserError("D021", "VAE", "quant_conv and post_quant_conv", "neither", "Build it with quant_conv=True.")
    if not bool((found.std > 0).all()):
        raise UserError("D021", "VAE", "latent channels that vary", f"std {found.std.tolist()}", "Train it longer.")
    channels = vae.config.latent_channels
    before, after = vae.quant_conv, vae.post_quant_conv
    mean, std = found.mean.to(before.weight), found.std.to(before.weight)
    gain = 1 / (scale * std)
    assert before.bias is not None and after.bias is not None
    before.weight[:channels] *= gain[:, None, None, None]
    before.bias[:channels] = (before.bias[:channels] - mean) * gain
    before.bias[channels:] += 2 * gain.log()  # the posterior's width scales along
    after.bias += (after.weight[:, :, 0, 0] * mean).sum(1)
    after.weight /= gain[None, :, None, None]


@torch.no_grad()
def fit_preview(vae: AutoencoderKL, batches: Iterable[Tensor], scale: float = SCALE) -> PreviewFactors:
    """Fit scaled latents to the pictures they stand for, averaged over each latent's patch, by least squares."""
    like = next(vae.parameters())
    inputs: list[Tensor] = []
    wanted: list[Tensor] = []
    for pixels in batches:
        latent = vae.encode(pixels.to(like))[0].float().cpu() * scale
        inputs.append(latent.permute(0, 2, 3, 1).flatten(0, 2))
        small = torch.nn.functional.adaptive_avg_pool2d(pixels, (latent.shape[-2], latent.shape[-1]))
        wanted.append(small.permute(0, 2, 3, 1).flatten(0, 2))
    a = torch.cat(inputs).double()
    a = torch.cat([a, torch.ones(len(a), 1, dtype=a.dtype)], dim=1)
    b = torch.cat(wanted).double()
    solution = torch.linalg.lstsq(a, b).solution
    residual = float((a @ solution - b).square().mean().sqrt())
    return PreviewFactors(solution[:-1].float(), solution[-1].float(), residual)


def pixel_batches(pictures: Pictures, count: int, size: int = 64, start: int = 0) -> list[Tensor]:
    """Return `count` batches of `size` pictures as pixels."""
    return [to_pixels(pictures.batch(start + index, size)[0]) for index in range(count)]
