"""Lanes: which ready nodes may start now, so that unlike work overlaps and like work queues.

A node waits mainly for the device, for the processor, or for files and network; each lane runs only so many at once.
Not thread-safe by itself: the run's lock guards it. Starts no thread, knows nothing of nodes.
"""

from __future__ import annotations

import os

__all__ = ["Lane", "Lanes", "processor_width"]


def processor_width() -> int:
    """Return how many nodes of the processor's lane this machine should run at once: its cores, but 2 to 4."""
    return max(2, min(4, os.cpu_count() or 2))


class Lane:
    """One kind of work: node ids ready for it, how many run, how many may."""

    __slots__ = ("busy", "ready", "width")

    def __init__(self, width: int) -> None:
        self.width = width
        self.busy = 0
        self.ready: list[str] = []


class Lanes:
    """The three lanes of a run. `take` prefers I/O, then the device: both wait for something that is not us."""

    __slots__ = ("_all", "_by_name")

    def __init__(self, device: int = 1, cpu: int = 2, io: int = 4) -> None:
        """device, cpu, io: how many nodes of each kind may run at once."""
        self._by_name = {"io": Lane(io), "device": Lane(device), "cpu": Lane(cpu)}
        self._all = (self._by_name["io"], self._by_name["device"], self._by_name["cpu"])

    def named(self, name: str) -> Lane:
        """Return the lane `name`; a name it does not know means the device."""
        return self._by_name.get(name) or self._by_name["device"]

    def take(self) -> tuple[str, Lane] | None:
        """Remove and return the newest ready node of a lane with room, and occupy the lane; None if there is none.

        The newest first goes down a branch before the next is begun, so that values can be let go early.
        """
        for lane in self._all:
            if lane.ready and lane.busy < lane.width:
                lane.busy += 1
                return lane.ready.pop(), lane
        return None

    @property
    def open(self) -> bool:
        """Whether `take` would find a node."""
        io, device, cpu = self._all  # spelled out: asked once per node
        return bool(
            (io.ready and io.busy < io.width)
            or (device.ready and device.busy < device.width)
            or (cpu.ready and cpu.busy < cpu.width)
        )

    def clear(self) -> None:
        """Forget what is ready."""
        for lane in self._all:
            lane.ready.clear()

    @property
    def threads(self) -> int:
        """How many threads could work at once."""
        return sum(lane.width for lane in self._all)
