"""What trains an upscale model: photographs, a network that has learnt nothing yet, the trainer, and the file."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from torch import nn

from ..engine.errors import UserError
from ..engine.learn.checkpoint import Checkpoints
from ..engine.learn.claim import claim, pictures_key
from ..engine.learn.data import fingerprint
from ..engine.learn.loop import LoopSettings
from ..engine.learn.optimizer import OptimizerSettings
from ..engine.learn.photographs import Photographs
from ..engine.learn.upscale import FILTERS, UpscaleSettings, start_compact, train_upscaler
from ..engine.memory.device import pick_device
from ..engine.models.save import write_safetensors
from ..engine.models.upscale import CompactConfig, SRVGGNetCompact
from ..engine.models.upscaler import Upscaler
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.widget import Float, Int, Seed, Slider
from ..engine.pictures.png import metadata
from ..engine.pictures.read import EXTENSIONS, read_picture
from ..engine.pictures.save import place, publish
from ..engine.values import Image, UpscaleModel
from .train_data import Dataset
from .train_watch import curve, finished, folder_of, hooks, learner

PREFIX = "upscale_models/ComfyUI"


class TrainedUpscaler(NamedTuple):
    """An upscale model and how its loss fell."""

    UPSCALE_MODEL: UpscaleModel
    curve: Image


@node("LoomPhotographs", title="Photographs", category="training/data", lane="cpu", pure=False, aliases=("dataset",))
def photographs(
    *,
    folder: str = "photographs",
    size: Annotated[int, Int(16, 1024, step=8)] = 64,
    turned: bool = True,
    seed: Annotated[int, Seed()] = 0,
    context: Context,
) -> Dataset:
    """An endless data set of square crops of the pictures in a folder, without captions.

    folder: inside the input folder; empty takes all pictures of it. Pictures smaller than a crop are left out.
    size: side of a crop in pixels.
    turned: crops are also turned, mirrored, and given another order of colours.
    seed: another seed gives other crops.
    """
    inside = folder.strip().strip("/")
    names = [name for name in context.files.names("input", EXTENSIONS) if not inside or name.startswith(f"{inside}/")]
    found = []
    for name in names:
        context.check()
        pixels, _ = read_picture(context.files.find("input", name))
        if min(pixels.shape[1:3]) >= size:
            found.append(pixels[0, ..., :3].mul(255).round().to(torch.uint8).numpy())
    if not found:
        raise UserError(
            "D040",
            f'folder "{inside or "input"}"',
            f"pictures of {size} pixels or more on each side",
            f"{len(names)} pictures, none that large",
            "Put photographs into that folder of the input folder, or lower the size.",
            input="folder",
        )
    return Photographs([np.ascontiguousarray(picture) for picture in found], size, seed, turned)


@node("LoomNewUpscaleModel", title="New Upscale Model", category="training", aliases=("untrained", "from scratch"))
def new_upscale_model(
    *,
    scale: Annotated[int, Int(1, 8)] = 2,
    width: Annotated[int, Int(4, 256)] = 32,
    layers: Annotated[int, Int(1, 64)] = 8,
    seed: Annotated[int, Seed()] = 0,
    context: Context,
) -> UpscaleModel:
    """An untrained upscale model in the layout of Real-ESRGAN's compact network.

    scale: how many times wider and higher it makes pictures. With 2 it starts as bilinear interpolation.
    width: channels of each layer; the published ones have 64.
    layers: between the first and the last; the published ones have 16 or 32.
    seed: of the weights it starts from.
    """
    network = SRVGGNetCompact(CompactConfig(3, width, layers, scale))
    start_compact(network, seed)
    network.eval().requires_grad_(requires_grad=False).to(pick_device(context.device))
    return Upscaler(network, "compact Real-ESRGAN upscaler")


@node("LoomTrainUpscaler", title="Train Upscale Model", category="training", trains=True, aliases=("super-resolution",))
def train_upscale_model(
    *,
    upscale_model: UpscaleModel,
    dataset: Dataset,
    steps: Annotated[int, Int(1, 10_000_000)] = 3000,
    batch_size: Annotated[int, Int(1, 4096)] = 16,
    learning_rate: Annotated[float, Float(1e-7, 1.0, step=1e-5)] = 1e-3,
    warm_up: Annotated[int, Int(0, 1_000_000)] = 50,
    schedule: Literal["decay_at_end", "cosine", "constant"] = "cosine",
    decay_share: Annotated[float, Slider(0.0, 1.0)] = 0.3,
    loss: Literal["absolute", "squared"] = "absolute",
    made_small_by: Literal["both", "bicubic", "area"] = "both",
    ema_decay: Annotated[float, Slider(0.0, 0.99999, step=0.001)] = 0.995,
    precision: Literal["fp32", "bf16"] = "fp32",
    seed: Annotated[int, Seed()] = 0,
    name: str = "upscaler",
    checkpoint_every: Annotated[int, Int(1, 1_000_000)] = 250,
    resume: bool = True,
    context: Context,
) -> TrainedUpscaler:
    """Train an upscale model to give pictures back that were made small.

    upscale_model: where the training starts; it stays as it is.
    dataset: pictures whose side is a multiple of the model's scale.
    steps: of the optimizer, in all.
    batch_size: pictures in each step.
    learning_rate: the highest rate.
    warm_up: steps over which the rate rises to it.
    schedule: how the rate falls again. "decay_at_end" keeps it until the last steps, "cosine" lowers it all along.
    decay_share: share of the steps over which "decay_at_end" lowers the rate.
    loss: of a pixel's error; "absolute" is usual, "squared" is what PSNR measures.
    made_small_by: the filter to undo. A model that knows one alone sharpens too little or too much after another.
    ema_decay: of the running average of the weights, which is the result.
    precision: "bf16" is faster where the processor has it; weights stay float32.
    seed: of the training.
    name: of the folder in user/training that keeps checkpoints; empty keeps none.
    checkpoint_every: steps between two checkpoints.
    resume: go on from the newest checkpoint of that name; off removes them and starts anew.
    """
    network = learner(upscale_model.network, upscale_model.device)
    filters = tuple(kind for kind in FILTERS if made_small_by in ("both", kind))
    settings = UpscaleSettings(
        batch_size, float(loss == "absolute"), float(loss == "squared"), filters=filters, precision=precision
    )
    optimizer = OptimizerSettings(learning_rate, warm_up, schedule, decay_fraction=max(decay_share, 1e-9))
    folder = folder_of(context, name)
    if folder is not None:
        facts: dict[str, Any] = {"kind": "upscaler", **vars(settings), "ema_decay": ema_decay, "seed": seed}
        facts |= {"model": fingerprint(network), "dataset": pictures_key(dataset)}
        folder = claim(folder, facts, steps, optimizer, resume=resume)
    loop = LoopSettings(steps, seed, ema_decay, checkpoint_every, folder)
    begin = max(Checkpoints(folder).steps(), default=0) if folder else 0
    context.progress(begin, steps)
    watch = hooks(context, "upscaling loss")
    losses = train_upscaler(network, upscale_model.scale, dataset, settings, loop, optimizer, watch)
    return TrainedUpscaler(Upscaler(finished(network), upscale_model.name), curve(losses, "upscaling loss"))


@node("LoomSaveUpscaleModel", title="Save Upscale Model", category="training", effect=True, lane="io")
def save_upscale_model(
    *,
    upscale_model: UpscaleModel,
    filename_prefix: str = PREFIX,
    precision: Literal["fp16", "fp32"] = "fp16",
    context: Context,
) -> None:
    """Save an upscale model as a file in the output folder.

    filename_prefix: may hold sub-folders; existing files are never overwritten.
    precision: of the weights in the file; "fp16" halves its size.
    """
    goal = place(context.files.directory("output"), filename_prefix)
    text = {"format": "pt", **metadata(context.prompt, context.extra)}
    state = weights(upscale_model.network, torch.float16 if precision == "fp16" else torch.float32)
    name = publish(goal, ".safetensors", lambda path: write_safetensors(path, state, text))
    context.output("files", [{"filename": name, "subfolder": goal.subfolder, "type": "output"}])


def weights(network: nn.Module, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Return a network's weights for a file."""
    state = network.state_dict()
    return {name: weight.detach().to("cpu", dtype, copy=True).contiguous() for name, weight in state.items()}
