"""Disk space kept back, so that the end of a running job can be recorded when the disk is full.

A file of real bytes that is deleted at need and made again once there is room. Knows nothing of jobs or databases.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from ..durable import flush_folder

__all__ = ["RESERVE_BYTES", "Reserve"]

RESERVE_BYTES = 16 * 2**20
_MARGIN = 4 * 2**20  # left free beside the reserve, else making it would itself fill the disk
_RETRY_SECONDS = 1.0
_BLOCK = 2**20
_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # Windows may lack quotas


class Reserve:
    """The file `folder/reserve.bin` of `size` bytes."""

    def __init__(self, folder: Path, size: int = RESERVE_BYTES) -> None:
        self._path = folder / "reserve.bin"
        self._size = size
        self._next_try = 0.0
        self.whole = False
        """Whether the space is kept back now."""
        self.short = False
        """Whether the disk had no room for it when last looked at."""

    def restore(self) -> bool:
        """Make the file if it is not whole and the disk has room, looking at most once a second; return `whole`."""
        if self.whole or time.monotonic() < self._next_try:
            return self.whole
        self._next_try = time.monotonic() + _RETRY_SECONDS
        try:
            self.whole = self._make()
            self.short = not self.whole
        except OSError as error:  # anything but a lack of room is no reason to refuse work
            self.short = error.errno in _NO_ROOM
        return self.whole

    def spend(self) -> bool:
        """Delete the file; return whether that freed anything."""
        self.whole = False
        self.short = True
        self._next_try = time.monotonic() + _RETRY_SECONDS
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def _make(self) -> bool:
        if self._path.exists() and self._path.stat().st_size == self._size:
            return True
        self._path.unlink(missing_ok=True)
        if shutil.disk_usage(self._path.parent).free < self._size + _MARGIN:
            return False
        with ExitStack() as undo:
            undo.callback(self._path.unlink, missing_ok=True)
            with self._path.open("xb") as file:
                _fill(file, self._size)
                file.flush()
                os.fsync(file.fileno())
            undo.pop_all()
        flush_folder(self._path.parent)
        return True


def _fill(file: BinaryIO, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
            return
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise  # any other: the file system cannot do it
    for start in range(0, size, _BLOCK):
        file.write(os.urandom(min(_BLOCK, size - start)))  # zeros may be stored as nothing
