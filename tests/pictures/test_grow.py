"""Masks grown and feathered, against brute force."""

import pytest
import torch

from latentloom.engine.pictures.grow import feather, grow


def brute(mask: torch.Tensor, pixels: int, tapered: bool) -> torch.Tensor:
    best = max if pixels > 0 else min
    reach = abs(pixels)
    _, height, width = mask.shape
    out = torch.empty_like(mask)
    for y in range(height):
        for x in range(width):
            seen = [
                float(mask[0, j, i])
                for j in range(max(0, y - reach), min(height, y + reach + 1))
                for i in range(max(0, x - reach), min(width, x + reach + 1))
                if not tapered or abs(i - x) + abs(j - y) <= reach
            ]
            out[0, y, x] = best(seen)
    return out


@pytest.mark.parametrize("tapered", [True, False])
@pytest.mark.parametrize("pixels", [1, 2, 3, -1, -2, 50, -50])
def test_grow_equals_brute_force(pixels, tapered):
    mask = torch.rand(1, 6, 7, generator=torch.Generator().manual_seed(3))
    before = mask.clone()
    assert torch.equal(grow(mask, pixels, tapered), brute(mask, pixels, tapered))
    assert torch.equal(mask, before)


def test_growing_by_nothing_gives_a_copy():
    mask = torch.rand(2, 3, 3)
    out = grow(mask, 0)
    assert torch.equal(out, mask)
    assert out is not mask


def test_feather_ramps_from_each_side():
    out = feather(torch.ones(1, 4, 8), left=2, top=0, right=4, bottom=1)
    assert torch.allclose(out[0, 0], torch.tensor([0.5, 1, 1, 1, 1, 0.75, 0.5, 0.25]))
    assert torch.equal(out[0, 3], out[0, 0]), "a border of one pixel is full already"


def test_feather_is_no_wider_than_the_mask():
    out = feather(torch.ones(1, 2, 3), left=100, top=0, right=0, bottom=0)
    assert torch.allclose(out[0, 0], torch.tensor([1 / 3, 2 / 3, 1.0]))
