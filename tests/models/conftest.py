"""Tiny networks with weights that all matter, made once."""

import sys
from pathlib import Path

import pytest

from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.models.autoencoder import Autoencoder
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.load import Loaded
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.tokenize import Tokenizer
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig

sys.path.insert(0, str(Path(__file__).parent))  # the tests import tiny_families from here

UNET = UNetConfig(model_channels=32, channel_mult=(1, 2), transformer_depth=(1, 1), context_dim=64, res_blocks=1)
VAE = VAEConfig(channels=32, channel_mult=(1, 1, 2, 2), res_blocks=1)
TEXT = CLIPTextConfig(width=64, layers=2, heads=1, mlp=96)


@pytest.fixture(scope="session")
def tokenizer():
    return Tokenizer()


@pytest.fixture(scope="session")
def tiny(randomised, tokenizer):
    """A whole checkpoint: latents an eighth of the picture, text of width 64."""
    return Loaded(
        DiffusionModel(randomised(UNet(UNET), 1), Discrete.stable_diffusion()),
        TextEncoder(randomised(CLIPText(TEXT), 2), tokenizer),
        Autoencoder(randomised(AutoencoderKL(VAE), 3)),
    )
