"""The lock that keeps a second server off a data folder: taken without waiting, held for life.

The system frees it when its holder dies, even by kill -9, so nothing stale is ever left. The file names the holder
for the message. Knows nothing of what lies in the folder.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from ..errors import UserError

__all__ = ["FolderLock"]

_RECORD_BYTES = 4096


class FolderLock:
    """A data folder held by this process until `release` or its end."""

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    @classmethod
    def take(cls, folder: Path) -> FolderLock:
        """Lock `folder/server.lock`, made if need be. Raises: UserError J001 naming the holder; OSError."""
        path = folder / "server.lock"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        with ExitStack() as undo:
            undo.callback(os.close, handle)
            if not _acquire(handle):
                raise UserError(
                    "J001",
                    f"data folder {folder}",
                    "a folder that no other server uses",
                    f"one in use by {_holder(path)}",
                    "Stop that server, or choose another folder with --data-dir.",
                )
            record = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
            os.lseek(handle, 0, os.SEEK_SET)
            os.ftruncate(handle, 0)
            os.write(handle, json.dumps(record).encode())
            undo.pop_all()
        return cls(handle)

    def release(self) -> None:
        """Let go; the file stays, since removing it would let two holders in."""
        if self._handle is not None:
            os.close(self._handle)  # closing frees the lock, on every system
            self._handle = None


def _holder(path: Path) -> str:
    try:
        record = json.loads(path.read_bytes()[:_RECORD_BYTES])
        return f"process {int(record['pid'])} on {record['host']}"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process"  # it has only just taken the lock and not yet written its name


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # Windows forbids reading what is locked, so the locked byte lies far behind the record

    def _acquire(handle: int) -> bool:
        os.lseek(handle, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _acquire(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
