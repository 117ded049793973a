"""Child: one worker process from its start to its end: spawned, spoken to, killed, buried.

All of it on the event loop; what could block has a thread. Knows nothing of jobs or of what frames mean.
"""

from __future__ import annotations

import asyncio
import atexit
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.context import SpawnContext, SpawnProcess

from .channel import Channel
from .place import new_memory, read_place
from .worker import WorkerOptions, main

__all__ = ["Child"]

_FAREWELL_SECONDS = 1.0  # between the end of the connection and that of the process


class Child:
    """A running process. `ended` is set when it is gone, or no longer speaks; `bury` must follow."""

    def __init__(self, name: str, options: WorkerOptions, on_frame: Callable[[bytes], None]) -> None:
        """Start it. on_frame: called on the loop for each frame. Raises OSError when the system has no room for it."""
        self.ended = asyncio.Event()
        context: SpawnContext = multiprocessing.get_context("spawn")
        self._memory = new_memory(context)
        ours, theirs = context.Pipe()
        # Started by this thread and no other: on Linux a child dies with the thread that made it, see `orphan`.
        options = replace(options, parent=os.getpid())
        self._process: SpawnProcess = context.Process(target=main, args=(theirs, options, self._memory), name=name)
        try:
            self._process.start()
        finally:
            theirs.close()
        atexit.register(self._process.kill)  # ahead of multiprocessing's own, which would wait for it for ever
        self._channel = Channel(ours, asyncio.get_running_loop(), on_frame, self.ended.set)
        self.pid = self._process.pid

    @property
    def place(self) -> tuple[str, str] | None:
        """The node that runs, or ran when the process died, and its type."""
        return read_place(self._memory)

    def send(self, frame: bytes) -> None:
        """Send a frame; never waits."""
        self._channel.send(frame)

    def look(self) -> None:
        """Notice an end that the connection does not tell, as when a child of its own still holds it."""
        if self._process.exitcode is not None:
            self.ended.set()

    def kill(self) -> None:
        """Kill the process, and what it started, as far as the system can."""
        process = self._process
        if process.exitcode is not None or process.pid is None:
            return
        if hasattr(os, "killpg"):
            try:
                if os.getpgid(process.pid) == process.pid:  # else it has not come as far as making its own group
                    os.killpg(process.pid, signal.SIGKILL)
            except OSError:
                pass  # gone already
        process.kill()

    async def bury(self) -> str:
        """Wait for the end and return its cause: the name of a signal, or an exit code."""
        process = self._process
        await asyncio.to_thread(process.join, _FAREWELL_SECONDS)
        if process.exitcode is None:  # it let go of the connection and goes on all the same
            self.kill()
            await asyncio.to_thread(process.join)
        atexit.unregister(process.kill)
        self._channel.close()
        code = process.exitcode
        process.close()
        return _cause(code)


def _cause(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        return f"exit code {exitcode}"
    try:
        return signal.Signals(-exitcode).name
    except ValueError:
        return f"signal {-exitcode}"
