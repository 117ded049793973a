"""Our networks against transformers and diffusers: the same random weights, float32, max|diff| / std <= 1e-4."""

import pytest
import torch

from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.rename import clip_names, unet_names, vae_names
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")

LIMIT = 1e-4


def randomise(network, seed):
    """Give every parameter a value that matters, zero-initialised ones too."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        spread = 0.05 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        value = torch.randn(parameter.shape, generator=generator) * spread
        parameter.data = value + 1 if "norm" in name and name.endswith("weight") else value


def transfer(theirs, ours, names):
    """Copy the weights over by our table of names; every key on both sides must find its partner."""
    state = theirs.state_dict()
    table = names([key for key in state if not key.endswith("position_ids")])
    shapes = {key: value.shape for key, value in ours.state_dict().items()}
    assert set(table.values()) == set(shapes)
    ours.load_state_dict({own: state[key].reshape(shapes[own]) for key, own in table.items()}, strict=True)


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    assert theirs.std() > 1e-3, "the oracle's output carries no signal"
    return float((ours - theirs).abs().max() / theirs.std())


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
@pytest.mark.parametrize("skip", [1, 2])
@torch.no_grad()
def test_text_encoder(activation, skip):
    config = transformers.CLIPTextConfig(
        vocab_size=500, hidden_size=128, intermediate_size=256, num_hidden_layers=3, num_attention_heads=2,
        max_position_embeddings=77, hidden_act=activation, bos_token_id=498, eos_token_id=499, pad_token_id=499,
    )  # fmt: skip
    theirs = transformers.CLIPTextModel(config).eval()
    randomise(theirs, 1)
    ours = CLIPText(CLIPTextConfig(500, 128, 3, 2, 256, 77, activation)).eval()
    transfer(theirs, ours, clip_names)
    tokens = torch.randint(0, 498, (3, 77), generator=torch.Generator().manual_seed(2))
    tokens[:, 0] = 498
    for row, end in enumerate((5, 40, 76)):
        tokens[row, end:] = 499
    reference = theirs(input_ids=tokens, output_hidden_states=True)
    states, pooled = ours(tokens, skip=skip)
    norm = getattr(theirs, "text_model", theirs).final_layer_norm
    assert difference(states, norm(reference.hidden_states[-skip])) <= LIMIT
    assert difference(pooled, reference.pooler_output) <= LIMIT


UNETS = {
    "sd1": ({"transformer_depth": (1, 1, 0)}, {"attention_head_dim": 8}),
    "attention everywhere": ({"transformer_depth": (1, 1, 1)}, {"attention_head_dim": 8}),
    "sd2": (
        {"transformer_depth": (1, 1, 0), "head_channels": 32, "linear_projection": True},
        {"attention_head_dim": (2, 4, 4), "use_linear_projection": True},
    ),
    "one block a level, inpainting": (
        {"transformer_depth": (1, 1, 0), "res_blocks": 1, "in_channels": 9},
        {"attention_head_dim": 8, "layers_per_block": 1, "in_channels": 9},
    ),
    "vector condition": (
        {"transformer_depth": (1, 1, 0), "adm_channels": 96},
        {"attention_head_dim": 8, "class_embed_type": "projection", "projection_class_embeddings_input_dim": 96},
    ),
}


@pytest.mark.parametrize("name", UNETS)
@pytest.mark.parametrize("size", [(8, 8), (10, 14)], ids=str)
@torch.no_grad()
def test_unet(name, size):
    own, foreign = UNETS[name]
    config = UNetConfig(model_channels=64, channel_mult=(1, 2, 2), context_dim=48, **own)
    kinds = ["CrossAttn" if depth else "" for depth in config.transformer_depth]
    theirs = diffusers.UNet2DConditionModel(**{
        "in_channels": 4, "out_channels": 4, "block_out_channels": (64, 128, 128), "layers_per_block": 2,
        "cross_attention_dim": 48, "norm_num_groups": 32,
        "down_block_types": [f"{kind}DownBlock2D" for kind in kinds],
        "up_block_types": [f"{kind}UpBlock2D" for kind in reversed(kinds)],
    } | foreign).eval()  # fmt: skip
    randomise(theirs, 3)
    ours = UNet(config).eval()
    transfer(theirs, ours, unet_names)
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(2, config.in_channels, *size, generator=generator)
    context = torch.randn(2, 11, 48, generator=generator)
    timesteps = torch.tensor([3.0, 941.25])
    y = torch.randn(2, 96, generator=generator) if config.adm_channels else None
    reference = theirs(x, timesteps, context, class_labels=y).sample
    assert difference(ours(x, timesteps, context, y), reference) <= LIMIT
    channels_last = ours.to(memory_format=torch.channels_last)
    assert difference(channels_last(x, timesteps, context, y), reference) <= LIMIT


@pytest.mark.parametrize("quant", [True, False], ids=["quant", "no quant"])
@torch.no_grad()
def test_vae(quant):
    theirs = diffusers.AutoencoderKL(
        block_out_channels=(32, 64, 64), layers_per_block=2, latent_channels=4, norm_num_groups=32,
        down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3,
        use_quant_conv=quant, use_post_quant_conv=quant,
    ).eval()  # fmt: skip
    randomise(theirs, 5)
    ours = AutoencoderKL(VAEConfig(channels=32, channel_mult=(1, 2, 2), quant_conv=quant)).eval()
    transfer(theirs, ours, vae_names)
    generator = torch.Generator().manual_seed(6)
    pixels = torch.rand(2, 3, 24, 40, generator=generator) * 2 - 1
    mean, logvar = ours.encode(pixels)
    posterior = theirs.encode(pixels).latent_dist
    assert difference(mean, posterior.mean) <= LIMIT
    assert difference(logvar, posterior.logvar) <= LIMIT
    latent = torch.randn(2, 4, 6, 10, generator=generator)
    assert difference(ours.decode(latent), theirs.decode(latent).sample) <= LIMIT
