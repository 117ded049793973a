"""Files of weights: what is in them, checked before any library reads them, and their tensors one at a time.

What a file is shows in its bytes, never in its name. A safetensors header is checked here in full (length,
JSON, duplicate keys, arithmetic, exact cover); pickles go to pickled.py, only when allowed. Knows nothing of
networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import UserError
from .header import Header, brief_reason, read_header, refuse, stamp
from .pickled import looks_pickled, open_pickle

__all__ = ["SafetensorsFile", "WeightFile", "open_safetensors", "open_weights"]


class WeightFile(Protocol):
    """Named tensors of which shapes are known and data is read on demand."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Every tensor's shape, without reading its data."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Free text the writer added."""

    def tensor(self, key: str) -> Tensor:
        """Return one tensor on the CPU; memory-mapped where the format allows."""


@dataclass(frozen=True)
class SafetensorsFile:
    """A checked safetensors file; tensors are views of the memory-mapped file."""

    path: Path
    header: Header
    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]
    handle: Any = field(repr=False)

    def tensor(self, key: str) -> Tensor:
        """Return one tensor. Raises: UserError M006 when the file was replaced since it was checked."""
        if stamp(self.path) != self.header.stamp:
            raise UserError(
                "M006",
                where=f'"{self.path.name}"',
                expected="the file that was opened",
                got="another version of it",
                fix="Load it again once whatever writes it has finished.",
            )
        tensor: Tensor = self.handle.get_tensor(key)
        return tensor


def open_weights(path: Path | str, *, allow_pickle: bool = False, under: str | None = None) -> WeightFile:
    """Open a file of weights of either kind, told apart by content.

    under: the key of a pickle that holds the wanted tensors, where it is not one of the usual wrappers.
    Raises: UserError M001 no such file, M005 a pickle that was not allowed, M007 a pickle refused,
    M010..M019 a malformed safetensors file.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(
            "M001",
            where=f'"{path.name}"',
            expected="a file of weights",
            got="nothing there",
            fix="Check the name, or put the file into the models folder.",
        )
    if not looks_pickled(path):
        return open_safetensors(path)
    if not allow_pickle:
        raise UserError(
            "M005",
            where=f'"{path.name}"',
            expected="safetensors",
            got="a pickle, which can run code when read",
            fix="Convert it to safetensors; or, if you trust where it came from, let the restricted reader open it: "
            "--allow-pickle, or allow_pickle = true in settings.toml.",
        )
    return open_pickle(path, under=under)


def open_safetensors(path: Path | str) -> SafetensorsFile:
    """Check a safetensors file and open it memory-mapped.

    Raises: UserError M010 (length), M011 (not JSON), M012 (an entry), M013 (cover), M014 (the library
    refused).
    """
    path = Path(path)
    header = read_header(path)
    try:
        handle = safe_open(str(path), framework="pt", device="cpu")
    except (SafetensorError, OSError) as error:
        raise refuse("M014", path, "a file the safetensors library accepts", brief_reason(error)) from error
    shapes = {key: entry.shape for key, entry in header.entries.items()}
    return SafetensorsFile(path, header, shapes, header.metadata, handle)
