"""Masks made, combined and changed."""

import pytest
import torch

from latentloom.engine.values import check_value
from latentloom.nodes import masks as nodes


def test_mask_to_image_and_back(rand, unchanged):
    mask = rand(2, 4, 5)
    with unchanged(mask):
        image = nodes.mask_to_image(mask=mask)
    assert check_value("IMAGE", image) is None
    for channel in ("red", "green", "blue"):
        assert torch.equal(nodes.image_to_mask(image=image, channel=channel), mask)


def test_a_single_plane_is_a_batch_of_one():
    assert nodes.mask_to_image(mask=torch.zeros(4, 5)).shape == (1, 4, 5, 3)
    assert nodes.invert_mask(mask=torch.zeros(4, 5)).shape == (1, 4, 5)


def test_image_to_mask_alpha(rand):
    image = rand(1, 4, 5, 4)
    assert torch.equal(nodes.image_to_mask(image=image, channel="alpha"), image[..., 3])
    assert nodes.image_to_mask(image=image[..., :3], channel="alpha").min() == 1


def test_solid_invert_threshold(rand, unchanged):
    solid = nodes.solid_mask(value=0.25, width=5, height=4)
    assert (solid.shape, solid.unique().tolist()) == ((1, 4, 5), [0.25])
    mask = rand(1, 4, 5)
    with unchanged(mask):
        assert torch.equal(nodes.invert_mask(mask=mask), 1 - mask)
        out = nodes.threshold_mask(mask=mask, value=0.5)
    assert torch.equal(out, (mask > 0.5).float())
    assert not nodes.threshold_mask(mask=solid, value=0.25).any(), "the value itself is not above it"


def test_crop(rand, unchanged):
    mask = rand(2, 6, 8)
    with unchanged(mask):
        assert torch.equal(nodes.crop_mask(mask=mask, x=2, y=1, width=3, height=2), mask[:, 1:3, 2:5])
    assert torch.equal(nodes.crop_mask(mask=mask, x=99, y=99), mask[:, 5:, 7:])


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("multiply", [0.0, 0.0, 0.3, 1.0]),
        ("add", [0.0, 1.0, 0.9, 1.0]),
        ("subtract", [0.0, 0.0, 0.0, 0.0]),
        ("and", [0.0, 0.0, 0.0, 1.0]),
        ("or", [0.0, 1.0, 1.0, 1.0]),
        ("xor", [0.0, 1.0, 1.0, 0.0]),
    ],
)
def test_composite(operation, expected, unchanged):
    destination = torch.tensor([[[0.0, 0.0, 0.4, 1.0]]])
    source = torch.tensor([[[0.0, 1.0, 0.75, 1.0]]])
    if operation == "add":
        source = torch.tensor([[[0.0, 1.0, 0.5, 1.0]]])
    with unchanged(destination, source):
        out = nodes.mask_composite(destination=destination, source=source, operation=operation)
    assert out.flatten().tolist() == pytest.approx(expected)


def test_composite_at_a_place_leaves_the_rest(rand):
    destination, source = rand(2, 5, 6), torch.zeros(1, 3, 3)
    out = nodes.mask_composite(destination=destination, source=source, x=4, y=3, operation="multiply")
    assert not out[:, 3:, 4:].any()
    assert torch.equal(out[:, :3], destination[:, :3])
    assert torch.equal(nodes.mask_composite(destination=destination, source=source, x=6), destination)


def test_feather_and_grow_do_not_touch_their_input(rand, unchanged):
    mask = rand(1, 6, 6)
    with unchanged(mask):
        feathered = nodes.feather_mask(mask=mask, left=2, top=1, right=0, bottom=3)
        grown = nodes.grow_mask(mask=mask, expand=1, tapered_corners=False)
        shrunk = nodes.grow_mask(mask=mask, expand=-1)
        assert torch.equal(nodes.grow_mask(mask=mask), mask)
    assert (feathered <= mask).all()
    assert (shrunk <= mask).all() and (mask <= grown).all()


def test_join_and_split(rand, unchanged):
    image, alpha = rand(2, 4, 6, 3), rand(1, 4, 6, seed=1)
    with unchanged(image, alpha):
        joined = nodes.join_image_with_alpha(image=image, alpha=alpha)
        colours, mask = nodes.split_image_with_alpha(image=joined)
    assert torch.equal(colours, image)
    assert torch.allclose(mask, alpha.expand(2, 4, 6))
    assert not nodes.split_image_with_alpha(image=image).MASK.any(), "no alpha is opaque"
    assert nodes.join_image_with_alpha(image=image, alpha=torch.ones(9, 9)).shape == (2, 4, 6, 4)
