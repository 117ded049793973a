"""The family of plain operators as nodes: torch's numbers to 1e-6, sizes, wires, and one chain that is ESPCN's head."""

import pytest
import torch
import torch.nn.functional as F

from latentloom.engine.errors import UserError
from latentloom.engine.values import check_value
from latentloom.nodes import resample

LIMIT = {"atol": 1e-6, "rtol": 0}


@pytest.fixture
def maps(rand):
    return rand(2, 4, 12, 18) * 6 - 3


def same(made, wanted):
    assert check_value("FEATURES", made) is None
    torch.testing.assert_close(made, wanted, **LIMIT)


@pytest.mark.parametrize("size", [(24, 36), (7, 31), (12, 18)], ids=str)
def test_resizing_is_torchs(maps, size, unchanged):
    height, width = size
    given = {"features": maps, "width": width, "height": height}
    with unchanged(maps):
        same(resample.resize_nearest(**given), F.interpolate(maps, size, mode="nearest-exact"))
        same(resample.resize_nearest(**given, exact=False), F.interpolate(maps, size, mode="nearest"))
        same(resample.resize_area(**given), F.interpolate(maps, size, mode="area"))
        for node, mode in ((resample.resize_bilinear, "bilinear"), (resample.resize_bicubic, "bicubic")):
            for flags in ({}, {"align_corners": True}, {"antialias": True}):
                same(node(**given, **flags), F.interpolate(maps, size, mode=mode, **{"align_corners": False} | flags))
        assert resample.resize_lanczos(**given).shape == (2, 4, *size)


@pytest.mark.parametrize(
    "node",
    [resample.resize_nearest, resample.resize_bilinear, resample.resize_bicubic, resample.resize_area, resample.resize_lanczos],
)
def test_sizes(node, maps):
    assert node(features=maps, scale_by=2.5).shape[-2:] == (30, 45)
    assert node(features=maps, scale_by=0.3).shape[-2:] == (3, 5)
    assert node(features=maps, scale_by=0.01).shape[-2:] == (1, 1)
    assert node(features=maps, width=9).shape[-2:] == (6, 9)
    assert node(features=maps, height=24).shape[-2:] == (24, 36)
    flat = node(features=torch.full((1, 1, 6, 6), -2.5), scale_by=1.7)
    torch.testing.assert_close(flat, torch.full((1, 1, 10, 10), -2.5), atol=1e-5, rtol=0)


def test_lanczos_clips_only_when_asked(maps):
    free = resample.resize_lanczos(features=maps)
    assert free.min() < 0 and free.max() > 1
    assert torch.equal(resample.resize_lanczos(features=maps, clip=True), free.clamp(0, 1))
    assert not torch.allclose(resample.resize_lanczos(features=maps, lobes=2), free)


def test_shuffling(maps, unchanged):
    with unchanged(maps):
        same(resample.pixel_shuffle(features=maps), F.pixel_shuffle(maps, 2))
        same(resample.pixel_unshuffle(features=maps, factor=3), F.pixel_unshuffle(maps, 3))
    assert torch.equal(resample.pixel_shuffle(features=resample.pixel_unshuffle(features=maps, factor=6), factor=6), maps)


def test_transposed_convolution(maps):
    ones = torch.ones(4, 1, 3, 3)
    made = resample.transposed_convolution(
        features=maps, kernel="box", kernel_size=3, stride=2, padding=1, output_padding=1, dilation=2
    )
    same(made, F.conv_transpose2d(maps, ones, None, 2, 1, 1, groups=4, dilation=2))
    written = resample.transposed_convolution(features=maps, kernel="written", weights="1 1 1; 1 1 1; 1 1 1", padding=0)
    same(written, F.conv_transpose2d(maps, ones, None, 2, groups=4))
    double = resample.transposed_convolution(features=maps)
    wanted = F.interpolate(maps, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(double[..., 1:-1, 1:-1], wanted[..., 1:-1, 1:-1], **LIMIT)
    with pytest.raises(UserError, match="V173"):
        resample.transposed_convolution(features=maps, kernel="written")


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 0, 0), (3, 3, 1), (2, 5, 0)])
def test_pooling_comes_back(maps, kernel, stride, padding, unchanged):
    with unchanged(maps):
        pooled = resample.max_pool(features=maps, kernel_size=kernel, stride=stride, padding=padding)
        made = resample.max_unpool(features=pooled.features, indices=pooled.indices)
    maxima, indices = F.max_pool2d(maps, kernel, stride or kernel, padding, return_indices=True)
    same(pooled.features, maxima)
    same(made, F.max_unpool2d(maxima, indices, kernel, stride or kernel, padding, output_size=maps.shape[-2:]))
    assert made.shape == maps.shape
    assert torch.equal(made[made != 0], maps[made != 0])
    larger = resample.max_unpool(features=pooled.features, indices=pooled.indices, height=20)
    assert larger.shape[-2:] == (20, 18)
    with pytest.raises(UserError, match="V172"):
        resample.max_unpool(features=pooled.features, indices=pooled.indices, height=2)


def test_pictures_become_maps_and_pictures_again(rand, unchanged):
    image = rand(2, 6, 8, 3)
    with unchanged(image):
        maps = resample.image_to_features(image=image)
        back = resample.features_to_image(features=maps)
    assert maps.shape == (2, 3, 6, 8)
    assert torch.equal(back, image)
    cut = resample.features_to_image(features=maps * 3 - 1)
    assert check_value("IMAGE", cut) is None and cut.min() == 0 and cut.max() == 1
    with pytest.raises(UserError, match=r"V172 .*1, 3 or 4 channels, got 12"):
        resample.features_to_image(features=resample.pixel_unshuffle(features=maps))


def test_nearest_by_hand_of_three_operators(rand):
    """Each of these is the same repetition of pixels, by another way."""
    maps = resample.image_to_features(image=rand(1, 5, 6, 3))
    wanted = resample.resize_nearest(features=maps)
    copies = maps.repeat_interleave(4, 1)
    assert torch.equal(resample.pixel_shuffle(features=copies), wanted)
    box = resample.transposed_convolution(features=maps, kernel="box", kernel_size=2, stride=2, padding=0)
    assert torch.equal(box, wanted)
