"""What ComfyUI's page reads about user files: lists of names, or of records with size and times.

Times are epoch seconds. Links are not followed, unfinished files not told of. Knows no route.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .incoming import is_partial

__all__ = ["describe", "entries", "listing"]


def describe(path: Path, name: str) -> dict[str, Any]:
    """Return {"path", "size", "modified", "created"} of a file. Raises: OSError."""
    status = path.stat()
    return {"path": name, "size": status.st_size, "modified": status.st_mtime, "created": status.st_ctime}


def listing(folder: Path, *, recurse: bool, full: bool, split: bool) -> list[Any]:
    """List the files of `folder` as names relative to it, sorted; see ComfyUI's parameters of the same names.

    split: each name as a list, itself first and then its parts. full: records instead.
    """
    found: list[Any] = []
    for path in sorted(_files(folder, recurse)):
        name = path.relative_to(folder).as_posix()
        if full:
            found += _told(path, name)
        else:
            found.append([name, *name.split("/")] if split else name)
    return found


def entries(root: Path, folder: Path) -> list[dict[str, Any]]:
    """List what is directly in `folder`: {"name", "path" (from `root`), "type"}, files with size and times."""
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir()):
        entry = {"name": path.name, "path": path.relative_to(root).as_posix()}
        if path.is_symlink() or is_partial(path.name):
            continue
        if path.is_dir():
            found.append({**entry, "type": "directory"})
        elif path.is_file():
            found += [{**told, **entry, "type": "file"} for told in _told(path, entry["path"])]
    return found


def _files(folder: Path, recurse: bool) -> Iterator[Path]:
    for base, folders, names in os.walk(folder):
        if not recurse:
            folders.clear()
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(base) / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _told(path: Path, name: str) -> list[dict[str, Any]]:
    try:
        return [describe(path, name)]
    except FileNotFoundError:  # removed meanwhile
        return []
