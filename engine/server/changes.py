"""What may be done to the queue, each as one function over an open transaction.

A function raises before it changes anything or changes all of it; whoever runs it commits. Knows nothing of threads,
files or asyncio.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import EngineBug, UserError
from .jobs import ENDED, MAX_ATTEMPTS, Job, State, Submission, transition
from .rows import COLUMNS, Packed, insert, pack, read, read_all, update

__all__ = [
    "FIELDS", "back_to_pending", "cancel_pending", "claim", "clear_ended", "delete", "edit", "finish", "note_progress",
    "prune", "recover", "reorder", "sequence_block", "submit",
]  # fmt: skip

FIELDS = ", ".join(COLUMNS)
_PRUNE_AT_ONCE = 500  # rows, so that no commit waits long for the housekeeping


def submit(
    connection: sqlite3.Connection, prepared: Sequence[tuple[Submission, Packed]], cap: int, now: float
) -> list[Job]:
    """Add jobs, all or none. Raises: UserError J002 for an id that is taken, J003 for a full queue."""
    (waiting,) = connection.execute("SELECT count(*) FROM jobs WHERE state = 'pending'").fetchone()
    jobs = []
    for submission, asked in prepared:
        known = _by("idempotency_key", connection, submission.idempotency_key)
        if known is not None:
            jobs.append(known)
            continue
        job_id = submission.job_id or str(uuid.uuid4())
        if connection.execute("SELECT 1 FROM jobs WHERE id = ?", (job_id,)).fetchone():
            raise UserError(
                "J002", f"job {job_id}", "an id that is not in use", "one that is", "Leave the id out, or send another."
            )
        if waiting >= cap:
            raise UserError(
                "J003", "queue", f"at most {cap} waiting jobs", "one more", "Send it again when some have run."
            )
        priority = _front(connection) if submission.front else submission.priority
        jobs.append(insert(connection, submission, asked, job_id, priority, now))
        waiting += 1
    return jobs


def claim(connection: sqlite3.Connection, device: str, now: float) -> Job | None:
    """Mark the next job as running and return it, None when none waits. One that cannot be read ends as failed."""
    query = f"SELECT {FIELDS} FROM jobs WHERE state = 'pending' AND held = 0 ORDER BY priority, sequence LIMIT 1"
    while (row := connection.execute(query).fetchone()) is not None:
        waiting = read(row)
        if waiting.error is not None:  # J013: to run what is left of it would look like success
            update(connection, waiting.sequence, state=State.FAILED, ended=now, error=pack(waiting.error))
            continue
        job = transition(waiting, State.RUNNING, started=now, device=device)
        update(connection, job.sequence, state=job.state, started=now, device=device)
        return job
    return None


def finish(
    connection: sqlite3.Connection,
    job_id: str,
    state: State,
    now: float,
    error: Mapping[str, Any] | None,
    made: tuple[dict[str, Any], dict[str, Any], list[Any], dict[str, Any]],
    packed: Packed,
) -> Job:
    """Record the end of a running job, once. Raises: UserError J004, J007; EngineBug J009."""
    job = _get(connection, job_id)
    if job.state is State.PENDING:  # cancelling it would be a step of its own
        fix = "Please report this with the server's log."
        raise EngineBug("J009", f"job {job_id}", "a running job", "one that still waits", fix)
    outputs, meta, messages, stats = made
    failure = None if error is None else dict(error)
    ended = transition(
        job, state, ended=now, error=failure, outputs=outputs, meta=meta, messages=messages, stats=stats
    )  # fmt: skip
    update(connection, job.sequence, state=state, ended=now, held=False, made=packed, error=_pack_error(failure))
    return ended


def back_to_pending(
    connection: sqlite3.Connection, job_id: str, attempt: bool, reason: Mapping[str, Any], now: float
) -> Job:
    """Put a running job back in its place; the last attempt that counts ends it as failed for `reason`."""
    job = _get(connection, job_id)
    attempts = job.attempts + attempt
    if attempt and attempts >= MAX_ATTEMPTS:
        failed = transition(job, State.FAILED, attempts=attempts, ended=now, error=dict(reason))
        update(connection, job.sequence, state=failed.state, attempts=attempts, ended=now, error=pack(failed.error))
        return failed
    waiting = transition(job, State.PENDING, attempts=attempts)
    update(connection, job.sequence, state=waiting.state, attempts=attempts, started=None, device=None)
    return waiting


def cancel_pending(connection: sqlite3.Connection, ids: Iterable[str] | None, now: float) -> list[Job]:
    """Cancel those of `ids` (None: all) that are pending and return them."""
    if ids is None:
        rows = connection.execute(f"SELECT {FIELDS} FROM jobs WHERE state = 'pending'").fetchall()
        jobs = read_all(rows)
    else:
        found = (_by("id", connection, job_id) for job_id in dict.fromkeys(ids))
        jobs = [job for job in found if job is not None and job.state is State.PENDING]
    cancelled = [transition(job, State.CANCELLED, ended=now) for job in jobs]
    connection.executemany(
        "UPDATE jobs SET state = 'cancelled', held = 0, ended = ? WHERE sequence = ?",
        [(now, job.sequence) for job in cancelled],
    )
    return cancelled


def reorder(connection: sqlite3.Connection, job_id: str, priority: float | None, front: bool) -> Job:
    """Change where a pending job stands. Raises: UserError J005, J007."""
    job = _pending(connection, job_id)
    if front:
        priority = _front(connection)
    if priority is None:
        return job
    update(connection, job.sequence, priority=priority)
    return replace(job, priority=priority)


def edit(
    connection: sqlite3.Connection,
    job_id: str,
    graph: dict[str, Any] | None,
    title: str | None,
    held: bool | None,
    extra: dict[str, Any] | None = None,
) -> Job:
    """Change a pending job. Raises: UserError J005, J006, J007."""
    job = _pending(connection, job_id)
    if graph is not None:
        job = replace(job, graph=graph, error=None)
    if extra is not None:
        job = replace(job, extra=extra)
    if graph is not None or extra is not None:
        asked = pack([job.graph, job.targets, job.extra, job.node_errors])
        update(connection, job.sequence, asked=asked)
    if title is not None:
        job = replace(job, title=title)
        update(connection, job.sequence, title=title)
    if held is not None:
        job = replace(job, held=held)
        update(connection, job.sequence, held=held)
    return job


def delete(connection: sqlite3.Connection, ids: Iterable[str]) -> list[str]:
    """Remove those of `ids` that have ended and return their ids."""
    gone = []
    for job_id in dict.fromkeys(ids):
        if connection.execute("DELETE FROM jobs WHERE id = ? AND ended IS NOT NULL", (job_id,)).rowcount:
            gone.append(job_id)  # noqa: PERF401  the deletion is the test
    return gone


def clear_ended(connection: sqlite3.Connection) -> int:
    """Remove all that have ended; return how many."""
    return connection.execute("DELETE FROM jobs WHERE ended IS NOT NULL").rowcount


def note_progress(connection: sqlite3.Connection, job_id: str, stats: dict[str, Any]) -> None:
    """Keep the figures of a running job as they are now; a job that does not run is left alone."""
    job = _by("id", connection, job_id)
    if job is not None and job.state is State.RUNNING:
        update(connection, job.sequence, made=pack([job.outputs, job.meta, job.messages, stats]))


def recover(connection: sqlite3.Connection) -> list[Job]:
    """Put all running jobs back to pending without counting an attempt; return them in order."""
    rows = connection.execute(
        f"SELECT {FIELDS} FROM jobs WHERE state = 'running' ORDER BY priority, sequence"
    ).fetchall()
    connection.execute("UPDATE jobs SET state = 'pending', started = NULL, device = NULL WHERE state = 'running'")
    return [transition(job, State.PENDING) for job in read_all(rows)]


def sequence_block(connection: sqlite3.Connection, size: int) -> int:
    """Return the first of `size` numbers that are given out only once, from 1 on."""
    connection.execute("INSERT OR IGNORE INTO counters (name, value) VALUES ('events', 1)")
    (first,) = connection.execute("SELECT value FROM counters WHERE name = 'events'").fetchone()
    connection.execute("UPDATE counters SET value = ? WHERE name = 'events'", (first + size,))
    return int(first)


def prune(connection: sqlite3.Connection, keep: int, oldest: float | None) -> bool:
    """Remove some of the ended jobs beyond the newest `keep` or from before `oldest`; return whether more may be."""
    gone = connection.execute(
        "DELETE FROM jobs WHERE sequence IN (SELECT sequence FROM jobs WHERE ended IS NOT NULL"
        " ORDER BY ended DESC, sequence DESC LIMIT ? OFFSET ?)",
        (_PRUNE_AT_ONCE, keep),
    ).rowcount
    if oldest is not None and gone < _PRUNE_AT_ONCE:
        gone = connection.execute(
            "DELETE FROM jobs WHERE sequence IN (SELECT sequence FROM jobs WHERE ended < ? ORDER BY ended LIMIT ?)",
            (oldest, _PRUNE_AT_ONCE),
        ).rowcount
    return gone >= _PRUNE_AT_ONCE


def _by(column: str, connection: sqlite3.Connection, value: str | None) -> Job | None:
    if value is None:
        return None
    row = connection.execute(f"SELECT {FIELDS} FROM jobs WHERE {column} = ?", (value,)).fetchone()
    return None if row is None else read(row)


def _get(connection: sqlite3.Connection, job_id: str) -> Job:
    job = _by("id", connection, job_id)
    if job is None:
        raise UserError("J007", f"job {job_id}", "a job that the server knows", "none", "List the jobs for their ids.")
    return job


def _pending(connection: sqlite3.Connection, job_id: str) -> Job:
    job = _get(connection, job_id)
    if job.state is not State.PENDING:
        fix = "Submit it again instead." if job.state in ENDED else "Cancel it and submit it again."
        raise UserError("J005", f"job {job_id}", "a job that still waits", f"one that is {job.state}", fix)
    return job


def _front(connection: sqlite3.Connection) -> float:
    """Return a priority ahead of all that waits, and of what comes without one."""
    (least,) = connection.execute("SELECT min(priority) FROM jobs WHERE state = 'pending'").fetchone()
    return min(0.0, least if least is not None else 0.0) - 1.0


def _pack_error(error: Mapping[str, Any] | None) -> Packed | None:
    return None if error is None else pack(error)
