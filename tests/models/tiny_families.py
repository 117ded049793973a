"""A tiny checkpoint of every family: the real layouts and key names, few and narrow layers, weights that all matter."""

import json

from latentloom.engine.models.autoencoder import Autoencoder
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.family import FAMILIES
from latentloom.engine.models.flux import Flux, FluxConfig
from latentloom.engine.models.load_text import TextOptions, text_value
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.t5 import T5Config, T5Text
from latentloom.engine.models.tokenize_t5 import T5Tokenizer
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig

VAE4 = VAEConfig(channels=32, channel_mult=(1, 1, 2, 2), res_blocks=1)
VAE16 = VAEConfig(channels=32, channel_mult=(1, 1, 2, 2), res_blocks=1, latent_channels=16, quant_conv=False)
TEXTS = {
    "l": CLIPTextConfig(vocab=99, width=64, layers=3, heads=1, mlp=96),
    "h": CLIPTextConfig(vocab=99, width=64, layers=3, heads=1, mlp=96, activation="gelu", projection=64),
    "g": CLIPTextConfig(vocab=99, width=128, layers=3, heads=2, mlp=96, activation="gelu", projection=128),
    "t5": T5Config(vocab=99, width=64, layers=2, heads=2, head_channels=32, mlp=96),
}
PLACES = {"l": "l", "h": "h", "g": "g", "sdxl": ("l", "g"), "sd3": ("l", "g", "t5"), "flux": ("l", "t5")}
SMALL = {"model_channels": 64, "channel_mult": (1, 2), "res_blocks": 1, "context_dim": 64}
LINEAR = {**SMALL, "linear_projection": True, "head_channels": 64}
SD3 = {"width": 128, "depth": 2, "context_dim": 64, "pooled_dim": 192, "grid": 8}
FLUX = {"width": 128, "heads": 2, "double": 1, "single": 2, "mlp": 512, "context_dim": 64, "pooled_dim": 64}
NETWORKS = {
    "SD1.x": UNetConfig(**SMALL, transformer_depth=(1, 1)),
    "SD1.x inpainting": UNetConfig(**SMALL, transformer_depth=(1, 0), in_channels=9),
    "SD1.x instruct-pix2pix": UNetConfig(**SMALL, transformer_depth=(1, 0), in_channels=8),
    "SD2.x": UNetConfig(**LINEAR, transformer_depth=(1, 1)),
    "SD2.x inpainting": UNetConfig(**LINEAR, transformer_depth=(1, 1), in_channels=9),
    "SDXL": UNetConfig(**LINEAR, transformer_depth=(0, 2), middle_depth=2, adm_channels=2816),
    "SDXL inpainting": UNetConfig(**LINEAR, transformer_depth=(0, 2), middle_depth=2, adm_channels=2816, in_channels=9),
    "SDXL instruct-pix2pix": UNetConfig(
        **LINEAR, transformer_depth=(0, 2), middle_depth=2, adm_channels=2816, in_channels=8
    ),
    "SSD-1B": UNetConfig(
        **LINEAR, transformer_depth=(0, 2), middle_depth=None, output_depth=(3, 1, 0, 0), adm_channels=2816
    ),
    "SDXL refiner": UNetConfig(**LINEAR, transformer_depth=(0, 1), adm_channels=2560),
    "SD3": MMDiTConfig(**SD3),
    "SD3.5": MMDiTConfig(**SD3, qk_norm=True, dual=(0,)),
    "Flux dev": FluxConfig(**FLUX, axes=(8, 28, 28)),
    "Flux schnell": FluxConfig(**FLUX, axes=(8, 28, 28), guidance=False),
}
CLASSES = {UNetConfig: UNet, MMDiTConfig: MMDiT, FluxConfig: Flux}


def family_name(name):
    """Return the family of a checkpoint here."""
    return {"SSD-1B": "SDXL"}.get(name, name)


def base(name):
    """Return the Family of a checkpoint here, its variants left out."""
    name = family_name(name)
    return FAMILIES[name.removesuffix(" inpainting").removesuffix(" instruct-pix2pix")]


def vocabulary(path):
    """Write a tokenizer of T5's kind, with a letter a piece."""
    pieces = ["<pad>", "</s>", "<unk>", "\u2581", *"abcdefghijklmnopqrstuvwxyz"]
    scores = [[piece, -float(i > 2)] for i, piece in enumerate(pieces)]
    path.write_text(json.dumps({"model": {"type": "Unigram", "unk_id": 2, "vocab": scores}}))
    return path


def networks(name, randomised):
    """Return the denoiser, the text networks by place, and the autoencoder."""
    config = NETWORKS[name]
    denoiser = randomised(CLASSES[type(config)](config), 1)
    family = base(name)
    texts = {
        place: randomised((T5Text if place == "t5" else CLIPText)(TEXTS[place]), 2 + i)
        for i, place in enumerate(PLACES[family.text])
    }
    return denoiser, texts, randomised(AutoencoderKL(VAE4 if family.latent.channels == 4 else VAE16), 9)


def whole(name, randomised, tokenizer_file):
    """Return (model, clip, vae) as wires carry them."""
    denoiser, texts, vae = networks(name, randomised)
    family = base(name).taking(NETWORKS[name].in_channels)
    tokenizer = T5Tokenizer.read(tokenizer_file)
    model = DiffusionModel(denoiser, family.process(), family.prediction, family.latent, family=family.name)
    return model, text_value(family.text, texts, tokenizer, TextOptions()), Autoencoder(vae)
