import logging
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.errors import UserError
from latentloom.engine.models.autoencoder import Autoencoder
from latentloom.engine.models.latent import LatentFormat
from latentloom.engine.models.taesd import TAESD, TAESDConfig
from latentloom.engine.models.taesd_load import load_taesd, load_taesd_of, pick_previewer, taesd_config

CPU = torch.device("cpu")
SMALL = TAESDConfig(latent_channels=4, width=8)


def saved(network, half, path, prefix=""):
    save_file({prefix + key: value for key, value in getattr(network, half).state_dict().items()}, path)
    return path


def test_taesd_has_its_published_parameters_and_keys():
    with torch.device("meta"):
        network = TAESD(TAESDConfig())
    encoder, decoder = network.taesd_encoder.state_dict(), network.taesd_decoder.state_dict()
    assert sum(value.numel() for value in encoder.values()) == 1_222_532
    assert sum(value.numel() for value in decoder.values()) == 1_222_531
    assert (len(encoder), len(decoder)) == (67, 67)
    assert "0.weight" not in decoder
    for state in (encoder, decoder):
        shapes = {key: tuple(value.shape) for key, value in state.items()}
        assert taesd_config(shapes) == TAESDConfig()


@torch.no_grad()
def test_it_is_an_autoencoder_of_raw_latents(randomised):
    network = randomised(TAESD(replace(SMALL, scale=0.5, shift=0.25)), 1)
    vae = Autoencoder(network)
    image = torch.rand(2, 32, 48, 3, generator=torch.Generator().manual_seed(2))
    latent = vae.encode(image)
    assert latent.shape == (2, 4, 4, 6)
    scaled = network.taesd_encoder(image.movedim(-1, 1) * 2 - 1)
    assert torch.allclose((latent - 0.25) * 0.5, scaled, atol=1e-5)
    assert vae.decode(latent).shape == image.shape
    assert (vae.downscale, vae.latent_channels) == (8, 4)
    assert vae.decode_tiled(latent, tile=16, overlap=8).shape == image.shape
    with pytest.raises(UserError, match="V136"):
        _ = vae.full


@torch.no_grad()
def test_latents_are_squeezed_and_previews_are_pictures(randomised):
    decoder = randomised(TAESD(SMALL), 1).taesd_decoder
    far = torch.full((1, 4, 2, 3), 100.0)
    assert torch.allclose(decoder(far), decoder(far * 2))
    picture = decoder.preview(torch.randn(1, 4, 2, 3))
    assert picture.shape == (1, 16, 24, 3)
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_a_half_that_is_nowhere_is_one_clear_error(randomised, tmp_path):
    network = randomised(TAESD(SMALL), 1)
    decoder = saved(network, "taesd_decoder", tmp_path / "taesd_decoder.safetensors")
    with pytest.raises(UserError, match=r'M065 "taesd_decoder.safetensors": expected a TAESD encoder'):
        load_taesd([decoder], LatentFormat(), device=CPU)
    save_file({"1.weight": torch.zeros(8, 4, 3, 3), "3.conv.0.weight": torch.zeros(1)}, tmp_path / "torn.safetensors")
    encoder = saved(network, "taesd_encoder", tmp_path / "e.safetensors")
    with pytest.raises(UserError, match=r"M004 .*TAESD decoder.*missing"):
        load_taesd([encoder, tmp_path / "torn.safetensors"], LatentFormat(), device=CPU)


@torch.no_grad()
def test_the_halves_of_a_space_are_found_by_its_name(randomised, tmp_path):
    network = randomised(TAESD(SMALL), 1)
    latent = LatentFormat(scale=0.13025, tiny="taesdxl")
    with pytest.raises(UserError, match=r'M065 "taesdxl": expected a TAESD autoencoder'):
        load_taesd_of(latent, [tmp_path], device=CPU)
    saved(network, "taesd_decoder", tmp_path / "taesdxl_decoder.safetensors")
    with pytest.raises(UserError, match=r'M065 "taesdxl_decoder.safetensors": expected a TAESD encoder'):
        load_taesd_of(latent, [tmp_path], device=CPU)
    saved(network, "taesd_encoder", tmp_path / "taesdxl_encoder.safetensors")
    vae = load_taesd_of(latent, [tmp_path / "empty", tmp_path], device=CPU)
    z = torch.randn(1, 4, 2, 3)
    assert torch.equal(vae.network.decode(z), network.taesd_decoder(z * 0.13025))


@pytest.fixture
def folder(randomised, tmp_path):
    saved(randomised(TAESD(SMALL), 1), "taesd_decoder", tmp_path / "taesd_decoder.safetensors")
    return tmp_path


@pytest.mark.parametrize(("method", "size"), [("auto", 24), ("taesd", 24), ("latent2rgb", 3), ("none", None)])
def test_the_method_is_the_user_s(folder, method, size):
    previewer = pick_previewer(LatentFormat(), method, [folder / "empty", folder], device=CPU)
    assert (previewer and previewer.preview(torch.zeros(1, 4, 2, 3)).shape[2]) == size


@pytest.mark.parametrize("latent", [LatentFormat(tiny="taesdxl"), LatentFormat(tiny="")], ids=["other", "none"])
def test_without_its_decoder_a_space_shows_its_colours(folder, latent):
    assert pick_previewer(latent, "taesd", [folder], device=CPU) is latent
    assert pick_previewer(replace(latent, channels=16), "taesd", [folder], device=CPU) is None


@pytest.mark.parametrize("fault", ["torn", "other family"])
def test_a_decoder_that_does_not_fit_is_told_and_passed_over(folder, fault, caplog):
    latent = LatentFormat()
    if fault == "torn":
        (folder / "taesd_decoder.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0[]      ")
    else:
        latent = LatentFormat(16, rgb_factors=((0.1, 0.1, 0.1),) * 16)
    with caplog.at_level(logging.WARNING, "latentloom.previews"):
        assert pick_previewer(latent, "auto", [folder], device=CPU) is latent
    assert "without TAESD" in caplog.text


def test_a_file_with_both_halves_serves_previews(randomised, tmp_path):
    network = randomised(TAESD(SMALL), 1)
    saved(network, "taesd_decoder", tmp_path / "taesd.safetensors", "taesd_decoder.")
    previewer = pick_previewer(LatentFormat(), "auto", [tmp_path], device=CPU)
    scaled = torch.randn(1, 4, 2, 2)
    assert torch.equal(previewer.preview(scaled), network.taesd_decoder.preview(scaled))
