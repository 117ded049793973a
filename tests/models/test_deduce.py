import pytest
import torch

from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.deduce import clip_config, unet_config, vae_config
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig


def shapes(make, config):
    with torch.device("meta"):
        return {key: tuple(value.shape) for key, value in make(config).state_dict().items()}


UNETS = [
    UNetConfig(),
    UNetConfig(model_channels=32, channel_mult=(1, 2), transformer_depth=(1, 1), context_dim=16),
    UNetConfig(model_channels=64, channel_mult=(1, 2, 4), transformer_depth=(1, 1, 1), context_dim=128),
    UNetConfig(model_channels=32, channel_mult=(1, 1, 3), transformer_depth=(0, 2, 1), middle_depth=3, res_blocks=1),
    UNetConfig(model_channels=32, channel_mult=(1, 2), transformer_depth=(1, 0), res_blocks=(1, 3)),
    UNetConfig(in_channels=9),
    UNetConfig(context_dim=1024, linear_projection=True, head_channels=64),
    UNetConfig(
        channel_mult=(1, 2, 4), transformer_depth=(0, 2, 10), middle_depth=10, context_dim=2048,
        linear_projection=True, head_channels=64, adm_channels=2816,
    ),
]  # fmt: skip


@pytest.mark.parametrize("config", UNETS)
def test_unet(config):
    assert unet_config(shapes(UNet, config)) == config


@pytest.mark.parametrize(
    "config",
    [
        VAEConfig(),
        VAEConfig(channels=32),
        VAEConfig(channels=64, channel_mult=(1, 2), res_blocks=1, latent_channels=16, quant_conv=False),
        VAEConfig(channels=32, channel_mult=(1, 3, 2), attention=False, in_channels=1),
    ],
)
def test_vae(config):
    assert vae_config(shapes(AutoencoderKL, config)) == config


@pytest.mark.parametrize(
    "config",
    [
        CLIPTextConfig(),
        CLIPTextConfig(width=128, layers=3, heads=2, mlp=300),
        CLIPTextConfig(width=1024, layers=23, heads=16, mlp=4096, activation="gelu"),
        CLIPTextConfig(width=32, layers=1, heads=1, mlp=16, vocab=100, length=16),
    ],
)
def test_clip(config):
    assert clip_config(shapes(CLIPText, config)) == config


def test_a_lone_deep_layer_is_no_depth():
    found = shapes(CLIPText, CLIPTextConfig(width=64, layers=2, heads=1, mlp=64))
    found["encoder.layers.999999999.layer_norm1.weight"] = (64,)
    with pytest.raises(ValueError, match=r'nothing under "encoder\.layers\.2\."'):
        clip_config(found)
