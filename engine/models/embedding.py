"""Textual inversion files: learned vectors that stand in a prompt as `embedding:name`.

Reads A1111's .pt (`string_to_param`), safetensors `emb_params`, diffusers' single token, and `clip_l` with `clip_g`
(and `t5xxl`), picking by width and, where several have it, by the encoder's place in its family. Knows nothing of
tokens or networks. Source: Gal et al. 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from torch import Tensor

from ..errors import UserError
from .weights import open_weights

__all__ = ["Embedding", "find_embedding", "load_embedding"]

SUFFIXES = (".safetensors", ".pt", ".bin")
PLACES = {"l": "clip_l", "g": "clip_g", "t5": "t5xxl"}
PUNCTUATION = ",.;:!?"


@dataclass(frozen=True, slots=True)
class Embedding:
    """Learned vectors [n d] and the text that followed the name without a space."""

    vectors: Tensor
    rest: str = ""


def load_embedding(
    name: str, folders: Sequence[Path], width: int, *, place: str = "l", allow_pickle: bool = False
) -> Embedding:
    """Return the vectors of that width in the embedding file called `name`, which may end in punctuation.

    place: of the encoder in its family, "l", "g" or "t5"; counts where a file has several vectors of the width.
    Raises: UserError M020 when no file has that name, M021 when it holds no vectors of that width, or the
    errors of `open_weights`.
    """
    bare = name.rstrip(PUNCTUATION)
    for candidate in (name, bare):
        path = find_embedding(candidate, folders)
        if path is not None:
            return Embedding(read_vectors(path, width, place, allow_pickle=allow_pickle), name[len(candidate) :])
    there = sorted({file.stem for folder in folders if folder.is_dir() for file in folder.rglob("*") if is_one(file)})
    near = get_close_matches(bare, there, n=3, cutoff=0.5)
    raise UserError(
        "M020",
        where=f'"embedding:{bare}"',
        expected="an embedding file of that name",
        got=f"none among {len(there)}" + (f"; near: {', '.join(near)}" if near else ""),
        fix="Put the file into models/embeddings, or take the word out of the prompt.",
    )


def find_embedding(name: str, folders: Sequence[Path]) -> Path | None:
    """Return the file of that name (with or without its suffix, below a folder allowed), or None.

    Never leaves the folders, whatever the name says.
    """
    if not name or "\0" in name:
        return None
    for folder in folders:
        root = folder.resolve()
        for suffix in ("", *SUFFIXES):
            path = (root / (name + suffix)).resolve()
            if path.is_relative_to(root) and is_one(path):
                return path
    return None


def is_one(path: Path) -> bool:
    """Tell whether a path is a file with an embedding's suffix."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def read_vectors(path: Path, width: int, place: str = "l", *, allow_pickle: bool) -> Tensor:
    """Return the vectors [n width] of a textual inversion file."""
    source = open_weights(path, allow_pickle=allow_pickle, under="string_to_param")
    fitting = [key for key, shape in source.shapes.items() if shape[-1:] == (width,) and len(shape) <= 2]
    if not fitting:
        widths = sorted({shape[-1] for shape in source.shapes.values() if 1 <= len(shape) <= 2})
        raise UserError(
            "M021",
            where=f'"{path.name}"',
            expected=f"vectors of width {width}, which this text encoder has",
            got=f"widths {', '.join(map(str, widths[:5]))}" if widths else "no vectors",
            fix="Use an embedding made for this family of models.",
        )
    key = next((key for key in (PLACES[place], "emb_params", "*") if key in fitting), fitting[0])
    return source.tensor(key).float().reshape(-1, width)
