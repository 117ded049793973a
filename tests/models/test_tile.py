from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F

from latentloom.engine.models.tile import starts, tiled


def double(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


@pytest.mark.parametrize("size", [(8, 8), (9, 30), (31, 17), (4, 64)])
@pytest.mark.parametrize(("tile", "overlap"), [(8, 0), (8, 2), (8, 7), (64, 16)])
def test_a_local_function_is_the_same_in_tiles(size, tile, overlap):
    x = torch.randn(2, 3, *size)
    assert torch.allclose(tiled(double, x, tile, overlap, Fraction(2)), double(x), atol=1e-6)


@pytest.mark.parametrize("size", [(16, 16), (24, 40)])
def test_shrinking(size):
    x = torch.randn(1, 3, *size)
    half = lambda part: F.avg_pool2d(part, 2)  # noqa: E731
    assert torch.allclose(tiled(half, x, 16, 4, Fraction(1, 2)), half(x), atol=1e-6)


def test_one_tile_is_exactly_the_function():
    x = torch.randn(1, 3, 7, 9)
    assert torch.equal(tiled(torch.exp, x, 9, 3, Fraction(1)), x.exp())


def test_tiles_are_never_larger_and_seams_blend():
    seen = []

    def shade(x):
        seen.append(tuple(x.shape[-2:]))
        return torch.full_like(x, float(len(seen)))

    out = tiled(shade, torch.zeros(1, 1, 8, 14), 8, 2, Fraction(1))[0, 0, 0]
    assert seen == [(8, 8), (8, 8)]
    assert out[:6].eq(1).all()
    assert out[8:].eq(2).all()
    assert 1 < out[6] < out[7] < 2


@pytest.mark.parametrize(
    ("length", "expected"), [(8, [0]), (5, [0]), (9, [0, 1]), (20, [0, 6, 12]), (21, [0, 6, 12, 13])]
)
def test_starts_cover_the_length(length, expected):
    assert list(starts(length, 8, 2)) == expected


@pytest.mark.parametrize("overlap", [-1, 8, 9])
def test_overlap_must_leave_progress(overlap):
    with pytest.raises(ValueError, match="overlap must be 0 to 7"):
        tiled(double, torch.zeros(1, 1, 9, 9), 8, overlap, Fraction(2))
