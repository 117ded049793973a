"""Resizing against Pillow and against definitions."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from latentloom.engine.pictures.resize import (
    IMAGE_METHODS,
    LATENT_METHODS,
    bislerp,
    center_crop,
    lanczos,
    match,
    resize,
)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(7, 9), (31, 20), (13, 40), (5, 3), (17, 23)])
def test_lanczos_equals_pillow(size):
    """Pillow resamples float pictures across first; the order changes nothing but rounding."""
    x = noise(1, 1, 17, 23)
    ours = lanczos(x, *size)[0, 0]
    theirs = Image.fromarray(x[0, 0].numpy()).resize(size, Image.Resampling.LANCZOS)
    assert torch.allclose(ours, torch.from_numpy(np.array(theirs)).clamp(0, 1), atol=2e-6)


@pytest.mark.parametrize("method", sorted({*IMAGE_METHODS, *LATENT_METHODS}))
def test_every_method_keeps_a_constant_and_hits_the_size(method):
    x = torch.full((2, 4, 9, 7), 0.25)
    out = resize(x, 12, 5, method)
    assert out.shape == (2, 4, 5, 12)
    assert torch.allclose(out, torch.full_like(out, 0.25), atol=1e-6)


@pytest.mark.parametrize("method", sorted({*IMAGE_METHODS, *LATENT_METHODS}))
def test_the_input_is_never_changed(method):
    x = noise(1, 3, 6, 6)
    before = x.clone()
    resize(x, 9, 4, method, "center")
    assert torch.equal(x, before)


def test_nearest_exact_repeats_pixels():
    x = torch.arange(4.0).reshape(1, 1, 2, 2)
    assert torch.equal(resize(x, 4, 4, "nearest-exact"), x.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_area_is_the_mean_of_what_it_covers():
    x = noise(1, 2, 4, 6)
    assert torch.allclose(resize(x, 3, 2, "area"), F.avg_pool2d(x, 2))


def test_the_same_size_is_handed_back():
    x = noise(1, 3, 5, 6)
    assert resize(x, 6, 5, "lanczos") is x


def test_center_crop_keeps_the_middle():
    x = torch.arange(10.0).expand(1, 1, 4, 10)
    assert torch.equal(center_crop(x, 1, 1)[0, 0, 0], torch.arange(3.0, 7.0))
    tall = torch.arange(10.0)[:, None].expand(1, 1, 10, 4)
    assert torch.equal(center_crop(tall, 2, 2)[0, 0, :, 0], torch.arange(3.0, 7.0))


def test_match_keeps_the_wire_layout():
    image = noise(2, 8, 6, 3)
    out = match(image, 12, 16, "bilinear")
    assert out.shape == (2, 16, 12, 3)
    assert out.is_contiguous()


def test_bislerp_turns_along_the_arc():
    """Two unit vectors a right angle apart: a quarter and three quarters of the way lie on the circle."""
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).reshape(1, 2, 1, 2)
    out = bislerp(x, 4, 1)[0, :, 0]
    angles = torch.atan2(out[1], out[0])
    expected = torch.tensor([0.0, 0.25, 0.75, 1.0]) * (math.pi / 2)
    assert torch.allclose(angles, expected, atol=1e-6)
    assert torch.allclose(out.norm(dim=0), torch.ones(4), atol=1e-6)


def test_bislerp_interpolates_lengths_linearly():
    x = torch.tensor([[2.0, 0.0], [0.0, 4.0]]).reshape(1, 2, 1, 2)
    assert torch.allclose(bislerp(x, 4, 1)[0, :, 0].norm(dim=0), torch.tensor([2.0, 2.5, 3.5, 4.0]), atol=1e-5)


@pytest.mark.parametrize("pair", [([1.0, 2.0], [-1.0, -2.0]), ([0.0, 0.0], [1.0, 1.0]), ([3.0, 1.0], [3.0, 1.0])])
def test_bislerp_is_finite_where_no_arc_is_defined(pair):
    x = torch.tensor(pair).T.reshape(1, 2, 1, 2)
    out = bislerp(x, 4, 1)
    assert out.isfinite().all()
    assert torch.allclose(out[..., 0], x[..., 0])
    assert torch.allclose(out[..., -1], x[..., -1])


def test_bislerp_keeps_the_variance_of_noise_where_bilinear_loses_it():
    x = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    assert abs(bislerp(x, 64, 64).var().item() - 1.0) < 0.12
    assert resize(x, 64, 64, "bilinear").var().item() < 0.5
