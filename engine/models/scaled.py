"""Files of 8-bit floats that keep a factor beside each weight: read as the numbers that were meant.

Knows nothing of networks. Source: the key names of the published fp8 files (`scaled_fp8`, `*.scale_weight`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from .weights import WeightFile

__all__ = ["ScaledFile", "unscaled"]

FACTOR = ".scale_weight"
INPUT_FACTOR = ".scale_input"  # for products in 8 bits, which are not computed here
MARKER = "scaled_fp8"


@dataclass(frozen=True)
class ScaledFile:
    """A file whose weights are multiplied with their factors when they are read; float32 then, else as stored."""

    source: WeightFile
    shapes: Mapping[str, tuple[int, ...]]
    """Every tensor's shape, without factors and markers."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    @property
    def metadata(self) -> Mapping[str, str]:
        """Free text the writer added."""
        return self.source.metadata

    def tensor(self, key: str) -> Tensor:
        """Return one tensor on the CPU."""
        tensor = self.source.tensor(key)
        factor = key.removesuffix(".weight") + FACTOR
        if not key.endswith(".weight") or factor not in self.source.shapes:
            return tensor
        return tensor.float() * self.source.tensor(factor).float()


def unscaled(source: WeightFile) -> WeightFile:
    """Return a file without factors and markers among its keys; itself where there are none."""
    plain = {key: shape for key, shape in source.shapes.items() if not is_factor(key)}
    return source if len(plain) == len(source.shapes) else ScaledFile(source, plain)


def is_factor(key: str) -> bool:
    """Tell whether a key is a factor or the marker, under whatever prefix."""
    return key.endswith((FACTOR, INPUT_FACTOR, "." + MARKER)) or key == MARKER
