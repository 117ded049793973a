"""TAESD against diffusers' AutoencoderTiny: the same random weights, float32, max|diff| / std <= 1e-4, every layout."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.models.family import FAMILIES
from latentloom.engine.models.taesd_load import load_taesd

diffusers = pytest.importorskip("diffusers")

LIMIT = 1e-4


def tiny(channels, width=32):
    theirs = diffusers.AutoencoderTiny(
        latent_channels=channels, encoder_block_out_channels=[width] * 4, decoder_block_out_channels=[width] * 4
    ).eval()
    generator = torch.Generator().manual_seed(1)
    for parameter in theirs.parameters():
        spread = 0.05 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        parameter.data = torch.randn(parameter.shape, generator=generator) * spread
    return theirs


def halves(theirs):
    """Return both halves in the names of their own files."""
    encoder = {key: value.contiguous() for key, value in theirs.encoder.layers.state_dict().items()}
    shifted = theirs.decoder.layers.state_dict().items()
    decoder = {f"{int(key.split('.')[0]) + 1}.{key.split('.', 1)[1]}": value.contiguous() for key, value in shifted}
    return encoder, decoder


def written(theirs, layout, folder):
    encoder, decoder = halves(theirs)
    if layout == "diffusers":
        theirs.save_pretrained(folder)
        return [folder / "diffusion_pytorch_model.safetensors"]
    if layout == "combined":
        both = {f"taesd_encoder.{key}": value for key, value in encoder.items()}
        both |= {f"taesd_decoder.{key}": value for key, value in decoder.items()}
        save_file(both, folder / "taesd.safetensors")
        return [folder / "taesd.safetensors"]
    save_file(encoder, folder / "a.safetensors")
    save_file(decoder, folder / "b.safetensors")
    return [folder / "b.safetensors", folder / "a.safetensors"]  # which is which shows in the keys


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    assert theirs.std() > 1e-2, "the oracle's output carries no signal"
    return float((ours - theirs).abs().max() / theirs.std())


@pytest.mark.parametrize("family", ["SD1.x", "SD3"])
@pytest.mark.parametrize("layout", ["halves", "combined", "diffusers"])
@torch.no_grad()
def test_encoder_and_decoder(family, layout, tmp_path):
    latent = FAMILIES[family].latent
    theirs = tiny(latent.channels)
    ours = load_taesd(written(theirs, layout, tmp_path), latent, device=torch.device("cpu")).network
    generator = torch.Generator().manual_seed(2)
    pixels = torch.rand(2, 3, 40, 24, generator=generator) * 2 - 1
    scaled = torch.randn(2, latent.channels, 5, 3, generator=generator) * 2
    mean, logvar = ours.encode(pixels)
    assert difference(latent.scaled(mean), theirs.encode(pixels).latents) <= LIMIT
    assert logvar.eq(-30).all()
    assert difference(ours.decode(latent.raw(scaled)), theirs.decode(scaled).sample) <= LIMIT


@torch.no_grad()
def test_previews_are_the_decoder_s_pictures(tmp_path):
    from latentloom.engine.models.taesd_load import pick_previewer

    latent = replace(FAMILIES["SD3"].latent, tiny="taesd3")
    theirs = tiny(16)
    save_file(halves(theirs)[1], tmp_path / "taesd3_decoder.safetensors")
    previewer = pick_previewer(latent, "auto", [tmp_path], device=torch.device("cpu"))
    scaled = torch.randn(1, 16, 5, 3, generator=torch.Generator().manual_seed(3))
    wanted = (theirs.decode(scaled).sample + 1) / 2
    assert difference(previewer.preview(scaled), wanted.clamp(0, 1).movedim(1, -1)) <= LIMIT
