"""What trains a ControlNet: hints drawn from the pictures of a data set, the trainer, and the file.

The work is done by `engine.learn.control` and `engine.pictures`. What came in along the wires stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..engine.diffusion.loss import DiffusionLoss
from ..engine.learn.checkpoint import Checkpoints
from ..engine.learn.claim import claim, pictures_key
from ..engine.learn.control import ControlSettings, HintedLatents, train_control
from ..engine.learn.data import fingerprint
from ..engine.learn.loop import LoopSettings
from ..engine.learn.optimizer import OptimizerSettings
from ..engine.learn.prepare import latent_shards
from ..engine.models.control import ControlNet as ControlNetwork
from ..engine.models.controlled import ControlModel, check_fit
from ..engine.models.save import write_safetensors
from ..engine.models.save_control import control_tensors
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.widget import Int, Seed
from ..engine.pictures.edges import canny_edges, line_drawing, scribble, soft_edges
from ..engine.pictures.png import metadata
from ..engine.pictures.relief import depth_from_light, normals_from_light
from ..engine.pictures.save import place, publish
from ..engine.values import ControlNet, Image, Model, OneClip, Vae
from .preprocess import Threshold
from .train import REFRESH, WINDOW, Average, Batch, Every, Precision, Rate, Schedule, Share, Steps, Warmup, fitting
from .train_data import Dataset
from .train_watch import checked, curve, finished, folder_of, hooks, learner

Hint = Literal["canny", "soft edges", "lines", "scribble", "depth from light", "normals from light"]


class TrainedControl(NamedTuple):
    """A ControlNet and how its loss fell."""

    CONTROL_NET: ControlNet
    curve: Image


@node(
    "LoomTrainControlNet", title="Train ControlNet", category="training", trains=True, aliases=("control", "finetune")
)
def train_control_net(
    *,
    model: Model,
    clip: OneClip,
    vae: Vae,
    dataset: Dataset,
    control_net: ControlNet | None = None,
    hint: Hint = "canny",
    low_threshold: Threshold = 0.1,
    high_threshold: Threshold = 0.2,
    steps: Steps = 6000,
    batch_size: Batch = 32,
    learning_rate: Rate = 5e-4,
    warm_up: Warmup = 100,
    schedule: Schedule = "decay_at_end",
    decay_share: Share = 0.3,
    caption_dropout: Share = 0.5,
    ema_decay: Average = 0.995,
    precision: Precision = "fp32",
    pool: Annotated[int, Int(WINDOW, 10_000_000)] = 20480,
    seed: Annotated[int, Seed()] = 0,
    name: str = "control",
    checkpoint_every: Every = 250,
    resume: bool = True,
    context: Context,
) -> TrainedControl:
    """Train a ControlNet beside a model: a copy of its way down that learns to follow pictures drawn from the data set.

    It starts behind zero convolutions, adding exactly nothing. The model does not change.

    model: the one to steer.
    clip: its text encoder.
    vae: turns pictures into latents.
    dataset: pictures and captions.
    control_net: one to train on; without it a new one starts from the model.
    hint: what the ControlNet will see: this is drawn from each picture.
    low_threshold: for "canny", as in the node Canny.
    high_threshold: for "canny", as in the node Canny.
    steps: of the optimizer, in all.
    batch_size: latents in each step.
    learning_rate: the highest rate; large models want 1e-5.
    warm_up: steps over which the rate rises to it.
    schedule: how the rate falls again. "decay_at_end" keeps it until the last steps, "cosine" lowers it all along.
    decay_share: share of the steps over which "decay_at_end" lowers the rate.
    caption_dropout: share of captions left out, so that the hint is heard without words too.
    ema_decay: of the running average of the weights, which is the result.
    precision: "bf16" is faster where the processor has it; weights stay float32.
    pool: pictures encoded in advance, from which batches are drawn; a tenth is replaced every 200 steps.
    seed: of captions left out, noise and noise levels.
    name: of the folder in user/training that keeps checkpoints and latents; empty keeps none.
    checkpoint_every: steps between two checkpoints.
    resume: go on from the newest checkpoint of that name; off removes them and starts anew.
    """
    base = fitting(model, clip, vae, checked(dataset, vae.downscale) // vae.downscale)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        start = control_net or ControlModel(ControlNetwork.beside(base), model.family, residence=model.residence)
    check_fit(start, model)
    assert isinstance(start.network, ControlNetwork)  # as it fits a UNet
    unet = learner(base, model.device)
    control = learner(start.network, model.device)
    settings = ControlSettings(batch_size, caption_dropout, precision)
    optimizer = OptimizerSettings(learning_rate, warm_up, schedule, decay_fraction=max(decay_share, 1e-9))
    folder = folder_of(context, name)
    source = pictures_key(dataset)
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
        facts: dict[str, Any] = {"kind": "ControlNet", **vars(settings), "ema_decay": ema_decay, "seed": seed}
        facts |= {"model": fingerprint(nn.ModuleList([unet, clip.network])), "vae": latents.key, "dataset": source}
        facts |= {"control_net": fingerprint(control), "hint": hint, "thresholds": [low_threshold, high_threshold]}
        facts |= {"prediction": model.prediction, "noisiest": float(model.process.sigma_max), "pool": pool}
        folder = claim(folder, facts, steps, optimizer, resume=resume)
    loop = LoopSettings(steps, seed, ema_decay, checkpoint_every, folder)
    begin = max(Checkpoints(folder).steps(), default=0) if folder else 0
    if begin < steps:
        latents.prepare(begin, lambda done, wanted: context.progress(begin, steps, encoding=f"{done}/{wanted}"))
    with torch.random.fork_rng(devices=[]):
        losses = train_control(
            control,
            unet,
            lambda captions: clip.encode_batch(captions)[0],
            HintedLatents(latents, drawn(hint, low_threshold, high_threshold)),
            DiffusionLoss(model.process, model.prediction),
            settings,
            loop,
            optimizer,
            hooks(context, "ControlNet loss"),
        )
    return TrainedControl(start.with_(network=finished(control)), curve(losses, "ControlNet loss"))


@node("LoomSaveControlNet", title="Save ControlNet", category="training", effect=True, lane="io")
def save_control_net(
    *,
    control_net: ControlNet,
    filename_prefix: str = "controlnet/ComfyUI",
    precision: Literal["fp16", "fp32", "fp8"] = "fp16",
    context: Context,
) -> None:
    """Save a ControlNet as a file in the output folder, in the layout that other programs read.

    filename_prefix: may hold sub-folders; existing files are never overwritten.
    precision: of the weights in the file; "fp8" stores what was copied of the model in 8 bits.
    """
    tensors = control_tensors(control_net, precision)
    goal = place(context.files.directory("output"), filename_prefix)
    text = {"format": "pt", **metadata(context.prompt, context.extra)}
    name = publish(goal, ".safetensors", lambda path: write_safetensors(path, tensors, text))
    context.output("files", [{"filename": name, "subfolder": goal.subfolder, "type": "output"}])


def drawn(hint: Hint, low: float, high: float) -> Callable[[NDArray[np.uint8]], torch.Tensor]:
    """Return what draws hints [n h w] or [n h w 3] in 0..1 from pictures, uint8 [n h w 3]."""
    low, high = sorted((low, high))
    draw: Callable[[torch.Tensor], torch.Tensor] = {
        "canny": lambda image: canny_edges(image, low, high),
        "soft edges": soft_edges,
        "lines": line_drawing,
        "scribble": scribble,
        "depth from light": depth_from_light,
        "normals from light": normals_from_light,
    }[hint]
    return lambda pictures: draw(torch.from_numpy(pictures).float() / 255)
