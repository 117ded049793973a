"""TAESD from its files, and the previews that come with it.

Three layouts, told by their keys: a half of its own (bare numbers), both halves under `taesd_encoder.` and
`taesd_decoder.`, and diffusers' AutoencoderTiny. Knows nothing of nodes; is told where files are.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch

from ..diffusion.preview import Previewer
from ..errors import UserError
from ..memory.device import pick_dtype
from .autoencoder import Autoencoder
from .build import Part, build, part
from .latent import LatentFormat
from .taesd import TAESD, TAESDConfig, TAESDDecoder, TAESDEncoder
from .weights import WeightFile, open_weights

__all__ = ["load_taesd", "load_taesd_of", "pick_previewer", "taesd_config", "taesd_file"]

log = logging.getLogger("latentloom.previews")

Half = Literal["encoder", "decoder"]
ENDINGS = (".safetensors", ".sft", ".pth", ".pt", ".bin")  # tried in this order


def load_taesd(
    paths: Sequence[Path], latent: LatentFormat, *, device: torch.device, allow_pickle: bool = False
) -> Autoencoder:
    """Load both halves as an autoencoder: one file that holds them, or a file for each.

    latent: the space it was trained for, whose scale and shift make raw latents of its scaled ones.
    Raises: UserError M001 to M014 (not there, not allowed, damaged), M065 where a half is in none of the files, M004
    and M008 where one is incomplete.
    """
    sources = [open_weights(path, allow_pickle=allow_pickle) for path in paths]
    dtype = pick_dtype(device)
    encoder = build(TAESDEncoder, taesd_config, half(sources, "encoder"), "TAESD encoder", device, dtype)
    decoder = build(TAESDDecoder, taesd_config, half(sources, "decoder"), "TAESD decoder", device, dtype)
    with torch.device("meta"):
        network = TAESD(TAESDConfig(latent.channels, scale=latent.scale, shift=latent.shift))
    network.taesd_encoder, network.taesd_decoder = encoder, decoder
    return Autoencoder(network.eval())


def load_taesd_of(
    latent: LatentFormat, folders: Iterable[Path], *, device: torch.device, allow_pickle: bool = False
) -> Autoencoder:
    """Load the small autoencoder of a space from the folders that hold such files (models/vae_approx).

    Raises: UserError M065 where a half is missing; else as `load_taesd`.
    """
    places = tuple(folders)
    found = [taesd_file(latent, places, which) for which in ("encoder", "decoder")]
    paths = list(dict.fromkeys(path for path in found if path is not None))
    if not paths:
        raise absent(f'"{latent.tiny}"', "autoencoder")
    return load_taesd(paths, latent, device=device, allow_pickle=allow_pickle)


def pick_previewer(
    latent: LatentFormat,
    method: str,
    folders: Iterable[Path],
    *,
    device: torch.device,
    allow_pickle: bool = False,
) -> Previewer | None:
    """Return what turns this space's scaled latents into pictures, or None.

    method: "auto" and "taesd" take the space's small decoder where the folders hold it, else its colours;
    "latent2rgb" always these; "none" gives None, as does a space that knows no colours. A decoder that cannot be
    read is told to the log, since no picture of an unfinished latent is worth ending a run for.
    """
    if method == "none":
        return None
    colours = latent if latent.knows_colours else None
    path = None if method == "latent2rgb" else taesd_file(latent, folders, "decoder")
    if path is None:
        return colours
    try:
        source = open_weights(path, allow_pickle=allow_pickle)
        weights = half([source], "decoder")
        network = build(TAESDDecoder, taesd_config, weights, "TAESD decoder", device, pick_dtype(device))
        if network[1].in_channels != latent.channels:
            raise UserError(
                "M066",
                where=f'"{path.name}"',
                expected=f"a decoder of {latent.channels} channels",
                got=f"one of {network[1].in_channels}",
                fix="Put the decoder of this family there.",
            )
    except UserError as error:
        log.warning("previews without TAESD: %s", error)
        return colours
    return network


def taesd_file(latent: LatentFormat, folders: Iterable[Path], which: Half) -> Path | None:
    """Return the first file of the space's small autoencoder: `taesd_decoder.safetensors`, `taesd.pth`, ..."""
    if not latent.tiny:
        return None
    stems = (f"{latent.tiny}_{which}", latent.tiny)
    for folder in folders:
        found = (folder / (stem + ending) for stem in stems for ending in ENDINGS)
        if path := next((path for path in found if path.is_file()), None):
            return path
    return None


def half(sources: Sequence[WeightFile], which: Half) -> Part:
    """Return the half's weights under its network's names. Raises: UserError M065 when no file has them."""
    for source in sources:
        shapes = source.shapes
        if any(key.startswith(f"taesd_{which}.") for key in shapes):
            return part(source, f"taesd_{which}.")
        if f"{which}.layers.0.weight" in shapes:
            return part(source, f"{which}.layers.", one_later if which == "decoder" else None)
        # Bare numbers: an encoder begins at 0, a decoder at 1, since its first layer has no weights.
        if all(re.match(r"\d+\.", key) for key in shapes) and ("0.weight" in shapes) == (which == "encoder"):
            return part(source)
    raise absent(", ".join(f'"{source.path.name}"' for source in sources), which)


def absent(where: str, what: str) -> UserError:
    """Return the error for weights that are in none of the files looked at."""
    return UserError(
        "M065",
        where=where,
        expected=f"a TAESD {what}",
        got="none",
        fix="Put the family's encoder and decoder, such as taesd_encoder.safetensors, into models/vae_approx.",
    )


def one_later(keys: list[str]) -> dict[str, str]:
    """Return {diffusers key: our key} of a decoder, whose squeezing layer diffusers does not count."""
    return {key: re.sub(r"^\d+", lambda match: str(int(match[0]) + 1), key) for key in keys}


def taesd_config(shapes: Mapping[str, tuple[int, ...]]) -> TAESDConfig:
    """Return the shape of a half in its own names. Raises: KeyError or ValueError when the keys are not its."""
    if "0.weight" in shapes:
        return TAESDConfig(shapes["14.weight"][0], shapes["0.weight"][0])
    return TAESDConfig(shapes["1.weight"][1], shapes["1.weight"][0])
