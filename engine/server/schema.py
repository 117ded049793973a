"""The database's tables, how they came to be version by version, and how a connection is set up.

Migrations go forward only: all missing steps in one transaction, after a copy was put beside the database.
Knows nothing of what the rows mean.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ..durable import replace_file
from ..errors import UserError

__all__ = ["STEPS", "connect", "migrate", "version_of"]

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE jobs (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'done', 'failed', 'cancelled')),
            priority REAL NOT NULL,
            held INTEGER NOT NULL,
            client_id TEXT,
            title TEXT NOT NULL,
            created REAL NOT NULL,
            started REAL,
            ended REAL,
            attempts INTEGER NOT NULL,
            device TEXT,
            idempotency_key TEXT UNIQUE,
            error BLOB,
            asked BLOB NOT NULL,
            made BLOB NOT NULL
        )
        """,
        "CREATE INDEX jobs_by_queue ON jobs (state, priority, sequence)",
        "CREATE INDEX jobs_by_end ON jobs (ended, sequence) WHERE ended IS NOT NULL",
        "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    ),
)
"""The statements that lead from version i to i + 1. A published step never changes; new ones are added at the end."""

_BUSY_SECONDS = 5.0  # a virus scanner or backup program may hold the file for a moment
_WAL_BYTES = 8 * 2**20


def connect(path: Path, *, readonly: bool = False, rollback: bool = False) -> sqlite3.Connection:
    """Open `path`, set so that a commit is on the disk when it returns; transactions are the caller's to begin.

    readonly: refuses writes. rollback: keeps a rollback journal instead of the write-ahead log, for network folders,
    where the log's shared memory does not work. Raises: sqlite3.Error.
    """
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    with ExitStack() as undo:
        undo.callback(connection.close)
        if readonly:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute(f"PRAGMA journal_mode = {'DELETE' if rollback else 'WAL'}")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves the data in the drive's cache
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA temp_store = MEMORY")
        undo.pop_all()
    return connection


def version_of(connection: sqlite3.Connection) -> int:
    """Return the number of steps that the database has taken; 0 is an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Sequence[str]] = STEPS) -> None:
    """Bring the database at `path` to the version `len(steps)`, wholly or not at all.

    A database that held something is copied to `<stem>.v<version><suffix>` first. Raises: UserError J014 for one
    of a later version; sqlite3.Error; OSError.
    """
    version = version_of(connection)
    if version > len(steps):
        raise UserError(
            "J014",
            f"database {path}",
            f"a version up to {len(steps)}",
            f"version {version}, made by a later Latentloom",
            "Update Latentloom, or choose another folder with --data-dir.",
        )
    if version == len(steps):
        return
    if version > 0:
        replace_file(path.with_name(f"{path.stem}.v{version}{path.suffix}"), lambda copy: _copy(connection, copy))
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in steps[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    copy = sqlite3.connect(target)
    try:
        connection.backup(copy)
    finally:
        copy.close()
