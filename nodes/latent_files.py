"""Latents to files and back, in ComfyUI's `.latent` format (safetensors)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import torch

from ..engine.errors import UserError
from ..engine.models.save import write_safetensors
from ..engine.models.weights import open_safetensors
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.widget import File
from ..engine.pictures.png import metadata
from ..engine.pictures.save import place, publish
from ..engine.values import Latent

TENSOR = "latent_tensor"
MARKER = "latent_format_version_0"
OLD_SCALE = 1 / 0.18215  # files without the marker hold latents multiplied by SD1.x's factor


@node("SaveLatent", title="Save Latent", category="_for_testing", effect=True, lane="io")
def save_latent(*, samples: Latent, filename_prefix: str = "latents/ComfyUI", context: Context) -> None:
    """Save latents as a file in the output folder.

    filename_prefix: may hold sub-folders; existing files are never overwritten.
    """
    goal = place(context.files.directory("output"), filename_prefix)
    tensors = {TENSOR: samples["samples"].detach().cpu().contiguous(), MARKER: torch.zeros(0)}
    text = metadata(context.prompt, context.extra)
    name = publish(goal, ".latent", partial(write_safetensors, tensors=tensors, metadata=text))
    context.output("latents", [{"filename": name, "subfolder": goal.subfolder, "type": "output"}])


@node("LoadLatent", title="Load Latent", category="_for_testing", lane="io")
def load_latent(*, latent: Annotated[str, File("input", (".latent",))], context: Context) -> Latent:
    """Load latents from a file of the input folder.

    latent: a `.latent` file.
    """
    return {"samples": _read(context.files.find("input", latent))}


def _read(path: Path) -> torch.Tensor:
    file = open_safetensors(path)
    if TENSOR not in file.shapes:
        raise UserError(
            "F011",
            where=f'latent "{path.name}"',
            expected=f"a tensor called {TENSOR}",
            got=f"{len(file.shapes)} others",
            fix="Choose a file that SaveLatent wrote.",
            input="latent",
        )
    samples = file.tensor(TENSOR).to(torch.float32, copy=True)  # a copy outlives changes of the mapped file
    return samples if MARKER in file.shapes else samples * OLD_SCALE
