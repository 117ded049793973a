"""A thread with an event loop, through which a script calls coroutines; ends with `close` or the process.

One implementation then serves both clients, in notebooks too, where the caller's thread runs a loop of its own.
Knows no network.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

__all__ = ["Portal"]

T = TypeVar("T")
_TICK_SECONDS = 0.5  # some systems deliver Ctrl-C only between waits


class Portal:
    """May be used from several threads at once."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="latentloom-client", daemon=True)
        self._thread.start()

    @property
    def open(self) -> bool:
        """Whether it can still be called."""
        return not self._loop.is_closed()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and return its result, or raise what it raised; Ctrl-C cancels it."""
        if self._loop.is_closed():
            work.close()
            raise RuntimeError("this client is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            while True:
                try:
                    return future.result(_TICK_SECONDS)
                except TimeoutError:
                    if future.done():  # the coroutine's own
                        raise
        except KeyboardInterrupt:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Yield what an asynchronous generator yields; leaving early closes it."""
        end = object()

        async def step() -> T | object:
            return await anext(items, end)

        async def leave() -> None:
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()

        try:
            while (item := self.call(step())) is not end:
                yield item  # type: ignore[misc]  # all but `end` is a T
        finally:
            self.call(leave())

    def close(self) -> None:
        """End the thread. Coroutines under way are cancelled."""
        if self._loop.is_closed():
            return

        async def cancel() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.call(cancel())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
