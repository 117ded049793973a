"""Files that are there whole or not at all: written beside their place, flushed to the disk, then moved.

Knows nothing of what is written. Used wherever an existing file may be replaced; `pictures.save` never replaces one.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["flush_folder", "remove_leftovers", "replace_file"]

# What `replace_file` writes, and what an upload is called before it has its name.
_PARTIAL = re.compile(r"\.(?:.+\.)?[0-9a-f]{16}\.part")


def replace_file(target: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` make a file, then give it the name `target`; return `target`.

    write: makes a whole file at the path it is given, which lies in the same folder. A reader sees the old file or the
        new one; a failure leaves the old one, and nothing beside it. Raises: OSError, and whatever `write` raises.
    """
    partial = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
    try:
        partial.open("xb").close()
        mode = stat.S_IMODE(partial.stat().st_mode)  # what the user's umask gives; some writers make files private
        write(partial)
        with partial.open("rb+") as file:  # Windows flushes only what may be written
            os.fsync(file.fileno())
        partial.chmod(mode)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    flush_folder(target.parent)
    return target


def remove_leftovers(folder: Path, seconds: float = 60.0) -> int:
    """Remove files that were half written below `folder` when their process was killed; return how many.

    seconds: younger ones are left alone, another process may be at them.
    """
    before = time.time() - seconds
    removed = 0
    for path in folder.rglob(".*.part"):
        try:
            if _PARTIAL.fullmatch(path.name) and path.lstat().st_mtime <= before:
                path.unlink()
                removed += 1
        except OSError:
            continue  # gone meanwhile, or not ours
    return removed


def flush_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the platform lets a folder be flushed."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows opens no folders
    try:
        os.fsync(handle)
    except OSError:
        return  # some network folders refuse; the file itself is already safe
    finally:
        os.close(handle)
