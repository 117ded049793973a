"""Model files to values on wires, and back. The work is done by `engine.models`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import torch

from ..engine.memory.device import pick_device
from ..engine.models.load import Loaded, load_checkpoint, load_text_encoders, load_unet, load_vae
from ..engine.models.load_text import TextOptions
from ..engine.models.save import save_checkpoint, text_files, write_safetensors
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
ONE_CLIP = (
    "stable_diffusion", "stable_cascade", "sd3", "stable_audio", "mochi", "ltxv", "pixart", "cosmos", "lumina2", "wan",
    "hidream", "chroma", "ace", "omnigen2", "qwen_image", "hunyuan_image",
)  # fmt: skip
TWO_CLIPS = ("sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image")
Encoder = Annotated[str, File("text_encoders", MODEL_FILES)]
Placed = Literal["default", "cpu"] | None


class Checkpoint(NamedTuple):
    """The three parts of a checkpoint."""

    MODEL: Annotated[Any, Socket("MODEL"), FileFacets("ckpt_name")]
    CLIP: Annotated[Any, Socket("CLIP"), FileFacets("ckpt_name")]
    VAE: Annotated[Any, Socket("VAE"), FileFacets("ckpt_name")]


class Folder(NamedTuple):
    """The three parts of a folder."""

    MODEL: Annotated[Any, Socket("MODEL")]
    CLIP: Annotated[Any, Socket("CLIP")]
    VAE: Annotated[Any, Socket("VAE")]


@node("CheckpointLoaderSimple", title="Load Checkpoint", category="loaders", lane="io")
def checkpoint_loader_simple(
    *, ckpt_name: Annotated[str, File("checkpoints", MODEL_FILES)], context: Context
) -> Checkpoint:
    """Load a checkpoint: the diffusion model, its text encoders and its autoencoder.

    ckpt_name: a file of models/checkpoints. SD3's and Flux's may hold no text encoders; load those beside it.
    """
    return Checkpoint(*_whole(context.files.find("checkpoints", ckpt_name), context))


@node("DiffusersLoader", title="DiffusersLoader", category="advanced/loaders/deprecated", lane="io", deprecated=True)
def diffusers_loader(*, model_path: Annotated[str, File("diffusers", ())], context: Context) -> Folder:
    """Load a model in the layout of diffusers: a folder with a sub-folder for each part.

    model_path: a folder of models/diffusers.
    """
    return Folder(*_whole(context.files.find("diffusers", model_path), context))


@node("VAELoader", title="Load VAE", category="loaders", lane="io")
def vae_loader(
    *, vae_name: Annotated[str, File("vae", MODEL_FILES)], context: Context
) -> Annotated[Any, Socket("VAE"), FileFacets("vae_name")]:
    """Load an autoencoder.

    vae_name: a file of models/vae.
    """
    path = context.files.find("vae", vae_name)
    device, allow = pick_device(context.device), context.allows("pickle")
    return load_vae(path, device=device, allow_pickle=allow, residence=context.residence)


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
    device, allow = pick_device(context.device), context.allows("pickle")
    model = load_unet(path, device=device, allow_pickle=allow, residence=context.residence)
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
    clip_name: Encoder,
    type: Annotated[str, Choice(ONE_CLIP)] = "stable_diffusion",
    device: Placed = "default",
    context: Context,
) -> Annotated[Any, Socket("CLIP"), FileFacets("clip_name")]:
    """Load a text encoder.

    clip_name: a file of models/text_encoders.
    type: the family of models it serves: stable_diffusion (SD1.x, SD2.x, the SDXL refiner) or sd3; the others are
        refused.
    device: "cpu" keeps it off the accelerator.
    """
    return _text_encoders([clip_name], type, device, context)


@node("DualCLIPLoader", title="DualCLIPLoader", category="advanced/loaders", lane="io")
def dual_clip_loader(
    *,
    clip_name1: Encoder,
    clip_name2: Encoder,
    type: Annotated[str, Choice(TWO_CLIPS)] = "sdxl",
    device: Placed = "default",
    context: Context,
) -> Annotated[Any, Socket("CLIP")]:
    """Load two text encoders that work together; which is which shows in the files.

    clip_name1: a file of models/text_encoders.
    clip_name2: a file of models/text_encoders.
    type: the family of models they serve: sdxl (CLIP-L and bigG), sd3 (two of CLIP-L, bigG and T5) or flux (CLIP-L
        and T5); the others are refused.
    device: "cpu" keeps them off the accelerator.
    """
    return _text_encoders([clip_name1, clip_name2], type, device, context)


@node("TripleCLIPLoader", title="TripleCLIPLoader", category="advanced/loaders", lane="io")
def triple_clip_loader(
    *, clip_name1: Encoder, clip_name2: Encoder, clip_name3: Encoder, context: Context
) -> Annotated[Any, Socket("CLIP")]:
    """Load SD3's three text encoders, CLIP-L, bigG and T5; which is which shows in the files.

    clip_name1: a file of models/text_encoders.
    clip_name2: a file of models/text_encoders.
    clip_name3: a file of models/text_encoders.
    """
    return _text_encoders([clip_name1, clip_name2, clip_name3], "sd3", "default", context)


@node("CheckpointSave", title="Save Checkpoint", category="advanced/model_merging", effect=True, lane="io")
def checkpoint_save(
    *, model: Model, clip: Clip, vae: Vae, filename_prefix: str = "checkpoints/ComfyUI", context: Context
) -> None:
    """Save a diffusion model, its text encoders and its autoencoder as one file in the output folder.

    filename_prefix: may hold sub-folders; existing files are never overwritten.
    """
    goal = place(context.files.directory("output"), filename_prefix)
    text = metadata(context.prompt, context.extra)
    name = publish(goal, ".safetensors", lambda path: save_checkpoint(path, model, clip, vae, None, text))
    context.output("files", [{"filename": name, "subfolder": goal.subfolder, "type": "output"}])


@node("ModelSave", title="ModelSave", category="advanced/model_merging", effect=True, lane="io")
def model_save(*, model: Model, filename_prefix: str = "diffusion_models/ComfyUI", context: Context) -> None:
    """Save a diffusion model alone as a file in the output folder; the node for diffusion models reads it.

    filename_prefix: may hold sub-folders; existing files are never overwritten.
    """
    goal = place(context.files.directory("output"), filename_prefix)
    text = metadata(context.prompt, context.extra)
    name = publish(goal, ".safetensors", lambda path: save_checkpoint(path, model, dtype=None, metadata=text))
    context.output("files", [{"filename": name, "subfolder": goal.subfolder, "type": "output"}])


@node("CLIPSave", title="CLIPSave", category="advanced/model_merging", effect=True, lane="io")
def clip_save(*, clip: Clip, filename_prefix: str = "clip/ComfyUI", context: Context) -> None:
    """Save text encoders, each as a file of its own in the output folder.

    filename_prefix: may hold sub-folders; the encoder's name follows it, and existing files are never overwritten.
    """
    text = {"format": "pt", **metadata(context.prompt, context.extra)}
    files = []
    for kind, state in text_files(clip).items():
        goal = place(context.files.directory("output"), f"{filename_prefix}_{kind}")

        def write(path: Path, state: Mapping[str, torch.Tensor] = state) -> object:
            return write_safetensors(path, state, text)

        name = publish(goal, ".safetensors", write)
        files.append({"filename": name, "subfolder": goal.subfolder, "type": "output"})
    context.output("files", files)


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


def _whole(path: Path, context: Context) -> Loaded:
    """Return the parts of a checkpoint, a file or a folder."""
    return load_checkpoint(
        path,
        device=pick_device(context.device),
        allow_pickle=context.allows("pickle"),
        embedding_folders=context.files.roots("embeddings"),
        tokenizer_folders=context.files.roots("text_encoders"),
        residence=context.residence,
    )


def _text_encoders(names: Sequence[str], kind: str, device: Placed, context: Context) -> Any:
    """Return the encoders of some files as one value; "cpu" keeps them off the accelerator."""
    return load_text_encoders(
        [context.files.find("text_encoders", name) for name in names],
        kind,
        device=pick_device("cpu" if device == "cpu" else context.device),
        options=TextOptions(
            embedding_folders=context.files.roots("embeddings"),
            tokenizer_folders=context.files.roots("text_encoders"),
            allow_pickle=context.allows("pickle"),
        ),
        residence=context.residence,
    )
