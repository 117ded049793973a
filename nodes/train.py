"""Supervised trainers: the autoencoder, then the denoiser with its text encoder. The work is done by `engine.learn`.

A training takes copies of the networks; what came in along the wires stays as it was.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import torch
from torch import nn

from ..engine.diffusion.loss import DiffusionLoss
from ..engine.errors import UserError, brief
from ..engine.learn.bundle import fold_normalisation, measure_latents, pixel_batches
from ..engine.learn.checkpoint import Checkpoints
from ..engine.learn.claim import claim, pictures_key
from ..engine.learn.data import fingerprint
from ..engine.learn.loop import LoopSettings
from ..engine.learn.optimizer import OptimizerSettings
from ..engine.learn.prepare import caption_table, latent_shards, preview_format
from ..engine.learn.supervised import DiffusionSettings, VAESettings, train_diffusion, train_vae
from ..engine.models.autoencoder import Autoencoder
from ..engine.models.denoiser import DiffusionModel
from ..engine.models.text import TextEncoder
from ..engine.models.unet import UNet
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.widget import Float, Int, Seed, Slider
from ..engine.values import Image, Model, OneClip, Vae
from .train_data import Dataset
from .train_watch import checked, curve, finished, folder_of, hooks, learner

Steps = Annotated[int, Int(1, 10_000_000)]
Batch = Annotated[int, Int(1, 4096)]
Rate = Annotated[float, Float(1e-7, 1.0, step=1e-5)]
Warmup = Annotated[int, Int(0, 1_000_000)]
Share = Annotated[float, Slider(0.0, 1.0)]
Every = Annotated[int, Int(1, 1_000_000)]
Average = Annotated[float, Slider(0.0, 0.99999, step=0.001)]
Schedule = Literal["decay_at_end", "cosine", "constant"]
Precision = Literal["fp32", "bf16"]

STATISTICS = 16  # batches of 64 pictures over which latents are normalised
WINDOW = 10  # shards of the pool of encoded pictures
REFRESH = 200  # steps after which the oldest shard makes room for a new one


class TrainedVAE(NamedTuple):
    """An autoencoder and how its loss fell."""

    VAE: Vae
    curve: Image


class TrainedDiffusion(NamedTuple):
    """A denoiser with its text encoder, and how their loss fell."""

    MODEL: Model
    CLIP: OneClip
    curve: Image


@node("LoomTrainVAE", title="Train VAE", category="training", trains=True, aliases=("autoencoder", "fit", "finetune"))
def train_autoencoder(
    *,
    vae: Vae,
    dataset: Dataset,
    steps: Steps = 3000,
    batch_size: Batch = 16,
    learning_rate: Rate = 1e-3,
    warm_up: Warmup = 100,
    schedule: Schedule = "decay_at_end",
    decay_share: Share = 0.3,
    kl_weight: Annotated[float, Float(0.0, 1.0, step=1e-6)] = 1e-5,
    part: Literal["both", "decoder"] = "both",
    jitter: Share = 0.0,
    normalise: bool = True,
    ema_decay: Average = 0.995,
    precision: Precision = "fp32",
    seed: Annotated[int, Seed()] = 0,
    name: str = "vae",
    checkpoint_every: Every = 125,
    resume: bool = True,
    context: Context,
) -> TrainedVAE:
    """Train an autoencoder on pictures.

    vae: where the training starts; it stays as it is.
    dataset: the pictures.
    steps: of the optimizer, in all.
    batch_size: pictures in each step.
    learning_rate: the highest rate.
    warm_up: steps over which the rate rises to it.
    schedule: how the rate falls again. "decay_at_end" keeps it until the last steps, "cosine" lowers it all along.
    decay_share: share of the steps over which "decay_at_end" lowers the rate.
    kl_weight: how strongly latents are drawn to a normal distribution.
    part: "decoder" leaves the latents as they are, so that a denoiser made for them still fits.
    jitter: noise on the latents, as a share of their spread, that the decoder learns to forgive.
    normalise: fold mean and spread of the latents into the weights, so that the factor 0.18215 of Stable Diffusion
        gives them variance 1. Not done with part "decoder".
    ema_decay: of the running average of the weights, which is the result.
    precision: "bf16" is faster where the processor has it; weights stay float32.
    seed: of the order of noise.
    name: of the folder in user/training that keeps checkpoints; empty keeps none.
    checkpoint_every: steps between two checkpoints.
    resume: go on from the newest checkpoint of that name; off removes them and starts anew.
    """
    checked(dataset, vae.downscale)
    normalise = normalise and part == "both"
    if normalise and not vae.full.config.quant_conv:
        expected, got = "an autoencoder with 1x1 convolutions around its latent", "one without"
        raise UserError("D021", 'input "vae"', expected, got, "Turn normalise off.", input="vae")
    network = learner(vae.full, vae.device)
    settings = VAESettings(batch_size, kl=kl_weight, part=part, jitter=jitter, precision=precision)
    optimizer = OptimizerSettings(learning_rate, warm_up, schedule, decay_fraction=_decay(decay_share))
    folder = folder_of(context, name)
    if folder is not None:
        facts: dict[str, Any] = {"kind": "autoencoder", **vars(settings), "ema_decay": ema_decay, "seed": seed}
        facts |= {"vae": fingerprint(network), "dataset": pictures_key(dataset)}
        folder = claim(folder, facts, steps, optimizer, resume=resume)
    loop = LoopSettings(steps, seed, ema_decay, checkpoint_every, folder)
    with torch.random.fork_rng(devices=[]):  # a resumed run restores torch's own generator as well
        losses = train_vae(network, dataset, settings, loop, optimizer, hooks(context, "VAE loss"))
    finished(network)
    if normalise:
        fold_normalisation(network, measure_latents(network, pixel_batches(dataset, STATISTICS)))
    return TrainedVAE(Autoencoder(network), curve(losses, "VAE loss"))


@node(
    "LoomTrainDiffusion", title="Train Diffusion Model", category="training", trains=True, aliases=("fit", "finetune")
)
def train_denoiser(
    *,
    model: Model,
    clip: OneClip,
    vae: Vae,
    dataset: Dataset,
    steps: Steps = 12000,
    batch_size: Batch = 48,
    learning_rate: Rate = 1e-3,
    warm_up: Warmup = 300,
    schedule: Schedule = "decay_at_end",
    decay_share: Share = 0.25,
    timesteps: Literal["uniform", "logit_normal"] = "uniform",
    min_snr_gamma: Annotated[float, Float(0.0, 100.0, step=0.5)] = 0.0,
    caption_dropout: Share = 0.1,
    ema_decay: Average = 0.999,
    precision: Precision = "fp32",
    pool: Annotated[int, Int(WINDOW, 10_000_000)] = 20480,
    seed: Annotated[int, Seed()] = 0,
    name: str = "diffusion",
    checkpoint_every: Every = 250,
    resume: bool = True,
    context: Context,
) -> TrainedDiffusion:
    """Train a denoiser and its text encoder together on captioned pictures.

    model: where the training starts; it stays as it is. It also says what is predicted, noise or velocity, and over
        which noise levels: see ModelSamplingDiscrete. A loaded model is trained on.
    clip: the text encoder that is trained with it.
    vae: turns pictures into latents; it does not learn.
    dataset: pictures and captions.
    steps: of the optimizer, in all.
    batch_size: latents in each step.
    learning_rate: the highest rate.
    warm_up: steps over which the rate rises to it.
    schedule: how the rate falls again. "decay_at_end" keeps it until the last steps, "cosine" lowers it all along.
    decay_share: share of the steps over which "decay_at_end" lowers the rate.
    timesteps: how noise levels are drawn; "logit_normal" prefers the middle ones.
    min_snr_gamma: limit of the signal-to-noise ratio in the loss's weight; 5 is usual, 0 weighs all levels alike.
    caption_dropout: share of captions left out, without which cfg has nothing to steer away from.
    ema_decay: of the running average of the weights, which is the result.
    precision: "bf16" is faster where the processor has it; weights stay float32.
    pool: pictures encoded in advance, from which batches are drawn; a tenth is replaced every 200 steps.
    seed: of captions left out, noise and noise levels.
    name: of the folder in user/training that keeps checkpoints and latents; empty keeps none.
    checkpoint_every: steps between two checkpoints.
    resume: go on from the newest checkpoint of that name; off removes them and starts anew.
    """
    unet = learner(fitting(model, clip, vae, checked(dataset, vae.downscale) // vae.downscale), model.device)
    text = learner(clip.network, clip.device)
    settings = DiffusionSettings(batch_size, caption_dropout, precision=precision)
    optimizer = OptimizerSettings(learning_rate, warm_up, schedule, decay_fraction=_decay(decay_share))
    loss = DiffusionLoss(model.process, model.prediction, timesteps, min_snr_gamma or None)
    source = pictures_key(dataset)
    folder = folder_of(context, name)
    latents = latent_shards(
        dataset,
        vae,
        model.latent,
        folder=folder / "latents" if folder else None,
        name=source,
        shard=pool // WINDOW,
        window=WINDOW,
        refresh=REFRESH,
    )
    if folder is not None:
        facts: dict[str, Any] = {"kind": "denoiser", **vars(settings), "ema_decay": ema_decay, "seed": seed}
        facts |= {"model": fingerprint(nn.ModuleList([unet, text])), "vae": latents.key, "dataset": source}
        facts |= {"prediction": model.prediction, "noisiest": float(model.process.sigma_max), "timesteps": timesteps}
        facts |= {"min_snr_gamma": min_snr_gamma, "pool": pool, "scale": model.latent.scale}
        folder = claim(folder, facts, steps, optimizer, resume=resume)
    loop = LoopSettings(steps, seed, ema_decay, checkpoint_every, folder)
    begin = max(Checkpoints(folder).steps(), default=0) if folder else 0
    if begin < steps:
        latents.prepare(begin, lambda done, wanted: context.progress(begin, steps, encoding=f"{done}/{wanted}"))
    watch = hooks(context, "diffusion loss")
    words = caption_table(dataset, clip)
    with torch.random.fork_rng(devices=[]):
        losses = train_diffusion(unet, text, latents, words, loss, settings, loop, optimizer, watch)
    trained = model.with_(network=finished(unet), latent=preview_format(dataset, vae, model.latent))
    return TrainedDiffusion(trained, clip.with_(network=finished(text)), curve(losses, "diffusion loss"))


def _decay(share: float) -> float:
    """Return the share of the steps over which the rate falls; 0 stands for the very last step."""
    return max(share, 1e-9)


def fitting(model: DiffusionModel, clip: TextEncoder, vae: Autoencoder, cells: int) -> UNet:
    """Return the model's network if all parts can be trained together. cells: side of a latent.

    Raises: UserError D032 when they do not fit.
    """

    def unfit(name: str, expected: str, got: object) -> UserError:
        return UserError("D032", f'input "{name}"', expected, brief(got), "Connect parts that fit.", input=name)

    network = model.network
    if not isinstance(network, UNet):
        raise unfit("model", "a UNet of Stable Diffusion", type(network).__name__)
    form = network.config
    if form.adm_channels is not None or form.in_channels != form.out_channels:
        got = f"{form.in_channels} channels in, vector {form.adm_channels}"
        raise unfit("model", "a denoiser that takes a latent and text, nothing else", got)
    if vae.latent_channels != form.in_channels or vae.downscale != model.latent.downscale:
        expected = f"{form.in_channels} latent channels of {model.latent.downscale} pixels"
        raise unfit("vae", expected, f"{vae.latent_channels} of {vae.downscale}")
    if not vae.full.config.quant_conv:
        raise unfit("vae", "an autoencoder with 1x1 convolutions around its latent", "one without")
    if not isinstance(clip, TextEncoder):
        raise unfit("clip", "one text encoder", "several")
    if clip.network.config.width != form.context_dim:
        raise unfit("clip", f"a text encoder of width {form.context_dim}", clip.network.config.width)
    if clip.skip != 1:
        raise unfit("clip", "a text encoder whose last layer is used", f"clip skip {clip.skip}")
    halvings = 2 ** (len(form.channel_mult) - 1)
    if cells % halvings:
        side = vae.downscale * halvings
        raise unfit("dataset", f"pictures whose side is a multiple of {side}", cells * vae.downscale)
    return network
