"""The jobs on disk, as the server sees them: changes return once they are safe, reads are quick and never wait.

One folder, one store: a lock keeps others off, a damaged database is set aside. Knows nothing of HTTP or workers.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import UserError, brief
from . import changes
from .database import NAME, open_database, trouble
from .jobs import ENDED, Job, State, Submission
from .lock_folder import FolderLock
from .reserve import RESERVE_BYTES, Reserve
from .rows import pack, pack_made, prepare, read_all
from .schema import connect
from .writer import Weight, Writer, closed

__all__ = ["PENDING_CAP", "SORTS", "Retention", "Store"]

PENDING_CAP = 10_000
_PRUNE_EVERY = 64  # ends of jobs

SORTS: Mapping[str, str] = {
    "queue": "priority {0}, sequence {0}",
    "created": "sequence {0}",
    "started": "started {0}, sequence {0}",
    "ended": "ended {0}, sequence {0}",
    "duration": "ended - started {0}, sequence {0}",
}
"""What `find` can sort by."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How many ended jobs are kept, and for how many days (None: for ever)."""

    jobs: int = 10_000
    days: float | None = None


class Store:
    """The jobs of one data folder. Made by `open`; all but `open`, `recover`, `next_sequence_block` and reads is async.

    Every change may raise UserError J010 (disk full: nothing was changed, later ones succeed once there is room),
    J011 (closed), J012 (the file was damaged in use) and J016 (it cannot be written).
    """

    def __init__(
        self,
        folder: Path,
        lock: FolderLock,
        writer: Writer,
        reader: sqlite3.Connection,
        recovered: str | None,
        retention: Retention,
        pending_cap: int,
    ) -> None:
        self.folder = folder
        self.recovered = recovered
        """What was found damaged at the start and where it is now; None if all was well."""
        self._path = folder / NAME
        self._lock = lock
        self._writer = writer
        self._reader = reader
        self._retention = retention
        self._cap = pending_cap
        self._until_prune = 0
        self._closed = False
        self._housekeeping: set[asyncio.Future[Any]] = set()

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        retention: Retention | None = None,
        pending_cap: int = PENDING_CAP,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> Store:
        """Take the folder, made if need be, and open its jobs.

        Raises: UserError J001 (another server has the folder), J010, J014 (made by a later version), J016; OSError.
        """
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock.take(folder)
        with ExitStack() as undo:
            undo.callback(lock.release)
            reserve = Reserve(folder, reserve_bytes)
            try:
                connection, recovered = open_database(folder)
            except UserError as error:
                if error.code != "J010" or not reserve.spend():  # even to read, the log needs a little room
                    raise
                connection, recovered = open_database(folder)
            undo.callback(connection.close)
            reader = connect(folder / NAME, readonly=True)
            undo.pop_all()
        writer = Writer(connection, folder / NAME, reserve)
        return cls(folder, lock, writer, reader, recovered, retention or Retention(), pending_cap)

    def close(self) -> None:
        """Finish the changes that wait, then let the folder go. May be called twice."""
        if not self._closed:
            self._closed = True
            self._reader.close()
            self._writer.close()
            self._lock.release()

    def recover(self) -> list[Job]:
        """Put what ran when the last server ended back to pending, no attempt counted; blocks until it is on disk."""
        return self._writer.make(changes.recover, Weight.VITAL)

    def next_sequence_block(self, size: int) -> int:
        """Return the first of `size` numbers that no other call gets, ever, from 1 on; blocks until it is on disk."""
        return self._writer.make(partial(changes.sequence_block, size=size), Weight.VITAL)

    # --- changes

    async def submit(self, submission: Submission) -> Job:
        """Add a job; on disk when this returns. A known idempotency key gives the earlier job, unchanged.

        Raises: UserError J002 (the id is taken), J003 (too many wait), J006 (a value that no job can hold).
        """
        return (await self.submit_many([submission]))[0]

    async def submit_many(self, submissions: Sequence[Submission]) -> list[Job]:
        """Add jobs in order, all or none. Raises as `submit`."""
        prepared = [prepare(submission) for submission in submissions]
        change = partial(changes.submit, prepared=prepared, cap=self._cap, now=time.time())
        return await self._writer.ask(change, Weight.GROWING)

    async def claim(self, device: str) -> Job | None:
        """Mark the next job that is not held as running on `device` and return it; None when none waits."""
        asked = self._writer.ask(partial(changes.claim, device=device, now=time.time()), Weight.LAZY)
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            asked.add_done_callback(self._give_back)  # else it would count as running with nobody running it
            raise

    async def finish(
        self,
        job_id: str,
        state: State,
        *,
        error: Mapping[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        messages: list[Any] | None = None,
        stats: dict[str, Any] | None = None,
    ) -> Job:
        """Record how a running job ended, exactly once; spends the reserve when the disk is full.

        Raises: UserError J004 (it has ended), J006, J007 (unknown); EngineBug J009 (it does not run).
        """
        made = (outputs or {}, meta or {}, messages or [], stats or {})
        change = partial(
            changes.finish,
            job_id=job_id,
            state=state,
            now=time.time(),
            error=error,
            made=made,
            packed=pack_made(*made),
        )
        job = await self._writer.ask(change, Weight.VITAL)
        self._count_ends(1)
        return job

    async def back_to_pending(
        self, job_id: str, *, attempt: bool, reason: str | Mapping[str, Any] | None = None
    ) -> Job:
        """Put a running job back in its place; the second attempt that counts ends it as failed.

        reason: why its worker died, as text (becomes J008) or as an error's record. Raises: as `finish`.
        """
        if not isinstance(reason, Mapping):
            fix = "Look at the worker's log; the job can be submitted again."
            got = reason or "one that died"
            reason = UserError("J008", f"job {job_id}", "a worker that lives to the job's end", got, fix).as_dict()
        change = partial(changes.back_to_pending, job_id=job_id, attempt=attempt, reason=reason, now=time.time())
        job = await self._writer.ask(change, Weight.VITAL)
        self._count_ends(job.state in ENDED)
        return job

    async def cancel_pending(self, ids: Iterable[str]) -> list[Job]:
        """Cancel those of `ids` that wait and return them."""
        return await self._cancel(list(ids))

    async def clear_pending(self) -> list[Job]:
        """Cancel all that wait and return them."""
        return await self._cancel(None)

    async def reorder(self, job_id: str, *, priority: float | None = None, front: bool = False) -> Job:
        """Move a job that waits. Raises: UserError J005 (it does not wait), J006, J007."""
        if priority is not None:
            prepare(Submission({}, priority=priority))
        return await self._writer.ask(partial(changes.reorder, job_id=job_id, priority=priority, front=front))

    async def edit(
        self,
        job_id: str,
        *,
        graph: dict[str, Any] | None = None,
        title: str | None = None,
        held: bool | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Job:
        """Change a job that waits; None leaves a part as it is. Raises: UserError J005, J006, J007."""
        prepare(Submission(graph or {}, title=title or "", extra=extra or {}))
        change = partial(changes.edit, job_id=job_id, graph=graph, title=title, held=held, extra=extra)
        grows = graph is not None or extra is not None
        return await self._writer.ask(change, Weight.GROWING if grows else Weight.NORMAL)

    async def delete(self, ids: Iterable[str]) -> list[str]:
        """Remove those of `ids` that have ended; return the ids that were."""
        return await self._writer.ask(partial(changes.delete, ids=list(ids)))

    async def clear_ended(self) -> int:
        """Remove all jobs that have ended; return how many."""
        return await self._writer.ask(changes.clear_ended)

    async def note_progress(self, job_id: str, stats: dict[str, Any]) -> None:
        """Keep a running job's figures as they are now; a crash of the machine may lose them."""
        pack(stats)
        await self._writer.ask(partial(changes.note_progress, job_id=job_id, stats=stats), Weight.LAZY)

    # --- reads, on the thread that asks

    def get(self, job_id: str) -> Job | None:
        """Return a job, None if the store does not know it."""
        return next(iter(self._jobs("WHERE id = ?", job_id)), None)

    def pending(self, limit: int = -1) -> list[Job]:
        """Return the jobs that wait in the order they will run, held ones among them; -1 for all."""
        return self._jobs("WHERE state = 'pending' ORDER BY priority, sequence LIMIT ?", limit)

    def running(self) -> list[Job]:
        """Return the running jobs, the first that started first."""
        return self._jobs("WHERE state = 'running' ORDER BY started, sequence")

    def ended(self, limit: int = -1, offset: int = 0, newest_first: bool = False) -> list[Job]:
        """Return ended jobs in the order of their ends; -1 for all."""
        way = "DESC" if newest_first else "ASC"
        return self._jobs(
            f"WHERE ended IS NOT NULL ORDER BY ended {way}, sequence {way} LIMIT ? OFFSET ?", limit, offset
        )

    def find(
        self,
        states: Collection[State] | None = None,
        limit: int = 100,
        offset: int = 0,
        *,
        sort: str = "created",
        descending: bool = False,
        after: int | None = None,
    ) -> list[Job]:
        """Return jobs in any of `states` (None: all), sorted by one of `SORTS`. Raises: UserError J006.

        after: only jobs accepted after the one of this sequence number, or before it when `descending`.
        """
        if sort not in SORTS:
            raise UserError("J006", "sort", f"one of {', '.join(SORTS)}", brief(sort), "Choose one of these.")
        wanted = tuple(State) if states is None else tuple(states)
        marks = ", ".join("?" * len(wanted))
        order = SORTS[sort].format("DESC" if descending else "ASC")
        beyond = "" if after is None else f" AND sequence {'<' if descending else '>'} ?"
        place = () if after is None else (after,)
        return self._jobs(
            f"WHERE state IN ({marks}){beyond} ORDER BY {order} LIMIT ? OFFSET ?", *wanted, *place, limit, offset
        )

    def counts(self) -> dict[State, int]:
        """Return how many jobs are in each state, all states named."""
        found = dict(self._rows("SELECT state, count(*) FROM jobs GROUP BY state"))
        return {state: found.get(state, 0) for state in State}

    # --- inside

    async def _cancel(self, ids: list[str] | None) -> list[Job]:
        jobs = await self._writer.ask(partial(changes.cancel_pending, ids=ids, now=time.time()))
        self._count_ends(len(jobs))
        return jobs

    def _jobs(self, clause: str, *values: Any) -> list[Job]:
        return read_all(self._rows(f"SELECT {changes.FIELDS} FROM jobs {clause}", *values))

    def _rows(self, query: str, *values: Any) -> list[Any]:
        if self._closed:
            raise closed()
        try:
            return self._reader.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise trouble(error, self._path) from error

    def _count_ends(self, ends: int) -> None:
        """Drop what the retention no longer keeps, now and then and in the background."""
        self._until_prune -= ends
        if self._until_prune < 0 and not self._closed:
            self._until_prune = _PRUNE_EVERY
            self._prune()

    def _prune(self) -> None:
        days = self._retention.days
        oldest = None if days is None else time.time() - days * 86_400
        asked = self._writer.ask(partial(changes.prune, keep=self._retention.jobs, oldest=oldest), Weight.LAZY)
        self._keep(asked)
        asked.add_done_callback(self._pruned)

    def _pruned(self, asked: asyncio.Future[bool]) -> None:
        more = not asked.cancelled() and asked.exception() is None and asked.result()  # a full disk: next time
        if more and not self._closed:
            self._prune()

    def _give_back(self, asked: asyncio.Future[Job | None]) -> None:
        job = None if asked.cancelled() or asked.exception() is not None else asked.result()
        if job is not None and not self._closed:
            change = partial(changes.back_to_pending, job_id=job.id, attempt=False, reason={}, now=time.time())
            self._keep(self._writer.ask(change, Weight.VITAL))

    def _keep(self, asked: asyncio.Future[Any]) -> None:
        self._housekeeping.add(asked)  # a loop holds its futures weakly
        asked.add_done_callback(self._housekeeping.discard)
