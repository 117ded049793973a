"""Weights that are changed while a network runs, and only then: the original is shared and never touched.

A changed network is a copy of the tree that holds the original's own parameters wherever nothing changes. It is made
when it is first asked for, the last few of one original are kept, and each goes with the value that asked for it.
Knows nothing of what the changes are, of files or of nodes.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

__all__ = ["Change", "Patch", "PatchedWeights", "with_parameters"]

N = TypeVar("N", bound=nn.Module)

KEPT = 2
"""Changed networks kept of one original: two passes of one graph often use two strengths in turn."""


class Change(Protocol):
    """What is added to one weight at strength 1."""

    def difference(self, weight: Tensor) -> Tensor:
        """Return what to add to `weight`, the original in float32 or float64: same shape, type and device."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Changes to some of a network's weights, under one strength."""

    changes: Mapping[str, tuple[Change, ...]]
    """By the parameter's name in the network."""
    strength: float = 1.0
    """Factor of every difference; any finite number, 0 is none."""


class PatchedWeights:
    """Patches in their order, and the network that they make of an original.

    Never changed: `add` gives another one. What it keeps is only ever the same result a second time.
    """

    def __init__(self, patches: tuple[Patch, ...] = (), shelf: Shelf | None = None) -> None:
        """shelf: shared by all that are made of one original, so that few changed networks exist at a time."""
        self.patches = patches
        self._shelf = shelf or Shelf()
        self._made: Made | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> PatchedWeights:
        """Return the same patches, which nobody changes, with nothing made of them yet."""
        return PatchedWeights(self.patches)

    def add(self, patch: Patch) -> PatchedWeights:
        """Return these patches and one more; itself when that one changes nothing."""
        if patch.strength == 0 or not patch.changes:
            return self
        return PatchedWeights((*self.patches, patch), self._shelf)

    @cached_property
    def names(self) -> frozenset[str]:
        """The parameters that change."""
        return frozenset(name for patch in self.patches for name in patch.changes)

    def network(self, original: N) -> N:
        """Return the network with its weights changed; the very same object when there are no patches.

        Computed on the original's device when first asked for, and again after the original moved. May be called
        from several threads.
        """
        if not self.patches:
            return original
        with self._shelf.lock, torch.no_grad():
            made, place = self._made, place_of(original)
            if made is None or made.original is not original or made.place != place:
                self._made = None  # its memory first
                self._shelf.make_room(self)
                self._made = made = Made(original, place, with_parameters(original, self.weights(original)))
            self._shelf.used(self)
            network: N = made.network
            return network

    def weights(self, original: nn.Module) -> dict[str, Tensor]:
        """Return the changed weights by name, each in its original's type and on its device."""
        names = dict.fromkeys(name for patch in self.patches for name in patch.changes)
        return {name: self.weight(name, original.get_parameter(name)) for name in names}

    def weight(self, name: str, weight: Tensor) -> Tensor:
        """Return one weight changed, for those who bring a network to the device piece by piece.

        Every difference is taken from the original, so the order of patches does not matter. Summed in float32 at
        least, rounded once.
        """
        exact = weight.detach().to(torch.promote_types(weight.dtype, torch.float32))
        changed = exact.clone()
        for patch in self.patches:
            for change in patch.changes.get(name, ()):
                changed.add_(change.difference(exact), alpha=patch.strength)
        return changed.to(weight.dtype)

    def release(self) -> None:
        """Forget the changed network; it is made again when it is next asked for."""
        self._made = None

    @property
    def holds(self) -> bool:
        """Whether a changed network is in memory now."""
        return self._made is not None

    @property
    def held_bytes(self) -> int:
        """Memory that the changed weights take now, beside the original's."""
        made = self._made
        if made is None:
            return 0
        names = {name for patch in self.patches for name in patch.changes}
        return sum(made.network.get_parameter(name).nbytes for name in names)


@dataclass(frozen=True, slots=True)
class Made:
    """A changed network, what it was made of, and where that was then."""

    original: nn.Module
    place: tuple[torch.device, torch.dtype] | None
    network: Any


class Shelf:
    """Which patched weights of one original hold a changed network, oldest use first; holds none itself."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._holders: list[weakref.ref[PatchedWeights]] = []

    def make_room(self, coming: PatchedWeights) -> None:
        """Release the longest unused, so that with the coming one there are at most `KEPT`."""
        alive = [weights for weights in (ref() for ref in self._holders) if weights is not None]
        holding = [weights for weights in alive if weights is not coming and weights.holds]
        surplus = max(0, len(holding) + 1 - KEPT)
        for weights in holding[:surplus]:
            weights.release()
        self._holders = [weakref.ref(weights) for weights in holding[surplus:]]

    def used(self, weights: PatchedWeights) -> None:
        """Note that these were used last."""
        self._holders = [*(ref for ref in self._holders if ref() is not weights), weakref.ref(weights)]


def place_of(network: nn.Module) -> tuple[torch.device, torch.dtype] | None:
    """Return device and type of a network, by its first parameter."""
    first = next(network.parameters(), None)
    return None if first is None else (first.device, first.dtype)


def with_parameters(network: N, weights: Mapping[str, Tensor]) -> N:
    """Return a network that has these weights and shares everything else, modules too, with the one given.

    weights: by parameter name, of the shapes that are there. The network given is not changed.
    """
    here = {name: weight for name, weight in weights.items() if "." not in name}
    below: dict[str, dict[str, Tensor]] = {}
    for name, weight in weights.items():
        if "." in name:
            child, _, rest = name.partition(".")
            below.setdefault(child, {})[rest] = weight
    copy: N = network.__class__.__new__(network.__class__)
    copy.__dict__.update(network.__dict__)
    copy.__dict__["_parameters"] = {
        name: nn.Parameter(here[name], requires_grad=False) if name in here else parameter
        for name, parameter in network._parameters.items()
    }
    copy.__dict__["_modules"] = {
        name: with_parameters(module, below[name]) if module is not None and name in below else module
        for name, module in network._modules.items()
    }
    return copy
