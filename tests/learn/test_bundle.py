"""Latent normalisation folded into the VAE, and preview factors."""

from __future__ import annotations

import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.learn.bundle import (
    SCALE,
    LatentStatistics,
    fit_preview,
    fold_normalisation,
    measure_latents,
    pixel_batches,
)
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig
from latentloom.engine.shapes.dataset import ShapeScenes


def small_vae(**changes: bool) -> AutoencoderKL:
    torch.manual_seed(4)
    config = VAEConfig(channels=32, channel_mult=(1, 1, 1, 1), res_blocks=1, attention=False, **changes)
    return AutoencoderKL(config).requires_grad_(False)


def batches(count: int = 2) -> list[torch.Tensor]:
    return pixel_batches(ShapeScenes(64, 0, "train"), count, 8)


def test_folding_normalises_the_scaled_latent_and_leaves_pictures_alone() -> None:
    vae, pixels = small_vae(), batches()
    picture = vae.decode(vae.encode(pixels[0])[0])
    relative = vae.encode(pixels[0])[1]
    found = measure_latents(vae, pixels)
    fold_normalisation(vae, found)
    after = measure_latents(vae, pixels)
    torch.testing.assert_close(after.mean * SCALE, torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(after.std * SCALE, torch.ones(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(vae.decode(vae.encode(pixels[0])[0]), picture, atol=1e-4, rtol=0)
    # The posterior's width keeps its relation to the latent's own spread.
    wider = vae.encode(pixels[0])[1] - relative
    expected = -2 * (SCALE * found.std).log()
    torch.testing.assert_close(wider.mean((0, 2, 3)), expected, atol=1e-4, rtol=0)


def test_folding_needs_the_convolutions_and_channels_that_vary() -> None:
    with pytest.raises(UserError, match="quant_conv"):
        fold_normalisation(small_vae(quant_conv=False), LatentStatistics(torch.zeros(4), torch.ones(4)))
    with pytest.raises(UserError, match="vary"):
        fold_normalisation(small_vae(), LatentStatistics(torch.zeros(4), torch.zeros(4)))


def test_no_pictures_give_no_statistics() -> None:
    with pytest.raises(UserError, match="at least one batch"):
        measure_latents(small_vae(), [])


def test_preview_fit_is_the_least_squares_one() -> None:
    vae, pixels = small_vae(), batches(1)
    fit = fit_preview(vae, pixels)
    latent = vae.encode(pixels[0])[0] * SCALE
    wanted = torch.nn.functional.adaptive_avg_pool2d(pixels[0], 8)

    def error(factors: torch.Tensor, bias: torch.Tensor) -> float:
        drawn = torch.einsum("bchw,cr->brhw", latent, factors) + bias[:, None, None]
        return float((drawn - wanted).square().mean().sqrt())

    best = error(fit.factors, fit.bias)
    assert best == pytest.approx(fit.residual, rel=1e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        nudge = 0.05 * torch.randn(fit.factors.shape, generator=generator)
        assert error(fit.factors + nudge, fit.bias) > best
    assert error(fit.factors, fit.bias + 0.05) > best
