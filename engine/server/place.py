"""Where a worker is just now: a small piece of memory that both processes see and that outlives the worker.

The worker writes the node that begins; when it dies in the midst of it, the server can still read which it was. A
message might not have left in time. Knows nothing of jobs.
"""

from __future__ import annotations

from ctypes import Array, c_char
from multiprocessing.context import SpawnContext

__all__ = ["Memory", "Place", "new_memory", "read_place"]

Memory = Array[c_char]

_BYTES = 1024
_BREAK = "\x1f"  # ASCII's unit separator; no node is called so


def new_memory(context: SpawnContext) -> Memory:
    """Return memory that can be given to a process at its start."""
    memory: Memory = context.RawArray(c_char, _BYTES)
    return memory


def read_place(memory: Memory) -> tuple[str, str] | None:
    """Return (node of the user's graph, its type) that ran last, or None when none runs."""
    text = memory.value.decode("utf-8", "replace")
    if not text:
        return None
    display, _, kind = text.partition(_BREAK)
    return display, kind


class Place:
    """The worker's side. Called by one thread at a time, as a sink is."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._running: dict[str, bytes] = {}

    @property
    def node(self) -> str | None:
        """The node of the user's graph that began last and has not ended."""
        found = read_place(self._memory)
        return found[0] if found else None

    def enter(self, node: str, display: str, kind: str) -> None:
        """Note that a node begins."""
        text = f"{display}{_BREAK}{kind}".encode("utf-8", "replace")[: _BYTES - 1]
        self._running[node] = text
        self._memory.value = text

    def leave(self, node: str) -> None:
        """Note that a node is over; another that still runs takes its place."""
        if self._running.pop(node, None) is not None:
            self._memory.value = next(reversed(self._running.values()), b"") if self._running else b""

    def clear(self) -> None:
        """Note that nothing runs."""
        self._running.clear()
        self._memory.value = b""
