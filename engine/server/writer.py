"""The one thread that writes: changes that wait are one transaction and one flush to the disk, then all are answered.

A change that fails is undone alone. When a whole transaction fails, each change is tried by itself, so that one too
big for the disk does not take the others along. Knows nothing of jobs.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, TypeVar

from ..errors import LatentloomError, UserError
from .database import disk_full, trouble
from .reserve import Reserve

__all__ = ["Change", "Weight", "Writer", "closed"]

T = TypeVar("T")
Change = Callable[[sqlite3.Connection], T]

_BATCH = 256  # changes in one commit; bounds how long the first of them waits for the last
_FAULTS = (LatentloomError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a change may raise without stopping the thread: its asker gets it. sqlite3's own errors are told apart."""


class Weight(Enum):
    """How much a change matters."""

    LAZY = auto()  # answered after the commit; the flush is left to the next change that needs one
    NORMAL = auto()
    GROWING = auto()  # asks for room that may be refused: nothing of it is taken while the reserve is spent
    VITAL = auto()  # may spend the reserve


@dataclass(slots=True)
class _Waiting:
    change: Change[Any]
    weight: Weight
    loop: asyncio.AbstractEventLoop | None
    future: asyncio.Future[Any] | concurrent.futures.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Owns the writing connection to the database at `path` from its making until `close`."""

    def __init__(self, connection: sqlite3.Connection, path: Path, reserve: Reserve) -> None:
        self._connection = connection
        self._path = path
        self._reserve = reserve
        self._queue: deque[_Waiting] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._flushing: bool | None = None
        self.commits = 0
        self._thread = threading.Thread(target=self._work, name="job-writer", daemon=True)
        self._thread.start()

    def ask(self, change: Change[T], weight: Weight = Weight.NORMAL) -> asyncio.Future[T]:
        """Queue a change; the future resolves after its commit. Called on a running event loop.

        The change may be called more than once, each time on a clean transaction, so it must touch nothing else. It
        is made even if nobody waits any more.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(_Waiting(change, weight, loop, future))
        return future

    def make(self, change: Change[T], weight: Weight = Weight.NORMAL) -> T:
        """Make a change as `ask` does, waiting for its commit; for the start, when no loop needs its thread."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._put(_Waiting(change, weight, None, future))
        return future.result()

    def close(self) -> None:
        """Make all changes that wait, then close the connection. May be called twice."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _put(self, waiting: _Waiting) -> None:
        with self._wake:
            if self._closing:
                raise closed()
            self._queue.append(waiting)
            self._wake.notify()

    def _work(self) -> None:
        batch: list[_Waiting] = []
        try:
            while batch := self._next():
                self._reserve.restore()
                self._run(batch)
                _answer(batch)
        finally:
            with self._wake:
                self._closing = True
                left = [*batch, *self._queue]
                self._queue.clear()
            for waiting in left:  # only if this thread broke
                waiting.error = waiting.error or closed()
            _answer(left)
            self._connection.close()

    def _next(self) -> list[_Waiting]:
        """Wait for changes; an empty list once there are none and none can come."""
        with self._wake:
            while not self._queue and not self._closing:
                self._wake.wait()
            return [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH))]

    def _run(self, batch: list[_Waiting]) -> None:
        wanted = batch
        if self._reserve.short:
            wanted = [waiting for waiting in batch if waiting.weight is not Weight.GROWING]
            for waiting in batch:
                if waiting.weight is Weight.GROWING:
                    waiting.error = disk_full(self._path.parent)
        try:
            if wanted:
                self._commit(wanted)
            return
        except sqlite3.Error as error:
            if len(wanted) == 1 and wanted[0].weight is not Weight.VITAL:
                wanted[0].error = trouble(error, self._path)
                return
        for waiting in wanted:
            self._run_alone(waiting)

    def _run_alone(self, waiting: _Waiting) -> None:
        try:
            self._commit([waiting])
        except sqlite3.Error as error:
            waiting.error = trouble(error, self._path)
        else:
            return
        if waiting.weight is Weight.VITAL and self._reserve.spend():
            try:
                self._commit([waiting])
            except sqlite3.Error as error:
                waiting.error = trouble(error, self._path)

    def _commit(self, batch: list[_Waiting]) -> None:
        """Make the changes of a batch in one transaction; only sqlite3's own errors come out, with nothing changed."""
        connection = self._connection
        flush = any(waiting.weight is not Weight.LAZY for waiting in batch)
        if flush is not self._flushing:
            connection.execute(f"PRAGMA synchronous = {'FULL' if flush else 'NORMAL'}")
            self._flushing = flush
        try:
            connection.execute("BEGIN IMMEDIATE")
            for waiting in batch:
                waiting.result = waiting.error = None
                connection.execute("SAVEPOINT change")
                try:
                    waiting.result = waiting.change(connection)
                except _FAULTS as error:
                    connection.execute("ROLLBACK TO change")
                    waiting.error = error
                connection.execute("RELEASE change")
            connection.execute("COMMIT")
            self.commits += 1
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _answer(batch: list[_Waiting]) -> None:
    """Resolve the futures of a batch, with one call into each loop."""
    by_loop: dict[asyncio.AbstractEventLoop | None, list[_Waiting]] = {}
    for waiting in batch:
        by_loop.setdefault(waiting.loop, []).append(waiting)
    for loop, answered in by_loop.items():
        if loop is None:
            _resolve(answered)
            continue
        try:
            loop.call_soon_threadsafe(_resolve, answered)
        except RuntimeError:
            continue  # the loop is closed: nobody waits


def _resolve(answered: list[_Waiting]) -> None:
    for waiting in answered:
        if waiting.future.done():
            continue  # its asker was cancelled
        if waiting.error is None:
            waiting.future.set_result(waiting.result)
        else:
            waiting.future.set_exception(waiting.error)


def closed() -> UserError:
    """Return J011: the store takes nothing any more."""
    return UserError("J011", "job store", "an open store", "one that is closed", "Try again when the server is back.")
