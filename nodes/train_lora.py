"""What trains a LoRA: pictures with captions, the trainer, and the file that loaders take."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..engine.diffusion.loss import DiffusionLoss
from ..engine.errors import UserError
from ..engine.learn.adapter import Adapter, AdapterSettings, Conditions, adapted_layers, train_adapter
from ..engine.learn.captioned import Captioned
from ..engine.learn.checkpoint import Checkpoints
from ..engine.learn.claim import claim, pictures_key
from ..engine.learn.data import fingerprint
from ..engine.learn.loop import LoopSettings
from ..engine.learn.optimizer import OptimizerSettings
from ..engine.learn.prepare import latent_shards
from ..engine.models.denoiser import DiffusionModel
from ..engine.models.save import write_safetensors
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.socket import Socket
from ..engine.node.widget import Float, Int, Seed, Slider, Text
from ..engine.pictures.save import place
from ..engine.values import Clip, Image, Model, Vae
from .train_data import Dataset
from .train_watch import checked, curve, folder_of, hooks

LoraModel = Annotated[dict[str, Tensor], Socket("LORA_MODEL")]
"""The factors of a LoRA under the names of a file."""

WINDOW, REFRESH = 10, 200  # shards of the pool of encoded pictures, and steps after which the oldest is replaced


class TrainedLora(NamedTuple):
    """A LoRA and how its loss fell."""

    LORA_MODEL: LoraModel
    curve: Image


@node("LoomCaptionedImages", title="Captioned Images", category="training/data", lane="cpu", aliases=("dataset",))
def captioned_images(
    *,
    images: Image,
    captions: Annotated[str, Text(multiline=True)] = "",
    mirrored: bool = False,
    seed: Annotated[int, Seed()] = 0,
) -> Dataset:
    """A data set of pictures with captions, drawn again and again in another order.

    images: square pictures, as large as those that will be drawn.
    captions: a line for each picture, or one line for all of them.
    mirrored: half of them are mirrored; for subjects where left and right mean nothing.
    seed: another seed gives another order.
    """
    pixels = images[..., :3].clamp(0, 1).mul(255).round().to("cpu", torch.uint8).numpy()
    lines = [line.strip() for line in captions.strip().splitlines()] or [""]
    return Captioned(np.ascontiguousarray(pixels), lines, seed, mirrored)


@node("LoomTrainLora", title="Train LoRA", category="training", trains=True, aliases=("finetune", "adapter"))
def train_lora(
    *,
    model: Model,
    clip: Clip,
    vae: Vae,
    dataset: Dataset,
    rank: Annotated[int, Int(1, 1024)] = 8,
    alpha: Annotated[float, Float(0.01, 1024.0, step=0.5)] = 8.0,
    layers: Literal["attention", "all"] = "attention",
    steps: Annotated[int, Int(1, 10_000_000)] = 500,
    batch_size: Annotated[int, Int(1, 4096)] = 4,
    learning_rate: Annotated[float, Float(1e-7, 1.0, step=1e-5)] = 1e-3,
    warm_up: Annotated[int, Int(0, 1_000_000)] = 20,
    schedule: Literal["decay_at_end", "cosine", "constant"] = "cosine",
    decay_share: Annotated[float, Slider(0.0, 1.0)] = 0.25,
    timesteps: Literal["uniform", "logit_normal"] = "uniform",
    min_snr_gamma: Annotated[float, Float(0.0, 100.0, step=0.5)] = 0.0,
    caption_dropout: Annotated[float, Slider(0.0, 1.0)] = 0.1,
    ema_decay: Annotated[float, Slider(0.0, 0.99999, step=0.001)] = 0.9,
    precision: Literal["fp32", "bf16"] = "fp32",
    pool: Annotated[int, Int(WINDOW, 10_000_000)] = 100,
    seed: Annotated[int, Seed()] = 0,
    name: str = "lora",
    checkpoint_every: Annotated[int, Int(1, 1_000_000)] = 100,
    resume: bool = True,
    context: Context,
) -> TrainedLora:
    """Train a LoRA: a small file that teaches a model a subject or a style. The model itself stays as it is.

    model: what the LoRA is for; of any family that draws from text alone.
    clip: its text encoder, which does not learn.
    vae: turns pictures into latents; it does not learn.
    dataset: pictures and captions.
    rank: how much it can hold; the file grows with it.
    alpha: strength of what is learnt, as a multiple of rank; equal to rank it is 1.
    layers: "attention" alone, or "all" linear layers of the blocks that see the text.
    steps: of the optimizer, in all.
    batch_size: latents in each step.
    learning_rate: the highest rate.
    warm_up: steps over which the rate rises to it.
    schedule: how the rate falls again. "decay_at_end" keeps it until the last steps, "cosine" lowers it all along.
    decay_share: share of the steps over which "decay_at_end" lowers the rate.
    timesteps: how noise levels are drawn; "logit_normal" prefers the middle ones.
    min_snr_gamma: limit of the signal-to-noise ratio in the loss's weight; 5 is usual, 0 weighs all levels alike.
    caption_dropout: share of captions left out, so that the subject also comes without a prompt.
    ema_decay: of the running average of the factors, which is the result.
    precision: "bf16" is faster where the processor has it; factors stay float32.
    pool: pictures encoded in advance, from which batches are drawn; a tenth is replaced every 200 steps.
    seed: of starting factors, captions left out, noise and noise levels.
    name: of the folder in user/training that keeps checkpoints and latents; empty keeps none.
    checkpoint_every: steps between two checkpoints.
    resume: go on from the newest checkpoint of that name; off removes them and starts anew.
    """
    cells = checked(dataset, vae.downscale * (2 if model.joint_text else 1)) // vae.downscale
    _check_inputs(model, vae.latent_channels, cells)
    network = _frozen(model)
    adapter = Adapter(network, adapted_layers(network, layers), rank, alpha, seed)
    settings = AdapterSettings(batch_size, caption_dropout, precision)
    optimizer = OptimizerSettings(learning_rate, warm_up, schedule, decay_fraction=max(decay_share, 1e-9))
    loss = DiffusionLoss(model.process, model.prediction, timesteps, min_snr_gamma or None)
    source = pictures_key(dataset)
    folder = folder_of(context, name)
    latents = latent_shards(
        dataset, vae, model.latent, folder=folder / "latents" if folder else None, name=source, shard=pool // WINDOW,
        window=WINDOW, refresh=REFRESH,
    )  # fmt: skip
    if folder is not None:
        facts: dict[str, Any] = {"kind": "lora", **vars(settings), "rank": rank, "alpha": alpha, "layers": layers}
        facts |= {"model": fingerprint(network), "vae": latents.key, "dataset": source, "seed": seed}
        facts |= {"prediction": model.prediction, "timesteps": timesteps, "min_snr_gamma": min_snr_gamma}
        facts |= {"noisiest": float(model.process.sigma_max), "ema_decay": ema_decay, "pool": pool}
        facts |= {"text": fingerprint(nn.ModuleList([part.network for part in clip.parts.values()]))}
        folder = claim(folder, facts, steps, optimizer, resume=resume)
    loop = LoopSettings(steps, seed, ema_decay, checkpoint_every, folder)
    begin = max(Checkpoints(folder).steps(), default=0) if folder else 0
    if begin < steps:
        latents.prepare(begin, lambda done, wanted: context.progress(begin, steps, encoding=f"{done}/{wanted}"))
    watch = hooks(context, "LoRA loss")
    losses = train_adapter(
        network, adapter, latents, _conditions(model, clip, cells), loss, settings, loop, optimizer, watch
    )
    return TrainedLora(adapter.tensors(network), curve(losses, "LoRA loss"))


@node("LoomSaveLora", title="Save LoRA", category="training", pure=False, lane="io")
def save_lora(
    *, lora: LoraModel, name: str = "trained", precision: Literal["fp16", "fp32"] = "fp16", context: Context
) -> Annotated[str, Socket("COMBO")]:
    """Save a LoRA in models/loras and hand on the name of its file, which Load LoRA takes along a wire.

    name: how the file's name begins; may hold sub-folders. The rest tells its contents, so the same LoRA is one file.
    precision: of the weights in the file; "fp16" halves its size.
    """
    dtype = torch.float16 if precision == "fp16" else torch.float32
    state = {key: tensor.to(dtype).contiguous() for key, tensor in lora.items()}
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode() + state[key].numpy().tobytes())
    goal = place(context.files.directory("loras"), f"{name}-{digest.hexdigest()[:8]}")
    path = goal.folder / f"{goal.stem}.safetensors"
    if not path.is_file():
        ranks = [len(tensor) for key, tensor in state.items() if key.endswith("lora_down.weight")]
        write_safetensors(path, state, {"format": "pt", "ss_network_dim": str(max(ranks, default=0))})
    return f"{goal.subfolder}/{path.name}".lstrip("/")


def _frozen(model: DiffusionModel) -> nn.Module:
    """Return the network that learns nothing, in float32 and where it computes; the model's own if it is that."""
    network = model.network
    if model.dtype == torch.float32 and next(network.parameters()).device == model.device:
        return network
    return copy.deepcopy(network).to(model.device, torch.float32)


