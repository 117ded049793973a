"""Read a saved picture back with what it says of itself: its pixels, its graph, its provenance.

Only PNG, since only there is a graph kept. Loads no torch; knows nothing of nodes or folders.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import UserError

__all__ = ["PROVENANCE", "Recorded", "read_recorded"]

PROVENANCE = "latentloom"
"""The text chunk that says what a picture was made of, beside the graph: see `run.provenance`."""

MAX_PIXELS = 64 * 2**20


class Recorded(NamedTuple):
    """pixels: uint8 [h w c]. prompt: the graph as API data. provenance: None for pictures of other programs."""

    pixels: np.ndarray
    prompt: dict[str, Any] | None
    provenance: dict[str, Any] | None


def read_recorded(path: Path) -> Recorded:
    """Read a PNG file. Raises: UserError F001 (absent), F010 (no whole PNG of at most 64 megapixels)."""
    where = f'picture "{path.name}"'
    try:
        with Image.open(path, formats=("PNG",)) as file:
            if file.width * file.height > MAX_PIXELS:
                got = f"{file.width}x{file.height}"
                raise UserError("F010", where, f"at most {MAX_PIXELS >> 20} megapixels", got, "Cut it down.")
            file.load()
            text = {**file.info, **getattr(file, "text", {})}
            picture = file.convert("RGBA") if file.mode in ("P", "PA", "LA") else file
            pixels = np.asarray(picture)
    except FileNotFoundError as error:
        raise UserError("F001", where, "an existing file", "none", "Check the path.") from error
    except UnidentifiedImageError as error:
        raise UserError("F010", where, "a PNG file", "another kind of file", "Only PNG keeps a graph.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        got = str(error)[:80] or type(error).__name__
        raise UserError("F010", where, "a whole PNG file", got, "Take the picture as it was saved.") from error
    return Recorded(pixels if pixels.ndim == 3 else pixels[..., None], _json(text, "prompt"), _json(text, PROVENANCE))


def _json(text: dict[Any, Any], name: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text.get(name, ""))
    except (ValueError, TypeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
