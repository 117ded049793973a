"""What training starts from: data sets of captioned scenes, and networks that have learnt nothing yet."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch

from ..engine.diffusion.process import Discrete
from ..engine.errors import UserError
from ..engine.learn.data import Pictures
from ..engine.learn.start import start_text_encoder
from ..engine.memory.device import pick_device
from ..engine.models.autoencoder import Autoencoder
from ..engine.models.clip import CLIPText, CLIPTextConfig
from ..engine.models.denoiser import DiffusionModel
from ..engine.models.text import TextEncoder
from ..engine.models.unet import UNet, UNetConfig
from ..engine.models.vae import AutoencoderKL, VAEConfig
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.socket import Socket
from ..engine.node.widget import Int, Seed, Slider
from ..engine.shapes.dataset import ShapeScenes
from ..engine.values import Clip, Model, Vae

Dataset = Annotated[Pictures, Socket("DATASET")]
"""An endless, indexed source of pictures with captions: `batch(index, count)` gives uint8 [n h w 3] and n texts."""

HEAD = 64  # width of an attention head of the text encoder, as in every CLIP
STEP = 32  # every width is a multiple of it: group norm has 32 groups


class Networks(NamedTuple):
    """The three parts of a model."""

    MODEL: Model
    CLIP: Clip
    VAE: Vae


@node("LoomShapeScenes", title="Shape Scenes", category="training/data", lane="cpu", aliases=("dataset", "captions"))
def shape_scenes(
    *,
    size: Annotated[int, Int(16, 256, step=8)] = 64,
    seed: Annotated[int, Seed()] = 0,
    split: Literal["train", "test"] = "train",
    keep_unplaced: Annotated[float, Slider(0, 1, step=0.05)] = 1.0,
) -> Dataset:
    """An endless data set of drawn scenes: coloured shapes on plain backgrounds, each with a caption.

    size: side of each picture in pixels.
    seed: another seed gives other scenes.
    split: "train" never shows the pairs of colour and shape that examinations ask for.
    keep_unplaced: share kept of the scenes whose captions say nothing of place; fewer teach place sooner.
    """
    return ShapeScenes(size, seed, split, keep_unplaced)


@node("LoomNewDiffusionModel", title="New Diffusion Model", category="training", aliases=("untrained", "from scratch"))
def new_diffusion_model(
    *,
    unet_width: Annotated[int, Int(STEP, 1280, step=STEP)] = 128,
    unet_levels: str = "1,1",
    unet_attention: str = "2,1",
    unet_blocks: Annotated[int, Int(1, 4)] = 1,
    text_width: Annotated[int, Int(HEAD, 1280, step=HEAD)] = 128,
    text_layers: Annotated[int, Int(1, 32)] = 3,
    vae_width: Annotated[int, Int(STEP, 512, step=STEP)] = 64,
    vae_levels: str = "1,1,1,2",
    prediction: Literal["v", "eps"] = "v",
    seed: Annotated[int, Seed()] = 0,
    context: Context,
) -> Networks:
    """Untrained networks in the layout of Stable Diffusion 1.x, of any size: denoiser, text encoder, autoencoder.

    unet_width: of the denoiser's first level; Stable Diffusion has 320.
    unet_levels: width of each level in multiples of the first; each level after the first halves the latent.
        Stable Diffusion has 1,2,4,4.
    unet_attention: layers that look at the text, for each level; Stable Diffusion has 1,1,1,0.
    unet_blocks: residual blocks of a level; Stable Diffusion has 2.
    text_width: of the text encoder; Stable Diffusion has 768.
    text_layers: of the text encoder; Stable Diffusion has 12.
    vae_width: of the autoencoder's first level; below 64 it cannot hold flat colours. Stable Diffusion has 128.
    vae_levels: width of the autoencoder's four levels in multiples of the first.
    prediction: what the denoiser learns to give. "v" comes with zero terminal SNR and draws plain backgrounds well;
        "eps" is Stable Diffusion's own.
    seed: of the weights they start from.
    """
    levels, depths = _numbers("unet_levels", unet_levels, 1, 8), _numbers("unet_attention", unet_attention, 0, 16)
    if len(depths) != len(levels):
        raise _unfit("unet_attention", f"{len(levels)} numbers, one for each of unet_levels", unet_attention)
    rungs = _numbers("vae_levels", vae_levels, 1, 8)
    if len(rungs) != 4:
        raise _unfit("vae_levels", "four numbers: a latent cell is eight pixels wide", vae_levels)
    with torch.random.fork_rng(devices=[]):  # the networks draw from torch's own generator
        torch.manual_seed(seed)
        vae = AutoencoderKL(VAEConfig(channels=vae_width, channel_mult=rungs, res_blocks=1, attention=False))
        torch.manual_seed(seed)
        unet = UNet(
            UNetConfig(
                model_channels=unet_width,
                channel_mult=levels,
                res_blocks=unet_blocks,
                transformer_depth=depths,
                context_dim=text_width,
            )
        )
        heads = text_width // HEAD
        text = CLIPText(CLIPTextConfig(width=text_width, layers=text_layers, heads=heads, mlp=4 * text_width))
        start_text_encoder(text)
    device = pick_device(context.device)
    for network in (vae, unet, text):
        network.eval().requires_grad_(requires_grad=False).to(device)
    process = Discrete.stable_diffusion()
    if prediction == "v":
        process = process.with_zero_terminal_snr()
    return Networks(DiffusionModel(unet, process, prediction), TextEncoder(text), Autoencoder(vae))


def _numbers(name: str, text: str, low: int, high: int) -> tuple[int, ...]:
    """Return whole numbers written with commas. Raises: UserError D030."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and part.isascii() and low <= int(part) <= high for part in parts):
        raise _unfit(name, f"whole numbers from {low} to {high} with commas between them", text)
    return tuple(int(part) for part in parts)


def _unfit(name: str, expected: str, got: str) -> UserError:
    return UserError("D030", f'input "{name}"', expected, repr(got)[:80], "Write it like the default.", input=name)
