"""Opening the job database whatever state its file is in: sound, absent, of an earlier version or damaged.

A damaged file is never repaired or deleted: it is moved aside under a name with the date, and a new one is made.
Knows nothing of what the rows mean.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from ..durable import flush_folder
from ..errors import UserError
from .schema import connect, migrate, version_of

__all__ = ["NAME", "disk_full", "file_system", "open_database", "trouble"]

NAME = "jobs.sqlite3"
_COMPANIONS = ("", "-wal", "-shm", "-journal")
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_NETWORK = ("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "fuse.sshfs", "9p", "ceph")


def open_database(folder: Path) -> tuple[sqlite3.Connection, str | None]:
    """Open `folder/jobs.sqlite3` at the present version; return the connection for writing and what was set aside.

    The caller holds the folder's lock. Raises: UserError J010, J014 or J016 when it can be neither used nor replaced.
    """
    path = folder / NAME
    try:
        report = None
        if path.exists():
            damage = _damage(path)
            if damage is not None:
                report = _set_aside(path, damage)
        if not path.exists():
            _make(path)
        connection = connect(path, rollback=_on_network(folder))
        with ExitStack() as undo:
            undo.callback(connection.close)
            migrate(connection, path)
            undo.pop_all()
    except sqlite3.Error as error:
        raise trouble(error, path) from error
    return connection, report


def trouble(error: sqlite3.Error, path: Path) -> UserError:
    """Return what the person at the machine needs to know about `error` of the database at `path`.

    J010: the disk is full. J012: the file was damaged while in use. J016: it cannot be written or read.
    """
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    where = f"database {path}"
    if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and _full(path.parent)):
        return disk_full(path.parent)
    if name.startswith(_DAMAGE):
        return UserError(
            "J012",
            where,
            "a sound file",
            f"damage ({error})",
            "Start the server again: it sets the file aside and makes a new one.",
        )
    return UserError(
        "J016",
        where,
        "a file that can be read and written",
        f"{name} ({error})",
        "Look at the disk and the file's permissions.",
    )


def disk_full(folder: Path) -> UserError:
    """Return J010 for the disk that `folder` is on."""
    return UserError(
        "J010",
        f"disk of {folder}",
        "room for the job queue",
        "a full disk",
        "Free some space; the server goes on by itself.",
    )


def _full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < 2**20  # less than a commit may need


def _damage(path: Path) -> str | None:
    """Return what is wrong with the file, None if it is sound. Frames of its log that were committed are taken in."""
    if not path.is_file():
        return "it is not a file"
    if path.stat().st_size == 0:
        return "it is empty"  # ours is given its name only when it is whole, so an empty one has lost its content
    try:
        # Writing nothing, else SQLite would fold the log into the damaged file or delete it. A rollback journal can
        # only be judged after it was rolled back.
        journal = path.with_name(f"{path.name}-journal")
        mode = "rw" if journal.exists() else "ro"
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
        try:
            findings = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if findings == "ok" and version_of(connection) == 0:
                return "it holds no job queue"
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if not (getattr(error, "sqlite_errorname", None) or "").startswith(_DAMAGE):
            raise
        return str(error)
    return None if findings == "ok" else str(findings).replace("\n", " ")


def _set_aside(path: Path, damage: str) -> str:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    aside = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    # The log first: should this be cut off half-way, the damaged file is still there and is found again.
    for companion in reversed(_COMPANIONS):
        part = path.with_name(path.name + companion)
        if part.exists():
            os.replace(part, aside.with_name(aside.name + companion))
    flush_folder(path.parent)
    return f"The job database was damaged ({damage}). It was kept as {aside.name}; a new one was started."


def _make(path: Path) -> None:
    """Make a new database and give it its name when it is whole."""
    partial = path.with_name(f".{path.name}.part")
    for companion in _COMPANIONS:
        partial.with_name(partial.name + companion).unlink(missing_ok=True)
        path.with_name(path.name + companion).unlink(missing_ok=True)  # a log without its database is another's
    connection = connect(partial, rollback=True)
    try:
        migrate(connection, partial)
    finally:
        connection.close()
    os.replace(partial, path)
    flush_folder(path.parent)


def _on_network(folder: Path) -> bool:
    """Return whether the folder lies on another machine, as far as Linux tells."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", "replace")
    except OSError:
        return False
    return file_system(folder.resolve(), mounts) in _NETWORK


def file_system(place: Path, mounts: str) -> str:
    """Return the kind of the file system that `place` is on, "" if unknown; mounts: lines as in /proc/self/mounts."""
    depth, kind = -1, ""
    for line in mounts.splitlines():
        _, point, found, *_ = (*line.split(" "), "", "", "")
        at = Path(point.replace("\\040", " "))
        if point and place.is_relative_to(at) and len(at.parts) >= depth:  # of two on one point the later one counts
            depth, kind = len(at.parts), found
    return kind
