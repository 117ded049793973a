"""Which weights are on the device now: copies of the host's, by need, within a budget.

Networks stay on the host and are never changed; the device has twins of them. Whoever runs a network asks here for it.
What is not in use leaves when another needs the room, the longest unused first; leaving costs nothing, since the host
still has it. A network larger than the room runs by sequential offload (`offload`). Knows nothing of what networks
mean, nor how the cache keeps count.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

from .copies import Account, Copies, Copy, Laid, Wanted, replaced
from .device import empty_caches
from .offload import plan, streamed
from .shortage import first_that_fits, out_of_memory, shortage
from .transfer import Transfer
from .twin import named_tensors, twin

__all__ = ["InPlace", "Residence", "Residency", "ResidencyStats"]

N = TypeVar("N", bound=nn.Module)
T = TypeVar("T")
Key = tuple[int, int]

_HALVINGS = 3  # of a network's room, when the computation beside it runs out of memory
_UNLIMITED = 1 << 62


class Residence(Protocol):
    """Where networks run: what a value on a wire asks before it runs its own."""

    def device_of(self, network: nn.Module) -> torch.device:
        """Return where a network computes."""

    def run(
        self, network: N, call: Callable[[N], T], laid: Laid | None = None, *, what: str = "model", shrink: bool = True
    ) -> T:
        """Return `call(network)` with the network, and what is laid over it, ready to compute.

        When memory runs out, what is not in use leaves and `call` is made once more; then, if `shrink`, with less and
        less of the network on the device. So `call` must have no effect but its result. what: is run, for messages.
        Raises: UserError M090 where nothing helps; torch's own error where `shrink` is off, for callers that can do
        with less themselves.
        """

    def hold(self, network: nn.Module, laid: Laid | None = None) -> AbstractContextManager[None]:
        """Have the network's weights stay between the runs of a `with` block, as far as the room allows."""

    def free(self) -> None:
        """Take from the device whatever is not running."""


class InPlace:
    """Networks run where they are, as a script or a trainer put them. Holds nothing."""

    def device_of(self, network: nn.Module) -> torch.device:
        """Return the device of the first parameter."""
        return next(network.parameters()).device

    def run(
        self, network: N, call: Callable[[N], T], laid: Laid | None = None, *, what: str = "model", shrink: bool = True
    ) -> T:
        """Return `call(network)`."""
        return call(network if laid is None else laid.network(network))

    def hold(self, network: nn.Module, laid: Laid | None = None) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()

    def free(self) -> None:
        """Do nothing: the networks are their owners'."""


class ResidencyStats(NamedTuple):
    """What there is on the device, and what was brought there so far."""

    used_bytes: int
    peak_bytes: int
    moved: int
    """Tensors that came to stay; those that sequential offload brings and drops are not among them."""
    moved_bytes: int
    evictions: int


@dataclass(eq=False)
class _Stay:
    """A network on the device, whole or by sequential offload."""

    network: weakref.ref[nn.Module]
    laid: weakref.ref[Any] | None
    running: nn.Module | None  # None when it has left
    copies: tuple[Copy, ...]
    slot_bytes: int
    shrunk: bool
    busy: int = 0
    used: int = 0

    @property
    def nbytes(self) -> int:
        return self.slot_bytes + sum(copy.tensor.nbytes for copy in self.copies)

    def of(self, network: nn.Module, laid: Laid | None) -> bool:
        return self.network() is network and (laid is None if self.laid is None else self.laid() is laid)

    @property
    def dead(self) -> bool:
        return self.network() is None or (self.laid is not None and self.laid() is None)


