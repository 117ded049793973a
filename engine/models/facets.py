"""What a graph's checker wants to know of a model file before anything runs: its family and its latents' channels.

Reads a safetensors header only, and needs no torch. Says nothing of pickles or folders; what is unknown constrains
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .arch import ARCHITECTURES, TEXT, TOKENS, UNET, VAE
from .detect import detect
from .header import read_header

__all__ = ["file_facets"]

TEXT_WIDTH = 768  # of the published SD1.x; a family trained with another width is another one


def file_facets(path: Path) -> dict[str, str]:
    """Return e.g. {"family": "SD1.x", "latent": "4"}, as far as the file tells.

    Raises: UserError M002 for a file of no known kind, M010..M013 for a malformed one.
    """
    shapes = {key: entry.shape for key, entry in read_header(path).entries.items()}
    kind = detect(ARCHITECTURES, shapes, path.name)
    facets: dict[str, str] = {}
    if not kind.readable:
        return {"family": kind.name} if kind.kind in ("checkpoint", "unet") else {}
    width = next((shape[1] for key, shape in shapes.items() if key.endswith(".attn2.to_k.weight")), None)
    width = width or first(shapes, TEXT + "text_model." + TOKENS, TEXT + TOKENS, "text_model." + TOKENS, TOKENS)
    if width is not None:
        facets["family"] = "SD1.x" if width == TEXT_WIDTH else f"SD1.x, text of width {width}"
    channels = first(shapes, VAE + "decoder.conv_in.weight", "decoder.conv_in.weight")
    if channels is None:
        key = next((key for key in (UNET + "out.2.bias", "out.2.bias", "conv_out.bias") if key in shapes), None)
        channels = shapes[key][0] if key else None
    if channels is not None:
        facets["latent"] = str(channels)
    return facets


def first(shapes: Mapping[str, tuple[int, ...]], *keys: str) -> int | None:
    """Return the second dimension of the first of these keys that the file has."""
    return next((shapes[key][1] for key in keys if key in shapes and len(shapes[key]) > 1), None)
