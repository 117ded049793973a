"""Pictures on a wire to PNG files that carry the graph they came from.

The only place where pictures leave their device. Knows nothing of nodes or folders.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from ..errors import UserError
from .recorded import PROVENANCE

__all__ = ["COMPRESS_SAVE", "bytes_of", "metadata", "pictures", "write_png"]

COMPRESS_SAVE = 4  # zlib level of ComfyUI's SaveImage
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def bytes_of(images: Tensor) -> Tensor:
    """Return pictures [b h w c] as uint8 on the host; one copy for the whole batch.

    Values are clipped to 0..1 and cut, not rounded, to 8 bits, as ComfyUI does.
    Raises: UserError V020 for values that are no numbers.
    """
    levels = images.detach().float().mul(255.0).clamp(0, 255).nan_to_num(-1.0).to(torch.int16).cpu()
    if bool((levels < 0).any()):
        raise UserError(
            "V020",
            where="picture",
            expected="numbers",
            got="NaN",
            fix="The model overflowed: run it at a higher precision (bf16 or fp32), or lower cfg.",
        )
    return levels.to(torch.uint8)


def pictures(images: Tensor) -> Iterator[Image.Image]:
    """Yield each of `images` [b h w c] as an 8-bit picture. Raises: UserError V020."""
    for image in bytes_of(images).numpy():
        yield Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image, _MODES[image.shape[-1]])


def write_png(path: Path, picture: Image.Image, text: Mapping[str, str], compress: int = COMPRESS_SAVE) -> None:
    """Write a picture with text chunks, in the order given."""
    info = PngInfo()
    for name, value in text.items():
        info.add_text(name, value)
    picture.save(path, format="PNG", pnginfo=info, compress_level=compress)


def metadata(
    prompt: Mapping[str, Any] | None, extra: Mapping[str, Any], provenance: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Return the text chunks of a saved picture: `prompt` (the graph as API JSON), `workflow`, and last `latentloom`.

    extra: what the caller sent along; of it go in "workflow" and every entry of "extra_pnginfo", and nothing
    at all when "disable_metadata" is true. The JSON is strict and ASCII: numbers it cannot say become null.
    """
    if extra.get("disable_metadata"):
        return {}
    documents: dict[str, Any] = {} if prompt is None else {"prompt": prompt}
    if extra.get("workflow") is not None:
        documents["workflow"] = extra["workflow"]
    documents.update(extra.get("extra_pnginfo") or {})
    if provenance is not None:
        documents.pop(PROVENANCE, None)  # what a caller sent under this name would pass for ours
        documents[PROVENANCE] = provenance
    return {name: json.dumps(_strict(value), allow_nan=False) for name, value in documents.items()}


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return value if value is None or isinstance(value, (str, int)) else str(value)
