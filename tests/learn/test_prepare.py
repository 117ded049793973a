"""What a denoiser's training starts from: the token table of a data set, and latents scaled and told apart."""

import pytest
import torch

from latentloom.engine.learn.data import CaptionTable
from latentloom.engine.learn.prepare import caption_table, latent_shards, preview_format
from latentloom.engine.models.autoencoder import Autoencoder
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.latent import LatentFormat
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig
from latentloom.engine.shapes.dataset import ShapeScenes

SCENES = ShapeScenes(16, 1)


@pytest.fixture(scope="module")
def vae():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AutoencoderKL(VAEConfig(channels=32, channel_mult=(1, 1, 1, 1), res_blocks=1, attention=False))
    return Autoencoder(network.eval().requires_grad_(requires_grad=False))


def test_words_give_the_same_table_as_whole_captions():
    clip = TextEncoder(CLIPText(CLIPTextConfig(width=32, layers=1, heads=1, mlp=32)))
    table = caption_table(SCENES, clip, count=400)
    captions = [caption for index in range(4) for caption in SCENES.batch(10**6 + index, 100)[1]]
    assert table.rows == CaptionTable(table.tokenize, captions).rows
    assert table.unseen_row not in table.encode(captions)


def test_latents_are_scaled_and_kept_apart_by_source_and_encoder(vae, tmp_path):
    form = LatentFormat(scale=0.5)
    shards = latent_shards(SCENES, vae, form, folder=tmp_path, name="one", shard=8, window=1)
    drawn, _ = shards.draw(0, 4, torch.Generator().manual_seed(0))
    everything = vae.encode(torch.from_numpy(SCENES.batch(0, 8)[0]).float() / 255) * 0.5
    spread = float(everything.std())
    for latent in drawn:  # bfloat16 on the way: near one of them, far nearer than they are to one another
        assert float((everything - latent).flatten(1).square().mean(1).sqrt().min()) < 0.05 * spread
    other = latent_shards(SCENES, vae, form, name="two")
    assert shards.key != other.key
    assert [path.name for path in tmp_path.iterdir()] == [f"{shards.key}-8-000000.safetensors"]


def test_half_precision_autoencoders_are_read_too(vae):
    half = Autoencoder(AutoencoderKL(vae.network.config).to(torch.bfloat16).eval())
    half.network.load_state_dict(vae.network.state_dict())
    form = LatentFormat()
    found = preview_format(SCENES, half, form, batches=1)
    assert found.rgb_factors != form.rgb_factors
    assert torch.tensor([*found.rgb_factors, found.rgb_bias]).isfinite().all()
    shards = latent_shards(SCENES, half, form, shard=4, window=1)
    assert shards.draw(0, 2, torch.Generator().manual_seed(0))[0].dtype == torch.float32
