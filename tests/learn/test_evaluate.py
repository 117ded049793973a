"""Drawing and judging held-out captions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from latentloom.engine.diffusion.noise import initial_noise
from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.errors import UserError
from latentloom.engine.learn.evaluate import SampleSettings, draw, examine, sheet
from latentloom.engine.models.autoencoder import Autoencoder
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig
from latentloom.engine.shapes.dataset import ShapeScenes
from latentloom.engine.shapes.draw import render

CLIP = TextEncoder(CLIPText(CLIPTextConfig(width=16, layers=1, heads=1, mlp=16)).requires_grad_(False))
SETTINGS = SampleSettings(sampler="euler", scheduler="normal", steps=3, side=16, batch=2)


class Fixed(nn.Module):
    """Predicts that the clean latent is always the same, plus what the text says in its first number."""

    def __init__(self, target: Tensor) -> None:
        super().__init__()
        self.target = nn.Parameter(target, requires_grad=False)
        self.calls = 0

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        self.calls += 1
        return self.target.expand(len(x), -1, -1, -1) + context[:, :1, :1, None]


def vae() -> Autoencoder:
    torch.manual_seed(0)
    config = VAEConfig(channels=32, channel_mult=(1, 1, 1, 1), res_blocks=1, attention=False)
    return Autoencoder(AutoencoderKL(config).requires_grad_(False))


def model(target: Tensor) -> DiffusionModel:
    return DiffusionModel(Fixed(target), Discrete.stable_diffusion(), "x0")


def test_draws_what_the_denoiser_says_decoded() -> None:
    target, autoencoder = torch.randn(1, 4, 2, 2), vae()
    pictures = draw(model(target), CLIP, autoencoder, ["a", "b", "c"], [1, 2, 3], SETTINGS)
    assert pictures.shape == (3, 16, 16, 3) and pictures.dtype == np.uint8
    cond, uncond = (CLIP.encode(text)[0][:, :1, :1, None] for text in ("c", ""))
    latent = target + uncond + SETTINGS.cfg * (cond - uncond)
    expected = (autoencoder.decode(latent / 0.18215)[0].numpy() * 255).round()
    assert np.abs(pictures[2].astype(int) - expected).max() <= 1


def test_a_picture_depends_on_its_own_seed_not_on_its_batch() -> None:
    """Uses an answer that keeps a share of the input, so that the first noise shows."""
    process = Discrete.stable_diffusion()

    class Keeps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1), requires_grad=False)

        def forward(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
            return 0.3 * x + 0 * self.weight

    keeps, autoencoder = DiffusionModel(Keeps(), process, "x0"), vae()
    together = draw(keeps, CLIP, autoencoder, ["a", "a", "a"], [5, 6, 7], SETTINGS)
    alone = draw(keeps, CLIP, autoencoder, ["a"], [7], SETTINGS)
    assert np.abs(together[2].astype(int) - alone[0]).max() <= 1
    assert not np.array_equal(together[0], together[1])
    blank = torch.zeros(1, 4, 2, 2)
    assert torch.equal(initial_noise(blank, 7)[0], torch.randn(4, 2, 2, generator=torch.Generator().manual_seed(7)))


def test_cfg_one_asks_the_network_once_a_step() -> None:
    denoiser = model(torch.zeros(1, 4, 2, 2))
    draw(denoiser, CLIP, vae(), ["a"], [0], SampleSettings("euler", "normal", 3, cfg=1.0, side=16))
    assert denoiser.network.calls == 3


def test_examine_judges_each_kind_for_each_seed() -> None:
    exam = examine(model(torch.zeros(1, 4, 2, 2)), CLIP, vae(), SETTINGS, each=2, noise_seeds=(1, 2))
    counts = {kind: exam.soft.kinds[kind].count for kind in ("one_object", "two_objects", "relation")}
    assert counts == {"one_object": 4, "two_objects": 4, "relation": 4}
    assert exam.soft.accuracy == 0.0  # grey noise shows nothing
    assert set(exam.as_dict()) == {"soft", "strict"}


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(UserError, match="seed"):
        draw(model(torch.zeros(1, 4, 2, 2)), CLIP, vae(), ["a"], [], SETTINGS)
    with pytest.raises(UserError, match="sampler"):
        draw(model(torch.zeros(1, 4, 2, 2)), CLIP, vae(), ["a"], [1], SampleSettings(sampler="best"))


def test_sheet_places_every_picture() -> None:
    pictures = np.stack([render(scene, 16) for scene in ShapeScenes(16, 0).described(0, 5)[0]])
    paper = np.asarray(sheet(pictures, columns=3, scale=1, gap=2))
    assert paper.shape == (2 * 18 + 2, 3 * 18 + 2, 3)
    assert np.array_equal(paper[20:36, 20:36], pictures[4])
    assert (paper[:2] == 255).all()
