"""Pictures out: to the output folder, to the screen, to a waiting client."""

from __future__ import annotations

import json
import secrets
from functools import partial
from typing import Any

import torch

from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.pictures.png import COMPRESS_SAVE, metadata, pictures, write_png
from ..engine.pictures.save import place, publish
from ..engine.values import Anything, Image

COMPRESS_PREVIEW = 1  # fast rather than small: previews are thrown away


@node("SaveImage", title="Save Image", category="image", effect=True, lane="io", aliases=("png", "output"))
def save_image(*, images: Image, filename_prefix: str = "ComfyUI", context: Context) -> None:
    """Save pictures as PNG files in the output folder; each carries the graph that made it.

    filename_prefix: may hold sub-folders and %width% %height% %year% %month% %day% %hour% %minute% %second%
        %batch_num%. Existing files are never overwritten.
    """
    _save(images, filename_prefix, "output", context)


@node("PreviewImage", title="Preview Image", category="image", effect=True, lane="io")
def preview_image(*, images: Image, context: Context) -> None:
    """Show pictures without keeping them: they go to the folder for temporary files."""
    _save(images, f"ComfyUI_temp_{secrets.token_hex(4)}", "temp", context, COMPRESS_PREVIEW)


def _save(images: torch.Tensor, prefix: str, kind: str, context: Context, compress: int = COMPRESS_SAVE) -> None:
    goal = place(context.files.directory(kind), prefix, images.shape[2], images.shape[1])
    text = metadata(context.prompt, context.extra, context.provenance)
    saved: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures(images)):
        context.check()
        name = publish(goal, ".png", partial(write_png, picture=picture, text=text, compress=compress), number)
        saved.append({"filename": name, "subfolder": goal.subfolder, "type": kind})
    context.output("images", saved)


@node("SaveImageWebsocket", title="Save Image (Websocket)", category="api/image", effect=True, pure=False)
def save_image_websocket(*, images: Image, context: Context) -> None:
    """Send pictures in full size to whoever runs the graph, without writing a file."""
    for number, picture in enumerate(pictures(images)):
        context.preview(picture, whole=True)
        context.progress(number + 1, images.shape[0])


@node("PreviewAny", title="Preview as Text", category="utils", effect=True, lane="cpu")
def preview_any(*, source: Anything, context: Context) -> None:
    """Show any value as text."""
    context.output("text", [{"text": _as_text(source)}])


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)) or value is None:
        return str(value)
    if isinstance(value, torch.Tensor):
        return f"tensor {tuple(value.shape)} {value.dtype} on {value.device}"
    if not isinstance(value, (dict, list, tuple)):  # as a text by itself; json would ask for it again and again
        return str(value)
    try:
        return json.dumps(value, indent=2, default=_as_text)
    except (TypeError, ValueError, RecursionError):
        return str(value)
