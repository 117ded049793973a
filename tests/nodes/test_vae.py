"""Pictures to latents and back, whole and in tiles; holes for inpainting."""

import pytest
import torch

from latentloom.engine.values import check_value
from latentloom.nodes import inpaint, vae


def test_encode_and_decode(tiny, rand, unchanged):
    image = rand(2, 32, 48, 3)
    with unchanged(image):
        latent = vae.vae_encode(pixels=image, vae=tiny.vae)
    assert check_value("LATENT", latent) is None
    assert latent["samples"].shape == (2, 4, 4, 6)
    with unchanged(latent):
        out = vae.vae_decode(samples=latent, vae=tiny.vae)
    assert check_value("IMAGE", out) is None
    assert out.shape == image.shape
    assert out.min() >= 0 and out.max() <= 1


def test_alpha_is_dropped_and_odd_edges_are_cut(tiny, rand):
    image = rand(1, 36, 50, 4)
    latent = vae.vae_encode(pixels=image, vae=tiny.vae)["samples"]
    inner = vae.vae_encode(pixels=image[:, 2:34, 1:49, :3], vae=tiny.vae)["samples"]
    assert torch.equal(latent, inner)


def test_one_tile_equals_the_whole(tiny, rand):
    image = rand(1, 64, 64, 3)
    whole = vae.vae_encode(pixels=image, vae=tiny.vae)
    tiled = vae.vae_encode_tiled(pixels=image, vae=tiny.vae, tile_size=64, overlap=0)
    assert torch.allclose(whole["samples"], tiled["samples"], atol=1e-5)
    decoded = vae.vae_decode(samples=whole, vae=tiny.vae)
    pieces = vae.vae_decode_tiled(samples=whole, vae=tiny.vae, tile_size=64, overlap=64)
    assert torch.allclose(decoded, pieces, atol=1e-5)


def test_tiles_cover_the_picture(tiny, rand):
    latent = {"samples": rand(1, 4, 20, 12)}
    out = vae.vae_decode_tiled(samples=latent, vae=tiny.vae, tile_size=64, overlap=32)
    assert out.shape == (1, 160, 96, 3)
    assert vae.vae_encode_tiled(pixels=out, vae=tiny.vae, tile_size=64, overlap=32)["samples"].shape == (1, 4, 20, 12)


@pytest.fixture
def hole():
    mask = torch.zeros(1, 32, 32)
    mask[:, 12:20, 12:20] = 1.0
    return mask


def test_inpaint_blanks_the_hole_and_grows_the_mask(tiny, rand, hole, unchanged):
    image = rand(1, 32, 32, 3)
    with unchanged(image, hole):
        out = inpaint.vae_encode_for_inpaint(pixels=image, vae=tiny.vae, mask=hole, grow_mask_by=6)
    blank = image.clone()
    blank[:, 12:20, 12:20] = 0.5
    assert torch.allclose(out["samples"], tiny.vae.encode(blank), atol=1e-5)
    grown = out["noise_mask"][0, 0]
    assert grown.shape == (32, 32)
    # An even width of 6 reaches 3 pixels one way and 2 the other.
    assert grown.nonzero().min(0).values.tolist() == [10, 10]
    assert grown.nonzero().max(0).values.tolist() == [22, 22]
    plain = inpaint.vae_encode_for_inpaint(pixels=image, vae=tiny.vae, mask=hole, grow_mask_by=0)
    assert torch.equal(plain["noise_mask"][0], hole)


@pytest.mark.parametrize("grow", [1, 2, 5, 6, 64])
def test_the_mask_grows_as_a_box_filter_would(tiny, rand, hole, grow):
    import math

    import torch.nn.functional as F

    out = inpaint.vae_encode_for_inpaint(pixels=rand(1, 32, 32, 3), vae=tiny.vae, mask=hole, grow_mask_by=grow)
    padding = math.ceil((grow - 1) / 2)
    summed = F.conv2d(hole[:, None], torch.ones(1, 1, grow, grow), padding=padding)[..., :32, :32]
    assert torch.equal(out["noise_mask"], summed.clamp(0, 1))


def test_inpaint_conditioning(tiny, prompts, rand, hole, unchanged):
    image = rand(1, 36, 36, 3)
    with unchanged(image, hole, prompts):
        out = inpaint.inpaint_model_conditioning(
            positive=prompts[0], negative=prompts[1], vae=tiny.vae, pixels=image, mask=hole, noise_mask=True
        )
    facts = out.positive[0][1]
    assert facts["concat_latent_image"].shape == (1, 4, 4, 4)
    assert facts["concat_mask"].shape == (1, 1, 32, 32)
    assert facts["pooled_output"] is prompts[0][0][1]["pooled_output"]
    assert torch.equal(out.latent["samples"], tiny.vae.encode(image))
    assert not torch.equal(out.latent["samples"], facts["concat_latent_image"])
    assert out.latent["noise_mask"] is facts["concat_mask"]
    free = inpaint.inpaint_model_conditioning(
        positive=prompts[0], negative=prompts[1], vae=tiny.vae, pixels=image, mask=hole, noise_mask=False
    )
    assert "noise_mask" not in free.latent


def test_a_batch_with_one_mask_and_with_several(tiny, rand, hole):
    image = rand(3, 32, 32, 3)
    one = inpaint.vae_encode_for_inpaint(pixels=image, vae=tiny.vae, mask=hole)
    two = inpaint.vae_encode_for_inpaint(pixels=image, vae=tiny.vae, mask=torch.cat([hole, 1 - hole]))
    assert one["noise_mask"].shape[0] == 1
    assert two["noise_mask"].shape[0] == 3
    assert one["samples"].shape == two["samples"].shape == (3, 4, 4, 4)


def test_instruct_pix2pix_shows_the_picture_to_both_prompts(tiny, prompts, rand, unchanged):
    image = rand(2, 36, 50, 4)
    with unchanged(image, prompts):
        out = inpaint.instruct_pix_to_pix_conditioning(
            positive=prompts[0], negative=prompts[1], vae=tiny.vae, pixels=image
        )
    wanted = vae.vae_encode(pixels=image, vae=tiny.vae)["samples"]
    for shown, given in zip(out[:2], prompts, strict=True):
        assert torch.equal(shown[0][0], given[0][0])
        assert torch.equal(shown[0][1]["concat_latent_image"], wanted)
        assert shown[0][1]["pooled_output"] is given[0][1]["pooled_output"]
    assert out.latent["samples"].shape == wanted.shape
    assert not out.latent["samples"].any()
