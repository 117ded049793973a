"""Training of upscalers: what is learnt, from which pictures, and how it is measured."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.learn.loop import LoopSettings
from latentloom.engine.learn.optimizer import OptimizerSettings
from latentloom.engine.learn.photographs import Photographs
from latentloom.engine.learn.upscale import (
    UpscaleSettings,
    bicubic,
    psnr,
    score,
    shrink,
    start_compact,
    train_upscaler,
    unit,
)
from latentloom.engine.models.upscale import ESPCN, CompactConfig, ESPCNConfig, SRVGGNetCompact
from latentloom.engine.models.upscale_load import load_upscaler

BUNDLED = Path(__file__).parents[2] / "workflows" / "models" / "upscale_models" / "loom-photo-x2.safetensors"
UNSEEN = ("chelsea", "coffee", "rocket")  # see tests/bench/train_upscaler.py


def waves(height=96, width=120, seed=0):
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    picture = sum(60 * np.sin((x * random.normal() + y * random.normal()) / 3 + random.normal()) for _ in range(3))
    colours = [1.0, 0.5, -0.7]
    return (127 + np.stack([picture * colour for colour in colours], -1)).clip(0, 255).astype(np.uint8)


PICTURES = Photographs([waves(seed=1), waves(80, 64, 2)], 32)


def compact(seed=0, scale=2):
    network = SRVGGNetCompact(CompactConfig(3, 8, 1, scale))
    start_compact(network, seed)
    return network


def loop(steps=40, **settings):
    return LoopSettings(steps, ema_decay=0.5, checkpoint_every=20, **settings)


FAST = OptimizerSettings(5e-3, warmup=3, schedule="constant")


@pytest.mark.parametrize(
    "settings",
    [UpscaleSettings(4), UpscaleSettings(4, l1=0, l2=1), UpscaleSettings(4, filters=("area",), precision="bf16")],
)
def test_it_learns(settings):
    network = compact()
    losses = train_upscaler(network, 2, PICTURES, settings, loop(), FAST)
    assert sum(losses[-8:]) < 0.8 * sum(losses[:8])


def test_networks_of_luma_and_other_scales_learn_too():
    torch.manual_seed(0)
    luma = ESPCN(ESPCNConfig(widths=(8, 8), scale=2))
    for network, scale in ((luma, 2), (compact(scale=4), 4)):
        losses = train_upscaler(network, scale, PICTURES, UpscaleSettings(4), loop(), FAST)
        assert sum(losses[-8:]) < 0.9 * sum(losses[:8])


def test_a_resumed_training_is_the_unbroken_one(tmp_path):
    whole, broken, resumed = compact(), compact(), compact()
    train_upscaler(whole, 2, PICTURES, UpscaleSettings(2), loop(40), FAST)
    train_upscaler(broken, 2, PICTURES, UpscaleSettings(2), loop(20, checkpoint_folder=tmp_path), FAST)
    losses = train_upscaler(resumed, 2, PICTURES, UpscaleSettings(2), loop(40, checkpoint_folder=tmp_path), FAST)
    assert len(losses) == 40
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_start_interpolates_bilinearly_and_no_channel_is_dead():
    network = compact()
    x = torch.rand(1, 3, 12, 12)
    wanted = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
    assert (network(x) - wanted)[..., 2:-2, 2:-2].abs().max() < 0.05
    network(x).square().mean().backward()
    assert all(bool(p.grad.any()) for p in network.parameters())


def test_psnr_is_its_definition():
    a, b = torch.rand(1, 3, 20, 20), torch.rand(1, 3, 20, 20)
    error = float((a - b)[..., 2:-2, 2:-2].double().square().mean())
    assert psnr(a, b, 2) == pytest.approx(10 * math.log10(1 / error))
    assert psnr(a, a + 0.1, 0) == pytest.approx(20)


def test_shrinking_and_enlarging_agree_with_pillow():
    from PIL import Image

    def theirs(channel, size):  # mode F: no rounding between the passes
        resized = Image.fromarray(channel.numpy(), "F").resize(size, Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(resized)).clamp(0, 1)

    picture = waves()
    large = unit(picture[None])
    small = shrink(large, 2)
    enlarged = bicubic(small, 2)
    for channel in range(3):
        assert torch.allclose(small[0, channel], theirs(large[0, channel], (60, 48)), atol=1e-5)
        assert torch.allclose(enlarged[0, channel], theirs(small[0, channel].contiguous(), (120, 96)), atol=1e-5)
    area = shrink(unit(picture[None]), 2, "area")[0, :, 3, 4] * 255
    assert torch.allclose(area, torch.from_numpy(picture[6:8, 8:10].mean((0, 1))).float(), atol=1e-4)


@pytest.mark.parametrize("kind", ["bicubic", "area"])
def test_score_takes_the_better_bicubic_and_cuts_to_the_scale(kind):
    soft, sharp = (score(lambda x, s=s: bicubic(x, 2, s), [waves(97, 121)], 2, kind)[0] for s in (False, True))
    assert soft[1] == sharp[1] == max(soft[0], sharp[0])


def test_the_bundled_model_beats_bicubic_by_half_a_decibel_on_photographs_it_has_not_seen():
    data = pytest.importorskip("skimage.data")
    assert BUNDLED.stat().st_size <= 300_000
    model = load_upscaler(BUNDLED, device=torch.device("cpu"))
    assert model.scale == 2
    photographs = [getattr(data, name)() for name in UNSEEN]
    for kind in ("bicubic", "area"):
        found = score(lambda x: model.upscale(x.movedim(1, -1)).movedim(-1, 1), photographs, 2, kind)
        for name, (ours, rival) in zip(UNSEEN, found, strict=True):
            assert ours >= rival + 0.5, (kind, name, ours, rival)


@pytest.mark.parametrize(
    "settings",
    [{"batch": 0}, {"l1": -1}, {"rim": -1}, {"l1": 0}, {"filters": ()}, {"filters": ("nearest",)}],
)
def test_settings_are_checked(settings):
    with pytest.raises(UserError) as caught:
        UpscaleSettings(**settings)
    assert caught.value.code == "D001"


@pytest.mark.parametrize(
    "pictures", [[], [np.zeros((32, 32), np.uint8)], [np.zeros((32, 32, 3))], [np.zeros((31, 64, 3), np.uint8)]]
)
def test_what_is_no_photograph(pictures):
    with pytest.raises(UserError) as caught:
        Photographs(pictures, 32)
    assert caught.value.code == "D040"


@pytest.mark.parametrize(("size", "scale"), [(32, 3), (33, 2)])
def test_crops_that_do_not_fit(size, scale):
    with pytest.raises(UserError) as caught:
        train_upscaler(compact(), scale, Photographs([waves()], size), UpscaleSettings(2), loop(1), FAST)
    assert caught.value.code == "D041"
