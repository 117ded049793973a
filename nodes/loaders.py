"""Model files to values on wires, and back. The work is done by `engine.models`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import torch

from ..engine.memory.device import pick_device
from ..engine.models.load import load_checkpoint, load_text_encoder, load_unet, load_vae
from ..engine.models.save import save_checkpoint, write_safetensors
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.socket import FileFacets, Socket
from ..engine.node.widget import Choice, File
from ..engine.pictures.png import metadata
from ..engine.pictures.save import place, publish
from ..engine.values import Clip, Model, Vae

MODEL_FILES = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin")
EIGHT_BITS = {
    "fp8_e4m3fn": torch.float8_e4m3fn,
    "fp8_e4m3fn_fast": torch.float8_e4m3fn,
    "fp8_e5m2": torch.float8_e5m2,
}


class Checkpoint(NamedTuple):
    """The three parts of a checkpoint."""

    MODEL: Annotated[Any, Socket("MODEL"), FileFacets("ckpt_name")]
    CLIP: Annotated[Any, Socket("CLIP"), FileFacets("ckpt_name")]
    VAE: Annotated[Any, Socket("VAE"), FileFacets("ckpt_name")]


@node("CheckpointLoaderSimple", title="Load Checkpoint", category="loaders", lane="io")
def checkpoint_loader_simple(
    *, ckpt_name: Annotated[str, File("checkpoints", MODEL_FILES)], context: Context
) -> Checkpoint:
    """Load a checkpoint: the diffusion model, its text encoder and its autoencoder.

    ckpt_name: a file of models/checkpoints.
    """
    path = context.files.find("checkpoints", ckpt_name)
    loaded = load_checkpoint(
        path,
        device=pick_device(context.device),
        allow_pickle=context.allows("pickle"),
        embedding_folders=context.files.roots("embeddings"),
    )
    return Checkpoint(loaded.model, loaded.clip, loaded.vae)


@node("VAELoader", title="Load VAE", category="loaders", lane="io")
def vae_loader(
    *, vae_name: Annotated[str, File("vae", MODEL_FILES)], context: Context
) -> Annotated[Any, Socket("VAE"), FileFacets("vae_name")]:
    """Load an autoencoder.

    vae_name: a file of models/vae.
    """
    path = context.files.find("vae", vae_name)
    return load_vae(path, device=pick_device(context.device), allow_pickle=context.allows("pickle"))


@node("UNETLoader", title="Load Diffusion Model", category="advanced/loaders", lane="io")
def unet_loader(
    *,
    unet_name: Annotated[str, File("diffusion_models", MODEL_FILES)],
    weight_dtype: Literal["default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2"] = "default",
    context: Context,
) -> Annotated[Any, Socket("MODEL"), FileFacets("unet_name")]:
    """Load a diffusion model that comes without text encoder and autoencoder.

    unet_name: a file of models/diffusion_models.
    weight_dtype: "fp8..." rounds the weights to that precision, so that pictures match those of programs
        that store them so; memory and speed stay those of "default".
    """
    path = context.files.find("diffusion_models", unet_name)
    model = load_unet(path, device=pick_device(context.device), allow_pickle=context.allows("pickle"))
    eight = EIGHT_BITS.get(weight_dtype)
    if eight is None:
        return model
    # The network is fresh and ours alone; its tensors may be views of the file and are replaced, not
    # written to.
    state = {name: weight.to(eight).to(weight.dtype) for name, weight in model.network.state_dict().items()}
    model.network.load_state_dict(state, assign=True)
    return model


@node("CLIPLoader", title="Load CLIP", category="advanced/loaders", lane="io")
def clip_loader(
    *,
    clip_name: Annotated[str, File("text_encoders", MODEL_FILES)],
    type: Annotated[str, Choice(("stable_diffusion",))] = "stable_diffusion",
    device: Literal["default", "cpu"] | None = "default",
    context: Context,
) -> Annotated[Any, Socket("CLIP"), FileFacets("clip_name")]:
    """Load a text encoder.

    clip_name: a file of models/text_encoders.
    type: the family of models it serves.
    device: "cpu" keeps it off the accelerator.
    """
    path = context.files.find("text_encoders", clip_name)
    wanted = "cpu" if device == "cpu" else context.device
    return load_text_encoder(
        path,
        device=pick_device(wanted),
        allow_pickle=context.allows("pickle"),
        embedding_folders=context.files.roots("embeddings"),
    )


@node("CheckpointSave", title="Save Checkpoint", category="advanced/model_merging", effect=True, lane="io")
def checkpoint_save(
    *, model: Model, clip: Clip, vae: Vae, filename_prefix: str = "checkpoints/ComfyUI", context: Context
) -> None:
    """Save a diffusion model, its text encoder and its autoencoder as one file in the output folder.

    filename_prefix: may hold sub-folders; existing files are never overwritten.
    """
    goal = place(context.files.directory("output"), filename_prefix)
    text = metadata(context.prompt, context.extra)
    name = publish(goal, ".safetensors", lambda path: save_checkpoint(path, model, clip, vae, model.dtype, text))
    context.output("files", [{"filename": name, "subfolder": goal.subfolder, "type": "output"}])


@node("VAESave", title="Save VAE", category="advanced/model_merging", effect=True, lane="io")
def vae_save(*, vae: Vae, filename_prefix: str = "vae/ComfyUI_vae", context: Context) -> None:
    """Save an autoencoder as a file in the output folder.

    filename_prefix: may hold sub-folders; existing files are never overwritten.
    """
    goal = place(context.files.directory("output"), filename_prefix)
    text = {"format": "pt", **metadata(context.prompt, context.extra)}
    state = {name: weight.detach().cpu().contiguous() for name, weight in vae.network.state_dict().items()}
    name = publish(goal, ".safetensors", lambda path: write_safetensors(path, state, text))
    context.output("files", [{"filename": name, "subfolder": goal.subfolder, "type": "output"}])
