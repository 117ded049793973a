"""One file of weights, opened for loading: what it is, and whether that is what was asked for.

Knows nothing of networks or values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from ..errors import UserError
from .arch import ARCHITECTURES, Architecture, Kind
from .detect import detect, nearness
from .scaled import unscaled
from .weights import WeightFile, open_weights

__all__ = ["expect", "identify", "open_model"]

LIKE = 0.4  # share of an entry's keys from which on a file may be a damaged one of its kind
SHOWN = 3  # missing keys in a message
NAMES: Mapping[Kind, str] = MappingProxyType(
    {
        "checkpoint": "a checkpoint",
        "unet": "a diffusion model",
        "vae": "an autoencoder",
        "text_encoder": "a text encoder",
        "controlnet": "a ControlNet",
    }
)


def open_model(path: Path | str, *, allow_pickle: bool = False) -> WeightFile:
    """Open a file of weights whose tensors are the numbers that were meant: 8-bit floats with their factors.

    Raises: as `open_weights`.
    """
    return unscaled(open_weights(path, allow_pickle=allow_pickle))


def identify(path: Path | str, *, allow_pickle: bool = False) -> Architecture:
    """Return what a file is, by its keys; reads no data of safetensors. Raises: as `load_checkpoint`."""
    source = open_weights(path, allow_pickle=allow_pickle)
    return detect(ARCHITECTURES, source.shapes, source.path.name)


def expect(source: WeightFile, *kinds: Kind) -> Architecture:
    """Return what the file is. Raises: UserError M002 for nothing known, M003 for another kind or family."""
    found = detect(ARCHITECTURES, source.shapes, source.path.name)
    if found.kind not in kinds or not found.readable:
        loader = "" if found.kind in kinds else f" Or load it with the node for {found.kind.replace('_', ' ')}s."
        raise UserError(
            "M003",
            where=f'"{source.path.name}"',
            expected=described(kinds),
            got=found.name + likeness(source, kinds) * (found.kind not in kinds),
            fix=f"Choose another file.{loader}",
        )
    return found


def likeness(source: WeightFile, kinds: Sequence[Kind]) -> str:
    """Return what the file lacks to be the nearest of these kinds, as text; nothing where it has little of any."""
    entries = [entry for entry in ARCHITECTURES if entry.kind in kinds and entry.readable]
    matches = [(nearness(match), entry, match) for entry in entries for match in [entry.condition.match(source.shapes)]]
    _, entry, match = max(matches, key=lambda item: item[0])
    if match.accepted < LIKE * match.total:
        return ""
    more = ", ..." if len(match.missing) > SHOWN else ""
    return f", which a {entry.name} would be with {', '.join(match.missing[:SHOWN])}{more}"


def described(kinds: Sequence[Kind]) -> str:
    """Return the kinds in words, with the families that can be loaded."""
    entries = [entry for entry in ARCHITECTURES if entry.kind in kinds and entry.readable]
    families = dict.fromkeys(entry.family for entry in entries if entry.family)
    names = " or ".join(NAMES.get(kind, kind) for kind in kinds)
    return f"{names} of {', '.join(families)}" if families else " or ".join(entry.name for entry in entries)
