"""Lines found on drawn shapes: where they are, how thin, and how two sets of them compare."""

import math

import pytest
import torch

from latentloom.engine.pictures.edges import (
    canny_edges,
    edge_agreement,
    line_drawing,
    luminance,
    scribble,
    smoothed,
    soft_edges,
)


def square(side=64, low=16, high=48, light=1.0, dark=0.0):
    """A picture [1 side side 3] of a bright square."""
    image = torch.full((1, side, side, 3), dark)
    image[:, low:high, low:high] = light
    return image


def outline(side=64, low=16, high=48):
    """Distance of each pixel's centre from the square's outline."""
    place = torch.arange(side) + 0.5
    y, x = torch.meshgrid(place, place, indexing="ij")
    middle, half = (low + high) / 2, (high - low) / 2
    return (torch.maximum((x - middle).abs(), (y - middle).abs()) - half).abs()


def test_canny_draws_the_outline_thin_and_nothing_else():
    edges = canny_edges(square())
    assert set(edges.unique().tolist()) == {0.0, 1.0}
    assert float(outline()[edges[0] > 0].max()) <= 2
    around = 4 * 32
    assert 0.8 * around <= int(edges.sum()) <= 1.3 * around
    assert int(canny_edges(torch.full((1, 32, 32, 3), 0.5)).sum()) == 0


def test_cannys_thresholds_say_which_edges_count():
    faint = square(light=0.6, dark=0.5)
    assert int(canny_edges(faint, 0.4, 0.8).sum()) == 0
    assert int(canny_edges(faint, 0.05, 0.1).sum()) > 50


def test_soft_edges_are_strongest_on_the_outline():
    soft = soft_edges(square())[0]
    assert float(soft.min()) >= 0 and float(soft.max()) <= 1
    assert float(soft[outline() < 1].mean()) > 0.9
    assert float(soft[outline() > 5].max()) < 0.05
    assert float(soft_edges(torch.full((1, 32, 32, 3), 0.5)).max()) < 0.005


def test_line_drawing_finds_dark_strokes_and_no_bright_ones():
    image = torch.ones(1, 64, 64, 3)
    image[:, 20:22, 8:56] = 0
    lines = line_drawing(image)[0]
    assert float(lines[20:22, 12:52].min()) > 0.9
    assert float(lines[30:].max()) == 0
    inverse = line_drawing(1 - image)[0]
    assert float(inverse[20:22, 12:52].max()) == 0


@pytest.mark.parametrize("width", [1, 5, 9])
def test_scribbles_have_the_width_asked_for(width):
    image = torch.zeros(1, 64, 64, 3)
    image[:, :, 32:] = 1
    lines = scribble(image, width)[0]
    assert set(lines.unique().tolist()) <= {0.0, 1.0}
    across = lines[10:54].sum(1)
    assert float(across.min()) > 0
    assert float((across - width).abs().max()) <= 3
    assert float(lines[:, :16].max()) == float(lines[:, 48:].max()) == 0


def test_agreement_counts_what_lies_within_reach():
    lines, empty = torch.zeros(1, 64, 64), torch.zeros(1, 64, 64)
    lines[:, 20, 10:50] = 1
    assert edge_agreement(lines, lines) == (1.0, 1.0, 1.0)
    assert edge_agreement(lines.roll(2, 1), lines) == (1.0, 1.0, 1.0)
    assert edge_agreement(lines.roll(3, 1), lines)[2] == 0.0
    assert edge_agreement(lines.roll(3, 1), lines, reach=3)[2] == 1.0
    assert edge_agreement(lines, empty)[2] == 0.0
    assert edge_agreement(empty, empty)[2] == 1.0
    half = lines.clone()
    half[:, :, 30:] = 0
    precision, recall, f1 = edge_agreement(half, lines, reach=0)
    assert (precision, recall) == (1.0, 0.5)
    assert math.isclose(f1, 2 / 3)


def test_diagonal_reach_is_euclidean():
    one, other = torch.zeros(1, 16, 16), torch.zeros(1, 16, 16)
    one[0, 8, 8], other[0, 10, 10] = 1, 1
    assert edge_agreement(one, other, reach=2)[2] == 0.0
    assert edge_agreement(one, other, reach=2.83)[2] == 1.0


def test_smoothing_keeps_the_mean_and_luminance_is_bt601():
    image = torch.zeros(1, 33, 33)
    image[0, 16, 16] = 1
    blurred = smoothed(image, 2.0)
    assert math.isclose(float(blurred.sum()), 1.0, abs_tol=1e-3)
    place = torch.arange(33) - 16.0
    assert math.isclose(float((blurred[0].sum(0) * place**2).sum()) ** 0.5, 2.0, abs_tol=0.05)
    assert torch.allclose(luminance(torch.tensor([[[[1.0, 0.0, 0.0]]]])), torch.tensor([[[0.299]]]))
