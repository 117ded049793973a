"""The weights on the device: each tensor once, however many networks share it, and the count of their bytes.

Knows nothing of what must go when; `residency` decides that.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from .transfer import Transfer

__all__ = ["Account", "Copies", "Copy", "Laid", "Wanted"]


class Laid(Protocol):
    """What may be laid over a network's weights while it runs (`models.patched.PatchedWeights`)."""

    @property
    def names(self) -> frozenset[str]:
        """The parameters it changes; none where there is nothing to lay."""

    def network(self, original: Any, /) -> Any:
        """Return the network with its weights changed, where the original is."""

    def weight(self, name: str, weight: Tensor, /) -> Tensor:
        """Return one weight changed, where it is."""


class Account(Protocol):
    """Who keeps the one count of bytes on the device, and moves out what it can when told of more."""

    def reserve(self, what: Hashable, nbytes: int) -> None:
        """Count bytes that are about to be taken."""

    def release(self, what: Hashable, nbytes: int) -> None:
        """Take back what was counted under the same name."""


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """A tensor that a network needs on the device: its name there, the original, and what is laid over it."""

    name: str
    original: Tensor
    laid: Laid | None

    @property
    def key(self) -> tuple[int, int]:
        """Equal for what one copy serves, while original and patches live."""
        return id(self.original), 0 if self.laid is None else id(self.laid)


@dataclass(eq=False, slots=True)
class Copy:
    """A tensor on the device."""

    key: tuple[int, int]
    original: weakref.ref[Tensor]
    tensor: Tensor
    holders: int = 0


class Copies:
    """Copies of host tensors, counted. Not thread-safe: its one user has a lock."""

    def __init__(self, transfer: Transfer, account: Account | None) -> None:
        self._transfer = transfer
        self._account = account
        self._copies: dict[tuple[int, int], Copy] = {}
        self.used_bytes = self.peak_bytes = self.moved = self.moved_bytes = 0

    def claim(self, wanted: Iterable[Wanted]) -> dict[tuple[int, int], Copy]:
        """Return those that are there, by key, each held once more."""
        found = {}
        for item in wanted:
            copy = self._copies.get(item.key)
            if copy is not None and copy.original() is item.original and item.key not in found:
                copy.holders += 1
                found[item.key] = copy
        return found

    def bring(self, wanted: Iterable[Wanted]) -> dict[tuple[int, int], Copy]:
        """Bring tensors, none of which is there, and return their copies by key, each held once."""
        fresh = list({item.key: item for item in wanted}.values())
        near = [self._near(item) for item in fresh]
        if self._account is not None:  # what can make way goes before they come
            coming = ("coming", id(self)), sum(item.original.nbytes for item in fresh)
            self._account.reserve(*coming)
            self._account.release(*coming)
        tensors = self._transfer.bring([item.original for item, here in zip(fresh, near, strict=True) if here is None])
        moved = iter(tensors)
        made = {}
        for item, here in zip(fresh, near, strict=True):
            tensor = next(moved) if here is None else here
            if item.laid is not None:
                tensor = item.laid.weight(item.name, tensor)
            made[item.key] = Copy(item.key, weakref.ref(item.original), tensor, 1)
        self._copies |= made
        self.moved += len(tensors)
        self.moved_bytes += sum(tensor.nbytes for tensor in tensors)
        for copy in made.values():
            self.count(("weights", id(copy)), copy.tensor.nbytes)
        return made

    def drop(self, copies: Iterable[Copy]) -> None:
        """Hold each copy once less; what nobody holds leaves."""
        for copy in copies:
            copy.holders -= 1
            if not copy.holders:
                self.uncount(("weights", id(copy)), copy.tensor.nbytes)
                if self._copies.get(copy.key) is copy:
                    del self._copies[copy.key]

    def count(self, what: Hashable, nbytes: int) -> None:
        """Count bytes that are taken on the device."""
        if self._account is not None:
            self._account.reserve(what, nbytes)
        self.used_bytes += nbytes
        self.peak_bytes = max(self.peak_bytes, self.used_bytes)

    def uncount(self, what: Hashable, nbytes: int) -> None:
        """Take back what was counted."""
        if self._account is not None:
            self._account.release(what, nbytes)
        self.used_bytes -= nbytes

    def _near(self, item: Wanted) -> Tensor | None:
        """Return what is to be changed as it is on the device, if it is there."""
        if not self._transfer.away(item.original):
            return item.original
        copy = self._copies.get((id(item.original), 0)) if item.laid is not None else None
        return copy.tensor if copy is not None and copy.original() is item.original else None


def replaced(tensors: Mapping[str, Tensor | None], table: Mapping[int, Tensor]) -> dict[str, Tensor | None]:
    """Return a module's tensors with those of `table`, by id of the original, in their place."""
    return {
        name: nn.Parameter(table[id(t)], requires_grad=False)
        if isinstance(t, nn.Parameter) and id(t) in table
        else t
        if t is None
        else table.get(id(t), t)
        for name, t in tensors.items()
    }
