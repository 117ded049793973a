"""What a graph's checker wants to know of a model file before anything runs: its family and its latents' channels.

Looks at keys and shapes only, and needs no torch. What is unknown constrains nothing: a text encoder or an
autoencoder alone serves several families.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .arch import ARCHITECTURES, UNET, VAES
from .detect import detect
from .header import read_header

__all__ = ["KINS", "file_facets", "shape_facets"]

Shapes = Mapping[str, tuple[int, ...]]
KINS = {"SD3.5": "SD3", "Flux dev": "Flux", "Flux schnell": "Flux"}
"""Families that share text, latents and ControlNets with another; the others are their own kin."""
LATENT = (
    (UNET + "out.2.weight", 0),
    ("out.2.weight", 0),
    ("conv_out.weight", 0),
    (UNET + "x_embedder.proj.weight", 1),
    ("x_embedder.proj.weight", 1),
    *((prefix + "decoder.conv_in.weight", 1) for prefix in (*VAES, "")),
    ("pos_embed.proj.weight", 1),
)
"""Keys whose shape tells the channels of the latent: (key, axis); the first that is there counts."""
PACKED = (UNET + "img_in.weight", "img_in.weight", "x_embedder.weight")
PATCH_CELLS = 4  # cells of a latent in one of Flux's tokens
ROLES = ("checkpoint", "unet", "controlnet")


def file_facets(path: Path) -> dict[str, str]:
    """Return what `shape_facets` does of a safetensors file, from its header.

    Raises: UserError M002 for a file of no known kind, M010..M013 for a malformed one.
    """
    return shape_facets({key: entry.shape for key, entry in read_header(path).entries.items()}, path.name)


def shape_facets(shapes: Shapes, name: str) -> dict[str, str]:
    """Return e.g. {"family": "SD1.x", "latent": "4"}, as far as a file of these tensors tells.

    Raises: UserError M002 for tensors of no known kind.
    """
    entry = detect(ARCHITECTURES, shapes, name)
    facets: dict[str, str] = {}
    if entry.kind in ROLES:
        facets["family"] = KINS.get(str(entry.family), entry.family or entry.name)
    if entry.kind in ("checkpoint", "unet", "vae") and (channels := latent_channels(shapes)) is not None:
        facets["latent"] = str(channels)
    return facets


def latent_channels(shapes: Shapes) -> int | None:
    """Return the channels of the latents that a denoiser or an autoencoder works on, None where nothing tells."""
    for key, axis in LATENT:
        if len(shapes.get(key, ())) > axis:
            return shapes[key][axis]
    packed = next((shapes[key] for key in PACKED if len(shapes.get(key, ())) == 2), None)
    return None if packed is None else packed[1] // PATCH_CELLS
