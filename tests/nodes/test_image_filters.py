"""Pictures blended, blurred, sharpened and composited."""

import pytest
import torch

from latentloom.nodes import image_filters as nodes

MODES = ("normal", "multiply", "screen", "overlay", "soft_light", "difference")


@pytest.mark.parametrize("mode", MODES)
def test_blend(rand, unchanged, mode):
    a, b = rand(2, 6, 8, 3), rand(1, 6, 8, 3, seed=1)
    with unchanged(a, b):
        none = nodes.image_blend(image1=a, image2=b, blend_factor=0.0, blend_mode=mode)
        full = nodes.image_blend(image1=a, image2=b, blend_factor=1.0, blend_mode=mode)
        half = nodes.image_blend(image1=a, image2=b, blend_factor=0.5, blend_mode=mode)
    assert torch.equal(none, a)
    assert full.min() >= 0 and full.max() <= 1
    if mode != "difference":
        assert torch.allclose(half, (a + full) / 2, atol=1e-6)


def test_blend_fits_the_upper_picture(rand):
    out = nodes.image_blend(image1=rand(1, 6, 8, 3), image2=torch.ones(1, 30, 30, 4), blend_factor=1.0)
    assert torch.allclose(out, torch.ones(1, 6, 8, 3), atol=1e-5)


def test_sharpen_undoes_no_constant_and_lifts_contrast(rand, unchanged):
    flat = torch.full((1, 8, 8, 3), 0.4)
    assert torch.allclose(nodes.image_sharpen(image=flat, alpha=5.0), flat, atol=1e-5)
    image = rand(1, 8, 8, 3) * 0.2 + 0.4
    with unchanged(image):
        assert torch.equal(nodes.image_sharpen(image=image, alpha=0.0), image)
        sharp = nodes.image_sharpen(image=image, alpha=0.05)
        soft = nodes.image_blur(image=image, blur_radius=2, sigma=1.0)
    assert sharp.std() > image.std() > soft.std()


def test_composite(rand, unchanged):
    base, top = torch.zeros(2, 6, 8, 3), rand(1, 3, 4, 3)
    with unchanged(base, top):
        out = nodes.image_composite_masked(destination=base, source=top, x=2, y=1)
    assert torch.equal(out[:, 1:4, 2:6], top.expand(2, 3, 4, 3))
    assert not out[:, 4:].any() and not out[:, :, 6:].any()


def test_composite_with_mask_and_resize(rand):
    base = torch.zeros(1, 4, 4, 3)
    mask = torch.zeros(1, 4, 4)
    mask[0, :2] = 1
    out = nodes.image_composite_masked(destination=base, source=torch.ones(1, 2, 2, 3), resize_source=True, mask=mask)
    assert torch.equal(out[0, ..., 0], mask[0])


def test_composite_of_an_opaque_picture_onto_one_with_alpha():
    out = nodes.image_composite_masked(destination=torch.zeros(1, 4, 4, 4), source=torch.zeros(1, 2, 2, 3))
    assert out[0, :2, :2, 3].min() == 1
    assert not out[0, 2:].any()