def _conditions(model: DiffusionModel, clip: Any, cells: int) -> Conditions:
    """Return captions -> text and further inputs; each caption is encoded once."""
    known: dict[str, tuple[Tensor, Tensor | None]] = {}
    shape = (model.latent.channels, cells, cells)

    def conditions(captions: Sequence[str]) -> tuple[Tensor, Mapping[str, Tensor]]:
        for caption in dict.fromkeys(captions):
            if caption not in known:
                known[caption] = clip.encode(caption)
        rows = [known[caption][0] for caption in captions]
        if len({row.shape[1] for row in rows}) > 1:
            expected, got = "captions of one length in tokens", f"{sorted({row.shape[1] for row in rows})}"
            raise UserError("D051", "captions", expected, got, "Shorten the longest ones.", input="dataset")
        text = torch.cat(rows).to(device=model.device, dtype=torch.float32)
        pooled = [known[caption][1] for caption in captions]
        entry = {"pooled_output": torch.cat([p for p in pooled if p is not None])} if pooled[0] is not None else {}
        like = torch.zeros(len(rows), *shape, device=model.device)
        further = model.extra_inputs(entry, like)
        return text, {name: value.float().expand(len(rows), *value.shape[1:]) for name, value in further.items()}

    return conditions


def _check_inputs(model: DiffusionModel, channels: int, cells: int) -> None:
    """Raise UserError D032 for a model that draws from more than text, or from another autoencoder's latents."""
    wanted = model.latent.channels
    if channels != wanted:
        raise _unfit("vae", f"an autoencoder of {wanted} latent channels", str(channels))
    config = getattr(model.base, "config", None)
    taken = getattr(config, "in_channels", wanted)
    if taken != wanted:
        raise _unfit("model", "a model that takes a latent and text, no picture", f"{taken} channels")


def _unfit(name: str, expected: str, got: str) -> UserError:
    return UserError("D032", f'input "{name}"', expected, got, "Connect parts that fit.", input=name)
