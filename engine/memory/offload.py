"""Sequential offload: a network whose weights do not fit is run with a few units of them on the device at a time.

A unit is some modules that follow each other, or a large one's own tensors. Small units stay; the others are brought
when one of their tensors is asked for, the next one already on its way meanwhile, in the order of the last pass. Asking
is reading an attribute (`self.weight`), so no module needs a hook and none must be called by its `forward`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .transfer import Arrival, Transfer
from .twin import named_tensors, twin

__all__ = ["Plan", "Stream", "plan", "streamed", "units_of"]

_GRAINS = 32  # units are cut so that two of them take about a sixteenth of the room: what they take cannot stay
Change = Callable[[str, Tensor], Tensor]
"""(name, weight on the device) -> the weight to run with: what LoRAs do."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Tensors that come and go together, by their names; shared ones once."""

    tensors: Mapping[str, Tensor]

    @property
    def nbytes(self) -> int:
        """What it takes on the device."""
        return sum({id(tensor): tensor.nbytes for tensor in self.tensors.values()}.values())


class Plan(NamedTuple):
    """What stays on the device, what comes and goes, and the bytes that the latter takes at most at a time."""

    stay: tuple[Unit, ...]
    come: tuple[Unit, ...]
    slot_bytes: int
    ahead: bool
    """Whether there is room to bring the next unit while one is in use."""


def units_of(network: nn.Module, grain_bytes: int) -> list[Unit]:
    """Return all tensors of a network in units of at most `grain_bytes`, or of one module's own tensors."""
    known: set[int] = set()
    units: list[Unit] = []

    def visit(module: nn.Module, prefix: str) -> None:
        whole = {prefix + name: tensor for name, tensor in named_tensors(module)}
        if Unit(whole).nbytes <= grain_bytes:
            add(whole)
            return
        own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        add({prefix + name: tensor for name, tensor in own})
        for name, child in module.named_children():
            visit(child, f"{prefix}{name}.")

    def add(tensors: Mapping[str, Tensor]) -> None:
        fresh = {name: tensor for name, tensor in tensors.items() if id(tensor) not in known}
        known.update(id(tensor) for tensor in fresh.values())
        if fresh:
            units.append(Unit(fresh))

    visit(network, "")
    return units


def plan(network: nn.Module, room_bytes: int) -> Plan | None:
    """Return how to run a network in so much room; None where its largest module alone is larger."""
    units = sorted(units_of(network, max(1, room_bytes // _GRAINS)), key=lambda unit: unit.nbytes)
    if not units:
        return Plan((), (), 0, ahead=False)
    largest = units[-1].nbytes
    if largest > room_bytes:
        return None
    slots = 2 if 2 * largest <= room_bytes else 1
    left, stay = room_bytes - slots * largest, 0
    while stay < len(units) - 1 and units[stay].nbytes <= left:
        left -= units[stay].nbytes
        stay += 1
    return Plan(tuple(units[:stay]), tuple(units[stay:]), slots * largest, ahead=slots > 1)


class Stream:
    """The units that come and go, of one network. May be asked from several threads."""

    def __init__(self, units: Sequence[Unit], transfer: Transfer, change: Change | None, *, ahead: bool) -> None:
        self._units = units
        self._transfer = transfer
        self._change = change
        self._ahead = ahead
        self._lock = threading.RLock()
        self._here: dict[int, Tensor] = {}  # by id of the original, of the unit in use
        self._unit = -1
        self._follows: dict[int, int] = {}  # which unit came after which in the last pass
        self._coming: tuple[int, Arrival] | None = None

    def tensor(self, unit: int, original: Tensor) -> Tensor:
        """Return a tensor of a unit on the device, after bringing the unit if it is not the one in use."""
        with self._lock:
            if unit != self._unit:
                self._turn_to(unit)
            return self._here[id(original)]

    def _turn_to(self, unit: int) -> None:
        before, coming = self._unit, self._coming
        self._follows[before] = unit
        self._unit, self._coming = -1, None  # should anything below fail, nothing is in use
        self._transfer.settle()
        self._here = {}
        originals = self._originals(unit)
        if coming is not None and coming[0] == unit:
            arrived = coming[1].take()
        else:
            coming = None  # a guess that was wrong: its memory first
            arrived = self._transfer.bring(originals, again=True)
        here = {id(original): tensor for original, tensor in zip(originals, arrived, strict=True)}
        if self._change is not None:
            for name, original in self._units[unit].tensors.items():
                here[id(original)] = self._change(name, here[id(original)])
        self._here, self._unit = here, unit
        following = self._follows.get(unit)
        if self._ahead and following is not None and following != unit:
            self._coming = (following, self._transfer.begin(self._originals(following)))

    def _originals(self, unit: int) -> list[Tensor]:
        return list({id(tensor): tensor for tensor in self._units[unit].tensors.values()}.values())


class _Asked(dict[str, Tensor | None]):
    """A module's parameters or buffers, of which some are brought when they are read.

    Iterating shows those as tensors without data, as `parameters()` is for looking at shapes and types.
    """

    def __init__(
        self, entries: Mapping[str, Tensor | None], stream: Stream, units: Mapping[str, tuple[int, Tensor]]
    ) -> None:
        super().__init__(entries)
        self._stream = stream
        self._units = units

    def __getitem__(self, name: str) -> Tensor | None:
        found = self._units.get(name)
        return super().__getitem__(name) if found is None else self._stream.tensor(*found)


def streamed(
    network: nn.Module, chosen: Plan, staying: Mapping[int, Tensor], transfer: Transfer, change: Change | None
) -> nn.Module:
    """Return a twin of the network that runs by a plan.

    staying: the tensors on the device of the units that stay, by id of the original. change: applied to the others
    whenever they arrive.
    """
    unit_of = {id(tensor): k for k, unit in enumerate(chosen.come) for tensor in unit.tensors.values()}
    stream = Stream(chosen.come, transfer, change, ahead=chosen.ahead)

    def table(_prefix: str, tensors: dict[str, Tensor | None]) -> dict[str, Tensor | None]:
        come = {name: t for name, t in tensors.items() if t is not None and id(t) in unit_of}
        entries = {
            name: t if t is None else torch.empty_like(t, device="meta") if name in come else staying.get(id(t), t)
            for name, t in tensors.items()
        }
        if not come:
            return entries
        return _Asked(entries, stream, {name: (unit_of[id(t)], t) for name, t in come.items()})

    return twin(network, table)
