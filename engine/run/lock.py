"""A lock between processes on one machine, freed by the system when its holder dies.

Portable: `flock` where there is one, else `msvcrt.locking`. Knows nothing of what it guards.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["locked"]


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock file `path`, made if need be, waiting for other holders; gives its descriptor.

    The first byte is the lock; what stands after it is the caller's. Raises OSError where locks fail.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(handle)
        yield handle
    finally:
        os.close(handle)  # closing frees the lock, on every system


if sys.platform == "win32":
    import msvcrt

    def _acquire(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def _acquire(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)
