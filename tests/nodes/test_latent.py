"""Latents made, cut, joined and resized; unknown keys travel on."""

import pytest
import torch

from latentloom.nodes import latent as nodes
from latentloom.nodes import latent_batch as batch


@pytest.fixture
def latent(rand):
    return {"samples": rand(2, 4, 12, 16), "mine": "kept"}


def test_empty():
    out = nodes.empty_latent_image(width=72, height=40, batch_size=3)["samples"]
    assert (out.shape, bool(out.any())) == ((3, 4, 5, 9), False)


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "bislerp"])
def test_upscale_hits_the_size(latent, unchanged, method):
    with unchanged(latent):
        out = nodes.latent_upscale(samples=latent, upscale_method=method, width=256, height=128, crop="disabled")
        by = nodes.latent_upscale_by(samples=latent, upscale_method=method, scale_by=1.5)
    assert (out["samples"].shape, out["mine"]) == ((2, 4, 16, 32), "kept")
    assert by["samples"].shape == (2, 4, 18, 24)


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [(0, 0, (12, 16)), (0, 192, (24, 32)), (256, 0, (24, 32)), (0, 8, (8, 10)), (8, 8, (8, 8))],
)
def test_zero_keeps_the_aspect_and_64_pixels_are_the_least(latent, width, height, shape):
    out = nodes.latent_upscale(samples=latent, width=width, height=height)
    assert out["samples"].shape[-2:] == shape


def test_upscale_with_crop_does_not_distort(latent):
    out = nodes.latent_upscale(samples=latent, upscale_method="nearest-exact", width=96, height=96, crop="center")
    assert torch.equal(out["samples"], latent["samples"][..., 2:14])


def test_composite_is_cut_at_the_border(latent, rand, unchanged):
    patch = {"samples": rand(2, 4, 8, 8, seed=1)}
    with unchanged(latent, patch):
        out = nodes.latent_composite(samples_to=latent, samples_from=patch, x=96, y=64)["samples"]
    assert torch.equal(out[..., 8:, 12:], patch["samples"][..., :4, :4])
    assert torch.equal(out[..., :8, :], latent["samples"][..., :8, :])
    assert torch.equal(out[..., :12], latent["samples"][..., :12])


def test_composite_outside_changes_nothing(latent):
    out = nodes.latent_composite(samples_to=latent, samples_from=latent, x=1600)
    assert torch.equal(out["samples"], latent["samples"])


def test_composite_feathers_only_inner_edges():
    base, patch = {"samples": torch.zeros(1, 1, 8, 8)}, {"samples": torch.ones(1, 1, 4, 4)}
    out = nodes.latent_composite(samples_to=base, samples_from=patch, x=16, y=0, feather=16)["samples"][0, 0]
    assert out[0, 2:6].tolist() == [0.5, 1.0, 1.0, 0.5], "left and right fade"
    assert out[:4, 3].tolist() == [1.0, 1.0, 1.0, 0.5], "the top lies on the border and stays hard"


def test_blend(latent, rand, unchanged):
    other = {"samples": rand(2, 4, 12, 16, seed=1)}
    with unchanged(latent, other):
        out = nodes.latent_blend(samples1=latent, samples2=other, blend_factor=0.25)
    assert torch.allclose(out["samples"], 0.25 * latent["samples"] + 0.75 * other["samples"])
    assert out["mine"] == "kept"


def test_blend_fits_the_second(latent):
    other = {"samples": torch.ones(2, 4, 30, 30)}
    out = nodes.latent_blend(samples1=latent, samples2=other, blend_factor=0.0)
    assert torch.allclose(out["samples"], torch.ones(2, 4, 12, 16), atol=1e-5)


def test_crop(latent, unchanged):
    with unchanged(latent):
        out = nodes.latent_crop(samples=latent, width=64, height=64, x=16, y=8)
    assert torch.equal(out["samples"], latent["samples"][..., 1:9, 2:10])
    far = nodes.latent_crop(samples=latent, width=128, height=128, x=9999, y=9999)
    assert torch.equal(far["samples"], latent["samples"][..., 4:, 8:])
    assert out["samples"].untyped_storage().data_ptr() != latent["samples"].untyped_storage().data_ptr()


def test_flip(latent):
    down = nodes.latent_flip(samples=latent, flip_method="x-axis: vertically")["samples"]
    across = nodes.latent_flip(samples=latent, flip_method="y-axis: horizontally")["samples"]
    assert torch.equal(down[..., 0, :], latent["samples"][..., -1, :])
    assert torch.equal(across[..., 0], latent["samples"][..., -1])


def test_rotate_turns_clockwise():
    latent = {"samples": torch.tensor([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 1, 2, 2)}
    turned = {
        rotation: nodes.latent_rotate(samples=latent, rotation=rotation)["samples"].flatten().tolist()
        for rotation in ("none", "90 degrees", "180 degrees", "270 degrees")
    }
    assert turned == {
        "none": [1, 2, 3, 4],
        "90 degrees": [3, 1, 4, 2],
        "180 degrees": [4, 3, 2, 1],
        "270 degrees": [2, 4, 1, 3],
    }


@pytest.mark.parametrize("shape", [(5, 6), (2, 5, 6)])
def test_noise_mask(latent, unchanged, shape):
    with unchanged(latent):
        out = nodes.set_latent_noise_mask(samples=latent, mask=torch.ones(shape))
    assert out["noise_mask"].shape == (shape[0] if len(shape) == 3 else 1, 1, 5, 6)
    assert out["mine"] == "kept"


def test_from_batch_remembers_places_and_masks(rand, unchanged):
    latent = {"samples": rand(5, 4, 2, 2), "noise_mask": rand(2, 1, 4, 4, seed=1), "mine": 1}
    with unchanged(latent):
        out = batch.latent_from_batch(samples=latent, batch_index=3, length=9)
    assert torch.equal(out["samples"], latent["samples"][3:])
    assert out["batch_index"] == [3, 4]
    assert torch.equal(out["noise_mask"], latent["noise_mask"][[1, 0]])
    again = batch.latent_from_batch(samples=out, batch_index=1)
    assert again["batch_index"] == [4]
    assert batch.latent_from_batch(samples=latent, batch_index=63)["batch_index"] == [4]


def test_repeat_gives_copies_places_of_their_own(rand, unchanged):
    latent = {"samples": rand(2, 4, 2, 2), "batch_index": [3, 5], "noise_mask": rand(2, 1, 4, 4, seed=1)}
    with unchanged(latent):
        out = batch.repeat_latent_batch(samples=latent, amount=3)
    assert out["batch_index"] == [3, 5, 6, 8, 9, 11]
    assert torch.equal(out["samples"][4:], latent["samples"])
    assert out["noise_mask"].shape[0] == 6
    alone = {**latent, "noise_mask": latent["noise_mask"][:1]}
    assert batch.repeat_latent_batch(samples=alone, amount=2)["noise_mask"].shape[0] == 1
