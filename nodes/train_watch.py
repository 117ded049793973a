"""What trainer nodes share: copies that learn, a folder of their own, what they tell. Declares no node itself."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image as Pillow
from torch import nn

from ..engine.errors import UserError, brief
from ..engine.folders import safe_name
from ..engine.learn.curve import draw_curve
from ..engine.learn.data import Pictures
from ..engine.learn.loop import Hooks, Progress
from ..engine.node.context import Context

N = TypeVar("N", bound=nn.Module)


def learner(network: N, device: torch.device) -> N:
    """Return a float32 copy that learns, on `device`. What came along the wire stays as it is, and may be a view of a
    file.
    """
    return copy.deepcopy(network).to(device, torch.float32).requires_grad_(requires_grad=True)


def finished(network: N) -> N:
    """Return the trained copy as a wire carries it: frozen, evaluating, plain in memory."""
    network.eval().requires_grad_(requires_grad=False)
    return network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def folder_of(context: Context, name: str) -> Path | None:
    """Return the folder of the training `name` in the user's folder; None for an empty name.

    Raises: UserError F002 for a name that leaves the folder.
    """
    if not name.strip():
        return None
    return context.files.directory("user").joinpath("training", *safe_name(name).split("/"))


def checked(dataset: Pictures, cells: int) -> int:
    """Return the side of a data set's pictures, which must be square and a multiple of `cells` pixels.

    Raises: UserError D031 for anything else.
    """
    expected = f"square pictures, uint8 [n h w 3], whose side is a multiple of {cells}"
    if not hasattr(dataset, "batch"):
        raise UserError("D031", "data set", expected, brief(dataset), "Connect a data set.", input="dataset")
    pictures, _ = dataset.batch(0, 1)
    shape = tuple(pictures.shape)
    if pictures.dtype != np.uint8 or len(shape) != 4 or shape[1] != shape[2] or shape[1] % cells or shape[3] != 3:
        raise UserError("D031", "data set", expected, brief(pictures), "Choose another size.", input="dataset")
    return shape[1]


def hooks(context: Context, title: str) -> Hooks:
    """Return hooks that report every step and show the loss curve at every checkpoint.

    The loop saves a checkpoint before it passes on that the run was asked to stop.
    """
    losses: list[float] = []

    def on_step(at: Progress) -> None:
        losses.append(at.loss)
        context.metric("loss", at.step, at.loss)
        context.metric("learning rate", at.step, at.learning_rate)
        context.progress(at.step, at.total, loss=at.smoothed)  # raises Cancelled

    def on_checkpoint(step: int) -> None:
        context.preview(np.asarray(draw_curve(losses, title)))

    return Hooks(on_step=on_step, on_checkpoint=on_checkpoint if context.wants_previews else None)


def curve(losses: Sequence[float], title: str) -> torch.Tensor:
    """Return the loss curve as an IMAGE."""
    return as_image(draw_curve(losses, title))


def as_image(picture: Pillow.Image) -> torch.Tensor:
    """Return a pillow picture as an IMAGE [1 h w 3]."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).float()[None] / 255
