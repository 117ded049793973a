"""Read a picture file into tensors: upright, checked for size and format, all frames of an animation.

Only formats on an allow-list are opened, by content and not by name, and a file that claims too many pixels
or frames is refused before it is decoded. Knows nothing of nodes or folders.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError
from torch import Tensor

from ..errors import UserError

__all__ = ["EXTENSIONS", "Picture", "read_channel", "read_picture"]

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
MAX_PIXELS = 64 * 2**20  # of all frames together; about 0.8 GB as float32
MAX_FRAMES = 1024
NO_ALPHA_PX = 64  # side of the empty mask that stands for "no transparency", as in ComfyUI
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError)  # what Pillow raises for broken files
_SHARED_CHANNEL = {"red": 0, "green": 1, "blue": 2, "alpha": 3}


class Picture(NamedTuple):
    """image: float32 [b h w 3] in 0..1. mask: float32 [b h w], 1 where transparent; zeros [1 64 64]
    without alpha.
    """

    image: Tensor
    mask: Tensor


def read_picture(path: Path) -> Picture:
    """Read all frames of a picture file. Raises: UserError F010 for a file that is no fit picture."""
    images: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    for frame in _frames(path):
        if images and frame.size != (images[0].shape[1], images[0].shape[0]):
            continue  # pages of a TIFF may differ in size; a batch cannot
        images.append(_array(_unit_range(frame).convert("RGB")))
        alpha = _alpha(frame)
        if alpha is not None:
            masks.append(1.0 - alpha)
    image = torch.from_numpy(np.stack(images))
    if len(masks) == len(images):
        return Picture(image, torch.from_numpy(np.stack(masks)))
    return Picture(image, torch.zeros(1, NO_ALPHA_PX, NO_ALPHA_PX))


def read_channel(path: Path, channel: str) -> Tensor:
    """Read one channel of the first frame as a mask [1 h w].

    channel: "red", "green", "blue", or "alpha", which is inverted (1 where transparent) and zeros [1 64 64]
        if absent.
    Raises: UserError F010.
    """
    frame = next(_frames(path))
    if channel == "alpha":
        alpha = _alpha(frame)
        if alpha is None:
            return torch.zeros(1, NO_ALPHA_PX, NO_ALPHA_PX)
        return torch.from_numpy(1.0 - alpha)[None]
    picked = _array(_unit_range(frame).convert("RGB"))[..., _SHARED_CHANNEL[channel]]
    return torch.from_numpy(np.ascontiguousarray(picked))[None]


def _frames(path: Path) -> Iterator[Image.Image]:
    """Yield decoded, upright frames. Raises: UserError F010."""
    try:
        with Image.open(path, formats=FORMATS) as file:
            # A camera's MPO is a JPEG with a second view behind it, not an animation.
            count = 1 if file.format == "MPO" else getattr(file, "n_frames", 1)
            if count > MAX_FRAMES or file.width * file.height * count > MAX_PIXELS:
                got = f"{count} of {file.width}x{file.height}"
                raise _unfit(path, f"at most {MAX_FRAMES} frames and {MAX_PIXELS >> 20} megapixels in all", got)
            for frame in itertools.islice(ImageSequence.Iterator(file), count):
                yield ImageOps.exif_transpose(frame)
    except UnidentifiedImageError as error:
        raise _unfit(path, f"one of {', '.join(FORMATS)}", "another kind of file") from error
    except (*_DAMAGED, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _unfit(path, "a whole picture", str(error)[:80] or type(error).__name__) from error


def _unfit(path: Path, expected: str, got: str) -> UserError:
    return UserError("F010", f'picture "{path.name}"', expected, got, "Save it again from a picture editor.")


def _unit_range(frame: Image.Image) -> Image.Image:
    """Bring 16-bit and float grey pictures to 8 bits, which PIL's own conversion would clip."""
    if not frame.mode.startswith(("I", "F")):
        return frame
    values = np.asarray(frame, dtype=np.float32)
    full = 65535.0 if frame.mode.startswith("I") else 1.0
    return Image.fromarray((np.clip(values / full, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))


def _alpha(frame: Image.Image) -> np.ndarray | None:
    """Return the alpha channel [h w] in 0..1, or None where the picture has none."""
    if "A" in frame.getbands():
        return _array(frame.getchannel("A"))
    if "transparency" in frame.info:  # one colour of a palette or a plain picture stands for "nothing"
        return _array(frame.convert("RGBA").getchannel("A"))
    return None


def _array(frame: Image.Image) -> np.ndarray:
    return np.asarray(frame, dtype=np.float32) / 255.0