class Residency:
    """Weights on one device within a budget. Every method may be called from any thread."""

    def __init__(
        self,
        transfer: Transfer,
        budget_bytes: int | None = None,
        *,
        working_bytes: int = 0,
        account: Account | None = None,
    ) -> None:
        """budget_bytes: for weights; None is no limit but the device's own. working_bytes: to leave free for what is
        computed, where the device tells what is free. account: told of all that comes and goes.
        """
        self.budget_bytes = budget_bytes
        self._working_bytes = working_bytes
        self._transfer = transfer
        self._copies = Copies(transfer, account)
        self._lock = threading.RLock()
        self._stays: dict[Key, _Stay] = {}
        self._held: Counter[Key] = Counter()
        self._clock = count(1)
        self._evictions = 0

    def __deepcopy__(self, _memo: dict[int, Any]) -> Residency:
        """Return itself: there is one device, however often a model is copied."""
        return self

    @property
    def device(self) -> torch.device:
        """Where networks compute."""
        return self._transfer.device

    @property
    def stats(self) -> ResidencyStats:
        """What is on the device, and what happened so far."""
        copies = self._copies
        return ResidencyStats(copies.used_bytes, copies.peak_bytes, copies.moved, copies.moved_bytes, self._evictions)

    def device_of(self, network: nn.Module) -> torch.device:
        """Return the device, whichever network is meant."""
        return self._transfer.device

    def run(
        self, network: N, call: Callable[[N], T], laid: Laid | None = None, *, what: str = "model", shrink: bool = True
    ) -> T:
        """Return `call(network on the device)`; see `Residence`."""
        laid = laid if laid is not None and laid.names else None

        def attempt() -> T:
            stay, running = self._come(network, laid, what)
            try:
                return call(running)
            finally:
                with self._lock:
                    stay.busy -= 1

        try:
            return attempt()
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        # Only here, after the handler, are the tensors of the failed attempt free.
        if not shrink:
            with self._lock:
                self._clear(_key(network, laid))
            empty_caches()
            return attempt()
        return first_that_fits(self._savings(network, laid, attempt, what), what)

    @contextmanager
    def hold(self, network: nn.Module, laid: Laid | None = None) -> Iterator[None]:
        """Have the weights stay for the runs of the block; they come with the first."""
        key = _key(network, laid if laid is not None and laid.names else None)
        with self._lock:
            self._held[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= Counter({key: 1})
                stay = self._stays.get(key)
                if stay is not None and stay.shrunk and not stay.busy and key not in self._held:
                    self._leave(key)  # the next run may leave it more room

    def free(self) -> None:
        """Take from the device whatever is not running, and let go of pinned memory."""
        with self._lock:
            self._clear()
            self._transfer.free()

    def _savings(
        self, network: nn.Module, laid: Laid | None, attempt: Callable[[], T], what: str
    ) -> Iterator[Callable[[], T]]:
        """Yield the attempt again, each time with more room beside the network."""
        with self._lock:
            self._clear(_key(network, laid))
        empty_caches()
        yield attempt
        room = self._bytes_of(network, laid)
        for _ in range(_HALVINGS):
            room //= 2
            if plan(network, room) is None:
                return
            yield partial(self._with_less, network, laid, what, room, attempt)

    def _bytes_of(self, network: nn.Module, laid: Laid | None) -> int:
        stay = self._stays.get(_key(network, laid))
        return stay.nbytes if stay is not None else sum({id(t): t.nbytes for _, t in named_tensors(network)}.values())

    def _with_less(self, network: nn.Module, laid: Laid | None, what: str, room: int, attempt: Callable[[], T]) -> T:
        with self._lock:
            self._clear(_key(network, laid))
            self._settle_in(network, laid, what, room)
        return attempt()

    def _come(self, network: N, laid: Laid | None, what: str) -> tuple[_Stay, N]:
        """Return the network's stay, now busy, and what to run; it begins unless it is there."""
        with self._lock:
            stay = self._stays.get(_key(network, laid))
            if stay is None or not stay.of(network, laid):
                stay = self._settle_in(network, laid, what)
            stay.used = next(self._clock)
            stay.busy += 1
            return stay, stay.running  # type: ignore[return-value]  # a twin is of its network's class

    # What follows is called with the lock held.

    def _settle_in(self, network: nn.Module, laid: Laid | None, what: str, room: int | None = None) -> _Stay:
        """Bring a network: whole if there is room, else as far as there is. room: not to be exceeded, shrinks it."""
        for key in [key for key, stay in self._stays.items() if stay.dead]:
            self._leave(key)
        names: frozenset[str] = frozenset() if laid is None else laid.names
        wanted = [
            Wanted(name, tensor, laid if name in names else None)
            for name, tensor in named_tensors(network)
            if name in names or self._transfer.away(tensor)
        ]
        claimed = self._copies.claim(wanted)  # first, so that what is shared with what leaves stays
        try:
            missing = {item.key: item for item in wanted if item.key not in claimed}
            here = sum(copy.tensor.nbytes for copy in claimed.values())
            needed = sum(item.original.nbytes for item in missing.values())
            limit = self._room_for(needed, network) if room is None else room - here
            if needed <= limit:
                chosen, slot_bytes = None, 0
            else:
                chosen = plan(network, here + limit)
                if chosen is None:
                    raise shortage(what, max(t.nbytes for _, t in named_tensors(network)), max(0, here + limit))
                staying = {id(t) for unit in chosen.stay for t in unit.tensors.values()}
                missing = {key: item for key, item in missing.items() if id(item.original) in staying}
                slot_bytes = chosen.slot_bytes
                gone = [claimed.pop(key) for key in list(claimed) if key[0] not in staying]
                self._copies.drop(gone)
            claimed |= self._copies.bring(missing.values())
        except BaseException:
            self._copies.drop(claimed.values())
            raise
        table = {key[0]: copy.tensor for key, copy in claimed.items()}
        if chosen is None:
            running = twin(network, lambda _, tensors: replaced(tensors, table))
        else:
            change = None if laid is None else partial(_changed, weakref.ref(laid), names)
            running = streamed(network, chosen, table, self._transfer, change)
        stay = _Stay(
            weakref.ref(network),
            None if laid is None else weakref.ref(laid),
            running,
            tuple(claimed.values()),
            slot_bytes,
            shrunk=room is not None,
        )
        key = _key(network, laid)
        if key in self._stays:  # the same, with more on the device
            self._leave(key)
        self._copies.count(("slots", id(stay)), slot_bytes)
        self._stays[key] = stay
        return stay

    def _room_for(self, needed: int, network: nn.Module) -> int:
        """Return how many bytes more there may be on the device, after others have left as far as needed."""
        idle = sorted(self._stays.items(), key=lambda item: item[1].used)
        for key, stay in idle:
            if self._room() >= needed:
                break
            if not stay.busy and key not in self._held:
                self._leave(key)
        enough = min(needed, max(2 * max((t.nbytes for _, t in named_tensors(network)), default=0), needed // 4))
        for key, stay in idle:
            if self._room() >= enough:
                break
            if key in self._stays and not stay.busy:
                self._squeeze(key, stay, enough - self._room())
        return self._room()

    def _squeeze(self, key: Key, stay: _Stay, missing: int) -> None:
        """Have a network that is held, but does not run now, make do with so much less."""
        network, laid = stay.network(), stay.laid() if stay.laid else None
        room = stay.nbytes - missing
        if network is not None and room > 0 and plan(network, room) is not None:
            self._settle_in(network, laid, "model", room)
        else:
            self._leave(key)

    def _clear(self, but: Key | None = None) -> None:
        for key in [key for key, stay in self._stays.items() if key != but and not stay.busy]:
            self._leave(key)

    def _room(self) -> int:
        used = self._copies.used_bytes
        room = _UNLIMITED if self.budget_bytes is None else self.budget_bytes - used
        free = self._transfer.free_bytes()
        return room if free is None else min(room, free - self._working_bytes)

    def _leave(self, key: Key) -> None:
        stay = self._stays.pop(key)
        self._evictions += 1
        self._copies.uncount(("slots", id(stay)), stay.slot_bytes)
        self._copies.drop(stay.copies)
        stay.copies, stay.running = (), None  # whoever still knows of it must not keep its weights


def _key(network: nn.Module, laid: Laid | None) -> Key:
    return id(network), 0 if laid is None else id(laid)


def _changed(laid: weakref.ref[Laid], names: frozenset[str], name: str, weight: Tensor) -> Tensor:
    there = laid() if name in names else None  # alive while the network runs: whoever runs it has it
    return weight if there is None else there.weight(name, weight)
