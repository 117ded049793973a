"""The server's side of the connection to one worker: two threads, so that a stuck worker never stops the event loop.

Frames arrive on the loop in order; when the loop falls behind, the worker waits instead of memory growing. Knows
nothing of what frames mean.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from queue import SimpleQueue

__all__ = ["Channel"]

_AHEAD = 64  # frames received and not yet handled


class Channel:
    """One connection, from its first frame to its end."""

    def __init__(
        self,
        connection: Connection,
        loop: asyncio.AbstractEventLoop,
        on_frame: Callable[[bytes], None],
        on_end: Callable[[], None],
    ) -> None:
        """on_frame, on_end: called on the loop; on_end once, after the last frame."""
        self._connection = connection
        self._loop = loop
        self._on_frame = on_frame
        self._on_end = on_end
        self._ahead = threading.BoundedSemaphore(_AHEAD)
        self._out: SimpleQueue[bytes | None] = SimpleQueue()
        for work in (self._read, self._write):
            threading.Thread(target=work, name=f"latentloom-worker{work.__name__}", daemon=True).start()

    def send(self, frame: bytes) -> None:
        """Send a frame after those before it; never waits. Dropped when the worker is gone."""
        self._out.put(frame)

    def close(self) -> None:
        """End both threads; the connection closes when the worker's end of it does."""
        self._out.put(None)

    def _read(self) -> None:
        try:
            while True:
                frame = self._connection.recv_bytes()
                self._ahead.acquire()
                self._loop.call_soon_threadsafe(self._handle, frame)
        except (EOFError, OSError):
            self._out.put(None)
        except RuntimeError:
            return  # the loop is closed: the server is ending
        try:
            self._loop.call_soon_threadsafe(self._on_end)
        except RuntimeError:
            return

    def _handle(self, frame: bytes) -> None:
        self._ahead.release()
        self._on_frame(frame)

    def _write(self) -> None:
        try:
            while (frame := self._out.get()) is not None:
                self._connection.send_bytes(frame)
        except OSError:
            return  # the worker is gone, as the reading thread tells
