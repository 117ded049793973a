"""Tiles against the whole picture: equal where the overlap reaches, without seams where it does not; memory; stopping."""

import pytest
import torch
import torch.nn.functional as F

from latentloom.engine.errors import Cancelled, UserError
from latentloom.engine.models.upscale import CompactConfig, RRDBConfig, RRDBNet, SRVGGNetCompact
from latentloom.engine.models.upscale_tile import LEAST_TILE, upscale_tiled, windows
from latentloom.engine.models.upscaler import Upscaler

COMPACT = CompactConfig(3, 8, 2, 2)  # sees 4 pixels to each side


def double(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


@pytest.mark.parametrize("length", [1, 31, 32, 33, 63, 64, 65, 100, 1000])
@pytest.mark.parametrize(("tile", "overlap"), [(32, 0), (32, 8), (32, 31), (48, 10)])
@pytest.mark.parametrize("multiple", [1, 2, 4])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_shares_add_up_to_one_everywhere(length, tile, overlap, multiple, scale):
    total = torch.zeros(length * scale)
    found = windows(length, tile, overlap, multiple, scale)
    for start, end, share in found:
        assert start % multiple == 0 and end - start <= tile
        assert len(share) == (end - start) * scale and share.min() >= 0
        total[start * scale : end * scale] += share
    torch.testing.assert_close(total, torch.ones_like(total), atol=1e-6, rtol=0)
    assert found[0].start == 0 and found[-1].end == length
    for before, after in zip(found[:-1], found[1:], strict=True):
        assert before.end - after.start >= min(overlap, tile // 2 // multiple * multiple)


@pytest.mark.parametrize("size", [(20, 20), (64, 33), (50, 121)])
@torch.no_grad()
def test_tiles_equal_the_whole_where_the_overlap_reaches(size, randomised):
    network = randomised(SRVGGNetCompact(COMPACT), 1)
    x = torch.rand(2, 3, *size)
    torch.testing.assert_close(upscale_tiled(network, x, 2, tile=32, overlap=16), network(x), atol=2e-6, rtol=0)


@torch.no_grad()
def test_an_overlap_that_is_too_small_would_differ(randomised):
    network = randomised(SRVGGNetCompact(COMPACT), 1)
    x = torch.rand(1, 3, 64, 64)
    assert (upscale_tiled(network, x, 2, tile=32, overlap=0) - network(x)).abs().max() > 1e-3


@torch.no_grad()
def test_tiles_of_an_unshuffling_network_begin_where_it_folds(randomised):
    network = randomised(RRDBNet(RRDBConfig(features=8, blocks=1, growth=4, unshuffle=2)), 1)
    x = torch.rand(1, 3, 75, 132)
    made = upscale_tiled(network, x, 2, tile=97, overlap=96, multiple=2)
    assert (made - network(x)).abs().max() < 1e-4
    wrong = upscale_tiled(network, x, 2, tile=97, overlap=43, multiple=1)
    assert (wrong - network(x)).abs().max() > 1e-2


def test_no_seam_shows_where_tiles_disagree():
    """A function that adds another level to each tile: the change from pixel to pixel stays that of the blend."""
    levels = iter(range(100))
    made = upscale_tiled(lambda x: double(x) + next(levels), torch.zeros(1, 1, 8, 400), 2, tile=100, overlap=40)
    steps = made[0, 0, 0].diff().abs()
    assert steps.max() <= 1 / 40 + 1e-6  # 40 pixels of blend between the rims of an overlap of 80


def test_one_tile_is_given_to_the_function_whole():
    x = torch.rand(3, 3, 9, 7)
    seen = []

    def note(part):
        seen.append(part.shape)
        return double(part)

    assert torch.equal(upscale_tiled(note, x, 2, tile=9), double(x))
    assert seen == [(1, 3, 9, 7)] * 3


def test_progress_and_stopping():
    told = []

    def on_tile(done, total):
        told.append((done, total))
        if done == 3:
            raise Cancelled("test")

    with pytest.raises(Cancelled):
        upscale_tiled(double, torch.rand(2, 3, 32, 64), 2, tile=32, overlap=0, on_tile=on_tile)
    assert told == [(1, 4), (2, 4), (3, 4)]


class Scarce:
    """Enlarges like `double`, in memory for `most` pixels."""

    def __init__(self, most, error):
        self.most, self.error, self.sides = most, error, []

    def __call__(self, x):
        self.sides.append(max(x.shape[-2:]))
        if x.shape[-2] * x.shape[-1] > self.most:
            raise self.error
        return double(x)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_tiles_shrink_until_they_fit(error):
    x = torch.rand(1, 3, 200, 300)
    scarce = Scarce(80 * 80, error)
    torch.testing.assert_close(upscale_tiled(scarce, x, 2, tile=512, overlap=16), double(x), atol=1e-6, rtol=0)
    assert scarce.sides[:3] == [300, 150, 75]
    assert set(scarce.sides[3:]) == {75}


def test_when_nothing_fits_the_error_says_so():
    scarce = Scarce(0, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"))
    with pytest.raises(UserError, match=f"V170 upscaling: expected memory for a tile of {LEAST_TILE} pixels, got CUDA"):
        upscale_tiled(scarce, torch.rand(1, 3, 200, 300), 2)
    assert scarce.sides[-1] == LEAST_TILE


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shapes differ"):
        upscale_tiled(Scarce(0, RuntimeError("shapes differ")), torch.rand(1, 3, 64, 64), 2)


@pytest.mark.parametrize("settings", [{"tile": 0}, {"overlap": -1}])
def test_settings_that_make_no_tiles(settings):
    with pytest.raises(ValueError, match="tile must be"):
        upscale_tiled(double, torch.rand(1, 3, 8, 8), 2, **settings)


def test_colours_and_transparency(randomised):
    """RGB through the network, alpha beside it; grey pictures become coloured ones."""
    model = Upscaler(randomised(SRVGGNetCompact(COMPACT), 1))
    image = torch.rand(2, 10, 12, 4)
    made = model.upscale(image)
    assert made.shape == (2, 20, 24, 4) and made.dtype == torch.float32
    assert made.min() >= 0 and made.max() <= 1
    assert torch.equal(made[..., :3], model.upscale(image[..., :3]))
    flat = torch.cat([image[..., :3], torch.full_like(image[..., :1], 0.25)], -1)
    torch.testing.assert_close(model.upscale(flat)[..., 3], torch.full((2, 20, 24), 0.25))
    assert model.upscale(image[..., :1]).shape == (2, 20, 24, 3)


def test_a_network_of_luma_keeps_grey_grey_and_colours_their_hue(randomised):
    model = Upscaler(randomised(SRVGGNetCompact(CompactConfig(1, 8, 2, 2)), 1))
    with torch.no_grad():
        for layer in model.network.body[:-1:2]:
            layer.weight.mul_(0.1)
    grey = torch.rand(1, 9, 9, 1).expand(1, 9, 9, 3) * 0.5 + 0.25
    made = model.upscale(grey)
    torch.testing.assert_close(made[..., 0], made[..., 1], atol=1e-5, rtol=0)
    torch.testing.assert_close(made[..., 0], made[..., 2], atol=1e-5, rtol=0)
    shifted = grey + torch.tensor([0.1, -0.0509, 0.0])  # 0.299 * 0.1 = 0.587 * 0.0509: the same luma
    torch.testing.assert_close(model.upscale(shifted) - made, (shifted - grey)[:, :1, :1].expand_as(made), atol=2e-3, rtol=0)


def test_four_channels(randomised):
    model = Upscaler(randomised(SRVGGNetCompact(CompactConfig(4, 8, 1, 2)), 1))
    image = torch.rand(1, 6, 6, 4)
    assert model.upscale(image).shape == (1, 12, 12, 4)
    opaque = torch.cat([image[..., :3], torch.ones(1, 6, 6, 1)], -1)
    assert torch.equal(model.upscale(image[..., :3]), model.upscale(opaque)[..., :3])


def test_other_channels_are_refused(randomised):
    model = Upscaler(randomised(SRVGGNetCompact(CompactConfig(2, 8, 1, 2)), 1))
    with pytest.raises(UserError, match="V171"):
        model.upscale(torch.rand(1, 6, 6, 3))
