"""AsyncLane: one thread with an event loop, on which the async nodes of a job overlap.

Started when the first async node comes, so that other jobs pay nothing for it. Knows nothing of nodes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Any

from ..errors import Cancelled

__all__ = ["AsyncLane"]


class AsyncLane:
    """Runs coroutines side by side; `close` waits for its thread."""

    def __init__(self, entered: Callable[[], AbstractContextManager[Any]]) -> None:
        """entered: a context that the thread stays in."""
        self._entered = entered
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="latentloom-async", daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """Start `work`; `done` is called on the loop's thread with its result or what ended it."""
        self._loop.call_soon_threadsafe(self._start, work, done)

    def cancel(self) -> None:
        """Cancel all that runs; each `done` receives Cancelled."""
        self._loop.call_soon_threadsafe(self._cancel)

    def close(self) -> None:
        """End the thread; call it when nothing runs any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        with self._entered():
            asyncio.set_event_loop(self._loop)
            try:
                self._loop.run_forever()
                self._cancel()
                self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
                self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            finally:
                self._loop.close()

    def _start(self, work: Coroutine[Any, Any, Any], done: Callable[[Any, BaseException | None], None]) -> None:
        task = self._loop.create_task(self._follow(work, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(
        self, work: Coroutine[Any, Any, Any], done: Callable[[Any, BaseException | None], None]
    ) -> None:
        result: Any = None
        ended: BaseException | None = None
        try:
            result = await work
        except asyncio.CancelledError:
            ended = Cancelled()
        except (Cancelled, KeyboardInterrupt, SystemExit) as error:
            ended = error
        done(result, ended)

    def _cancel(self) -> None:
        for task in list(self._tasks):
            task.cancel()
