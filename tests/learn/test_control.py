"""Training a ControlNet: each latent meets its own picture's hint, the model stays, and what is seen is heard."""

import pytest
import torch

from latentloom.engine.diffusion.loss import DiffusionLoss
from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.errors import UserError
from latentloom.engine.learn.control import ControlSettings, HintedLatents, train_control
from latentloom.engine.learn.data import LatentShards
from latentloom.engine.learn.loop import LoopSettings, step_generator
from latentloom.engine.learn.optimizer import OptimizerSettings
from latentloom.engine.models.control import ControlNet
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.shapes.dataset import ShapeScenes

SCENES = ShapeScenes(16, 0, "train")


def pooled(pixels):
    """The mean colour of a picture's four quarters, and its red again: what a latent is made of here."""
    return torch.nn.functional.avg_pool2d(pixels, 8).repeat(1, 2, 1, 1)[:, :4]


def source(**settings):
    latents = LatentShards(SCENES, pooled, key="pooled", **{"shard": 8, "window": 2, "refresh": 3, **settings})
    return HintedLatents(latents, lambda pictures: torch.from_numpy(pictures).float() / 255)


@pytest.mark.parametrize("step", [0, 2, 3, 7])
def test_every_latent_comes_with_its_own_pictures_hint(step):
    hinted = source()
    x0, hints, captions = hinted.draw(step, 20, step_generator(1, step))
    assert hints.shape == (20, 3, 16, 16)
    assert len(captions) == 20
    assert torch.allclose(pooled(hints * 2 - 1), x0, atol=1e-5)
    plain, words = hinted.latents.draw(step, 20, step_generator(1, step))
    assert torch.equal(x0, plain)
    assert words == captions


def test_lines_of_one_channel_become_three_and_old_shards_leave():
    hinted = source()
    hinted.hint = lambda pictures: torch.from_numpy(pictures).float().mean(-1) / 255
    _, hints, _ = hinted.draw(0, 4, step_generator(0, 0))
    assert torch.equal(hints[:, 0], hints[:, 2])
    hinted.draw(30, 4, step_generator(0, 30))
    assert all(index >= 10 for index in hinted._held)


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"caption_dropout": 1.5}, {"caption_dropout": -0.1}], ids=str)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UserError) as caught:
        ControlSettings(**wrong)
    assert caught.value.code == "D001"


def test_the_hint_is_heard_after_some_steps_and_the_model_stays(randomised):
    torch.manual_seed(0)
    form = UNetConfig(model_channels=32, channel_mult=(1,), res_blocks=1, transformer_depth=(1,), context_dim=8)
    unet = randomised(UNet(form), 1)
    before = {name: weight.clone() for name, weight in unet.state_dict().items()}
    learns = [parameter.requires_grad for parameter in unet.parameters()]
    control = ControlNet.beside(unet, hint_widths=(16, 16, 16, 16)).requires_grad_(True)
    x, t, context = torch.randn(1, 4, 2, 2), torch.tensor([500.0]), torch.zeros(1, 3, 8)

    @torch.no_grad()
    def heard():
        """How much the middle's residual depends on the hint."""
        white, black = (control(x, torch.full((1, 3, 16, 16), light), t, context)[-1] for light in (1.0, 0.0))
        return float((white - black).abs().max())

    assert heard() == 0
    losses = train_control(
        control,
        unet,
        lambda captions: torch.zeros(len(captions), 3, 8),
        source(),
        DiffusionLoss(Discrete.stable_diffusion(), "eps"),
        ControlSettings(4),
        LoopSettings(6, 0, 0.5, 1000),
        OptimizerSettings(1e-2, warmup=1, schedule="constant"),
    )
    assert len(losses) == 6
    assert heard() > 1e-4
    assert float(control.input_hint_block[-1].weight.abs().max()) > 0  # gradients came through the zero convolutions
    assert all(torch.equal(weight, before[name]) for name, weight in unet.state_dict().items())
    assert [parameter.requires_grad for parameter in unet.parameters()] == learns
