"""How one of our tensors comes out of those of a file: as it is, joined, cut out, transposed or with halves swapped.

Pure functions of shapes and tensors. Knows nothing of names' meaning, files or networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Piece"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A recipe: the tensors of `keys` one under the other (axis 0), then the other fields in their order."""

    keys: tuple[str, ...]
    share: tuple[int, int] = (0, 1)
    """(i, n): only the i-th of n equal parts of the rows, such as the keys of a fused query, key and value."""
    transposed: bool = False
    swapped: bool = False
    """Whether the two halves of the rows change places."""

    def shape(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        """Return the shape of the result. Raises: ValueError where the tensors do not fit the recipe."""
        first, *others = (shapes[key] for key in self.keys)
        if first == () and not others:
            return first
        if any(other[1:] != first[1:] for other in others):
            raise ValueError(f'"{self.keys[0]}" and what follows it differ in shape')
        rows = first[0] + sum(other[0] for other in others)
        if rows % self.share[1] or (self.swapped and rows % 2):
            raise ValueError(f'"{self.keys[0]}" has {rows} rows, which do not divide')
        shape = (rows // self.share[1], *first[1:])
        return shape[::-1] if self.transposed else shape

    def tensor(self, read: Callable[[str], Tensor]) -> Tensor:
        """Return the result; a view of the file's tensor where nothing is joined, swapped or transposed."""
        tensors = [read(key) for key in self.keys]
        whole = tensors[0] if len(tensors) == 1 else torch.cat(tensors)
        part, parts = self.share
        if parts > 1:
            whole = whole.chunk(parts)[part]
        if self.transposed:
            whole = whole.t().contiguous()
        return torch.cat(whole.chunk(2)[::-1]) if self.swapped else whole
