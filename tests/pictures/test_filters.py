"""The blur against a definition, blend modes against numbers."""

import math

import pytest
import torch

from latentloom.engine.pictures.filters import BLEND_MODES, blur


def test_blur_of_a_point_is_the_kernel():
    image = torch.zeros(1, 7, 7, 1)
    image[0, 3, 3, 0] = 1.0
    out = blur(image, 2, 0.5)[0, :, :, 0]
    grid = [-1.0, -0.5, 0.0, 0.5, 1.0]
    weights = torch.tensor([[math.exp(-(x * x + y * y) / (2 * 0.25)) for x in grid] for y in grid])
    assert torch.allclose(out[1:6, 1:6], weights / weights.sum(), atol=1e-6)


def test_blur_keeps_a_constant_up_to_the_edge():
    image = torch.full((2, 5, 6, 3), 0.7)
    assert torch.allclose(blur(image, 3, 1.0), image, atol=1e-6)


def test_blur_wider_than_the_picture():
    assert blur(torch.rand(1, 4, 4, 3), 31, 10.0).isfinite().all()


@pytest.mark.parametrize(
    ("mode", "a", "b", "expected"),
    [
        ("normal", 0.2, 0.6, 0.6),
        ("multiply", 0.5, 0.4, 0.2),
        ("screen", 0.5, 0.5, 0.75),
        ("overlay", 0.25, 0.5, 0.25),
        ("overlay", 0.75, 0.25, 0.625),
        ("soft_light", 0.5, 0.5, 0.5),
        ("soft_light", 0.5, 0.25, 0.375),
        ("soft_light", 0.16, 1.0, 0.398336),
        ("soft_light", 0.64, 1.0, 0.8),
        ("difference", 0.75, 0.5, 0.25),
        ("difference", 0.5, 0.75, -0.25),
    ],
)
def test_blend_mode(mode, a, b, expected):
    out = BLEND_MODES[mode](torch.tensor([a]), torch.tensor([b]))
    assert out.item() == pytest.approx(expected, abs=1e-5)
