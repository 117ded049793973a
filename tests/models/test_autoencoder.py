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


def test_tiles_keep_sizes_and_see_only_their_surroundings(tiny, image):
    latent = tiny.vae.encode_tiled(image, tile=16, overlap=8)
    assert latent.shape == (2, 4, 4, 6)
    picture = tiny.vae.decode_tiled(latent, tile=16, overlap=8)
    assert picture.shape == image.shape
    changed = latent.clone()
    changed[:, :, :, 5] += 3
    other = tiny.vae.decode_tiled(changed, tile=16, overlap=8)
    assert torch.equal(picture[:, :, :32], other[:, :, :32])
    assert not torch.equal(picture, other)


def test_half_precision_network_gives_float32(tiny, image):
    import copy

    vae = Autoencoder(copy.deepcopy(tiny.vae.network).bfloat16())
    latent = vae.encode(image)
    assert latent.dtype == vae.decode(latent).dtype == torch.float32
    assert vae.dtype == torch.bfloat16
