import copy
import logging

import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.models import autoencoder
from latentloom.engine.models.autoencoder import Autoencoder


@pytest.fixture
def image():
    return torch.rand(2, 32, 48, 3, generator=torch.Generator().manual_seed(5))


def test_conventions_around_the_network(tiny, image):
    latent = tiny.vae.encode(image)
    mean, _ = tiny.vae.network.encode(image.movedim(-1, 1) * 2 - 1)
    assert torch.equal(latent, mean)
    picture = tiny.vae.decode(latent)
    assert picture.shape == image.shape
    assert picture.min() >= 0
    assert picture.max() <= 1
    raw = tiny.vae.network.decode(latent)
    assert torch.allclose(picture, ((raw + 1) / 2).clamp(0, 1).movedim(1, -1))
    assert (tiny.vae.downscale, tiny.vae.latent_channels) == (8, 4)


def test_odd_sizes_are_cropped_around_the_centre_and_alpha_dropped(tiny, image):
    padded = torch.zeros(2, 37, 53, 4)
    padded[:, 2:34, 2:50, :3] = image
    assert torch.equal(tiny.vae.encode(padded), tiny.vae.encode(image))
    assert torch.equal(tiny.vae.encode_tiled(padded), tiny.vae.encode_tiled(image))
    with pytest.raises(UserError, match=r"V130 .* at least 8x8 pixels, got 48x7"):
        tiny.vae.encode(image[:, :7])


def test_a_latent_of_another_family_is_refused(tiny):
    with pytest.raises(UserError, match=r"V131 .* 4 channels.*got 16"):
        tiny.vae.decode(torch.zeros(1, 16, 2, 2))


def test_batches_are_split_without_a_difference(tiny, image, monkeypatch):
    whole = tiny.vae.encode(image), tiny.vae.decode(tiny.vae.encode(image))
    monkeypatch.setattr(autoencoder, "BATCH_PX", 1)
    parts = tiny.vae.encode(image), tiny.vae.decode(tiny.vae.encode(image))
    for a, b in zip(whole, parts, strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_tiled_equals_whole_where_one_tile_suffices(tiny, image):
    latent = tiny.vae.encode(image)
    assert torch.allclose(tiny.vae.encode_tiled(image, tile=64, overlap=16), latent, atol=1e-4)
    assert torch.allclose(tiny.vae.decode_tiled(latent, tile=64, overlap=16), tiny.vae.decode(latent), atol=1e-4)


@torch.no_grad()
def test_pieces_are_the_whole_without_seams(tiny, image):
    bright = image.clone()
    bright[:, :, 16:] = bright[:, :, 16:] / 8 + 0.8  # tiles on their own would be normalised each for its own tone
    latent = tiny.vae.encode(bright)
    whole = tiny.vae.decode(latent)
    assert torch.allclose(tiny.vae.encode_tiled(bright, tile=16, overlap=8), latent, atol=1e-4)
    assert torch.allclose(tiny.vae.decode_tiled(latent, tile=16, overlap=8), whole, atol=1e-5)
    blended = tiny.vae.decode_tiled(latent, tile=16, overlap=8, blend=True)
    assert (blended - whole).abs().max() > 1e-2, "the test must show a difference where there is one"


def test_tiles_on_their_own_keep_sizes_and_see_only_their_surroundings(tiny, image):
    latent = tiny.vae.encode_tiled(image, tile=16, overlap=8, blend=True)
    assert latent.shape == (2, 4, 4, 6)
    picture = tiny.vae.decode_tiled(latent, tile=16, overlap=8, blend=True)
    assert picture.shape == image.shape
    changed = latent.clone()
    changed[:, :, :, 5] += 3
    other = tiny.vae.decode_tiled(changed, tile=16, overlap=8, blend=True)
    assert torch.equal(picture[:, :, :32], other[:, :, :32])
    assert not torch.equal(picture, other)


def test_a_picture_beyond_the_machine_s_memory_goes_in_tiles_of_its_own(tiny, image, monkeypatch):
    latent = tiny.vae.encode(image)
    blended = tiny.vae.decode_tiled(latent, tile=16, overlap=8, blend=True)
    assert not torch.allclose(tiny.vae.decode_tiled(latent, tile=16, overlap=8), blended, atol=1e-4)
    monkeypatch.setattr(autoencoder, "host_bytes", lambda: 10**6)
    assert torch.equal(tiny.vae.decode_tiled(latent, tile=16, overlap=8), blended)


def test_half_precision_network_gives_float32(tiny, image):
    vae = Autoencoder(copy.deepcopy(tiny.vae.network).bfloat16())
    latent = vae.encode(image)
    assert latent.dtype == vae.decode(latent).dtype == torch.float32
    assert vae.dtype == torch.bfloat16


@torch.no_grad()
def test_what_overflows_in_float16_is_computed_in_float32(tiny, image, caplog):
    network = copy.deepcopy(tiny.vae.network)
    for convolution in (network.decoder.conv_in, network.encoder.conv_in):
        convolution.weight.mul_(4e4 / convolution.weight.abs().max())
    network.half().float()  # both compute from the same rounded weights
    loud = Autoencoder(network)
    latent = loud.encode(image)
    wanted = loud.decode(latent)
    half = Autoencoder(copy.deepcopy(network).half())
    assert not half.network.decode(latent.half()).isfinite().all(), "the test must leave float16's range"
    with caplog.at_level(logging.INFO, "latentloom.models"):
        assert torch.allclose(half.encode(image), latent, atol=1e-4)
        assert torch.allclose(half.decode(latent), wanted, atol=1e-4)
        assert half.decode_tiled(latent, tile=16, overlap=8).isfinite().all()
    assert caplog.text.count("overflows in float16") == 1
    assert half.dtype == torch.float16


@torch.no_grad()
def test_float16_is_kept_where_it_suffices_and_a_broken_latent_is_not_tried_twice(tiny, image, caplog):
    half = Autoencoder(copy.deepcopy(tiny.vae.network).half())
    with caplog.at_level(logging.INFO, "latentloom.models"):
        assert torch.allclose(half.encode(image), tiny.vae.encode(image), atol=0.05)
        half.decode(torch.full((1, 4, 2, 2), float("nan")))
    assert "overflows" not in caplog.text
