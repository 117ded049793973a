"""Folder listings that are read again only when a folder changed, for requests that ask for them all the time.

A listing is good while the time stamp of every folder it came from stays; one that is younger than a file system can
tell apart is not kept. Implements `node.context.Files` over `Folders`. Knows no node and no network.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError, brief
from ..folders import IO_KINDS, Folders, safe_name, split_annotation
from ..model_paths import model_type

__all__ = ["Listing"]

_BY_THEMSELVES = ("diffusers",)  # names there are folders, found before the filter is applied
_GRAIN_NS = 2_000_000_000  # FAT keeps times in steps of two seconds, the coarsest in use


class _Kept(NamedTuple):
    stamps: dict[str, int | None]  # folder -> time of its last change (ns), None for one that is not there
    names: dict[tuple[str, ...], tuple[str, ...]]  # by extensions


class Listing:
    """`Folders` with a memory. Equal listings are the very same tuple, so that a caller can tell quickly."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self._kept: dict[str, _Kept] = {}

    def names(self, folder: str, extensions: tuple[str, ...] = ()) -> tuple[str, ...]:
        """List as `Folders.names` does. Raises UserError F003."""
        kept = self._kept.get(folder)
        if kept is None or any(_stamp(path) != stamp for path, stamp in kept.stamps.items()):
            # Stamps before names: what changes in between is seen as a change next time.
            kept = _Kept(self._stamps(folder), {})
            newest = max((stamp for stamp in kept.stamps.values() if stamp is not None), default=0)
            if newest < time.time_ns() - _GRAIN_NS:
                self._kept[folder] = kept
            else:
                self._kept.pop(folder, None)
        names = kept.names.get(extensions)
        if names is None:
            if extensions and model_type(folder) not in _BY_THEMSELVES:
                wanted = tuple(extension.lower() for extension in extensions)
                names = tuple(name for name in self._all(kept, folder) if name.lower().endswith(wanted))
            else:
                names = self.folders.names(folder, extensions)
            kept.names[extensions] = names
        return names

    def find(self, folder: str, name: str) -> Path:
        """Find as `Folders.find` does; of an absent file it does not look for like names, which is slow.

        Raises UserError F001, F002, F003.
        """
        place, plain = split_annotation(name, folder) if folder in IO_KINDS else (folder, name)
        relative = safe_name(plain)
        if any((root / relative).exists() for root in self.folders.roots(place)):
            return self.folders.find(folder, name)
        raise UserError("F001", f'folder "{place}"', "an existing file", brief(plain), "Put it there.")

    def roots(self, folder: str) -> tuple[Path, ...]:
        """Return the folders searched. Raises UserError F003."""
        return self.folders.roots(folder)

    def directory(self, kind: str) -> Path:
        """Return the writable folder of `kind`, made if absent. Raises UserError F003, F004."""
        return self.folders.directory(kind)

    def _all(self, kept: _Kept, folder: str) -> tuple[str, ...]:
        """Return all names of a folder, which several nodes filter in their own ways, after one walk through it."""
        if () not in kept.names:
            kept.names[()] = self.folders.names(folder)
        return kept.names[()]

    def _stamps(self, folder: str) -> dict[str, int | None]:
        found: dict[str, int | None] = {}
        seen: set[str] = set()
        for root in self.folders.roots(folder):
            found[str(root)] = _stamp(str(root))
            for path, below, _ in os.walk(root, followlinks=True):
                real = os.path.realpath(path)
                if real in seen:
                    below.clear()
                    continue
                seen.add(real)
                below[:] = [name for name in below if not name.startswith(".")]
                found[path] = _stamp(path)
        return found


def _stamp(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
