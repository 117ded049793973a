"""The single file we write, read by diffusers' own converter of SD1.5 checkpoints: same names, same pictures."""

import pytest
import torch
from safetensors.torch import load_file

from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.models.autoencoder import Autoencoder
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.load import save_checkpoint
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")

LIMIT = 1e-4


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    assert theirs.std() > 1e-3
    return float((ours - theirs).abs().max() / theirs.std())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Our networks and the tensors of the file they were saved to."""
    torch.manual_seed(0)
    unet = UNet(UNetConfig(model_channels=32, channel_mult=(1, 2), transformer_depth=(1, 0), context_dim=64))
    vae = AutoencoderKL(VAEConfig(channels=32, channel_mult=(1, 2, 2), res_blocks=2))
    text = CLIPText(CLIPTextConfig(width=128, layers=2, heads=2, mlp=96))
    for network in (unet, vae, text):
        network.eval().requires_grad_(False)
        for parameter in network.parameters():
            parameter += torch.randn_like(parameter) * 0.03
    path = tmp_path_factory.mktemp("single") / "ours.safetensors"
    model = DiffusionModel(unet, Discrete.stable_diffusion())
    save_checkpoint(path, model, TextEncoder(text), Autoencoder(vae), torch.float32)
    return unet, vae, text, load_file(path)


@torch.no_grad()
def test_unet(written):
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    theirs = diffusers.UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=2, cross_attention_dim=64, attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).eval()  # fmt: skip
    theirs.load_state_dict(convert_ldm_unet_checkpoint(dict(written[3]), dict(theirs.config)), strict=True)
    x, context, time = torch.randn(1, 4, 8, 8), torch.randn(1, 5, 64), torch.tensor([333.0])
    assert difference(written[0](x, time, context), theirs(x, time, context).sample) <= LIMIT


@torch.no_grad()
def test_vae(written):
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    theirs = diffusers.AutoencoderKL(
        block_out_channels=(32, 64, 64), layers_per_block=2, latent_channels=4,
        down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3,
    ).eval()  # fmt: skip
    state = convert_ldm_vae_checkpoint(dict(written[3]), dict(theirs.config))
    wanted = {key: value.shape for key, value in theirs.state_dict().items()}
    theirs.load_state_dict({key: value.reshape(wanted[key]) for key, value in state.items()}, strict=True)
    pixels, latent = torch.rand(1, 3, 16, 24) * 2 - 1, torch.randn(1, 4, 4, 6)
    assert difference(written[1].encode(pixels)[0], theirs.encode(pixels).latent_dist.mean) <= LIMIT
    assert difference(written[1].decode(latent), theirs.decode(latent).sample) <= LIMIT


@torch.no_grad()
def test_text_encoder(written):
    from diffusers.loaders.single_file_utils import convert_ldm_clip_checkpoint

    config = transformers.CLIPTextConfig(
        vocab_size=49408, hidden_size=128, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
        hidden_act="quick_gelu", eos_token_id=49407,
    )  # fmt: skip
    theirs = transformers.CLIPTextModel(config).eval()
    bare = not any(key.startswith("text_model.") for key in theirs.state_dict())
    state = convert_ldm_clip_checkpoint(dict(written[3]))
    state = {key.removeprefix("text_model.") if bare else key: value for key, value in state.items()}
    theirs.load_state_dict(state, strict=True)
    tokens = torch.tensor([[49406, 320, 2368, *[49407] * 74]])
    states, pooled = written[2](tokens)
    reference = theirs(input_ids=tokens)
    assert difference(states, reference.last_hidden_state) <= LIMIT
    assert difference(pooled, reference.pooler_output) <= LIMIT
