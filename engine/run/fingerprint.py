"""Fingerprints of files: short texts that change when a file's content does.

A file is hashed once and remembered by size, modification time and inode. Large files are sampled, since reading a
model of many gigabytes to learn that it is unchanged would cost more than loading it. Knows nothing of graphs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

__all__ = ["Fingerprints"]

WHOLE_BYTES = 64 << 20  # up to here a file is hashed whole: under a tenth of a second
SAMPLE_BYTES = 1 << 20  # of larger files: this much at the head, in the middle and at the tail
RACY_NS = 2_000_000_000  # a file changed this recently may change again within one tick of the clock (as git has it)


class Fingerprints:
    """Remembers files already hashed; share one between runs. Safe to use from several threads."""

    def __init__(self, noticed: Callable[[Path], None] | None = None) -> None:
        """noticed: called with each file that is not remembered yet; must be quick."""
        self._noticed = noticed
        self._known: dict[str, tuple[tuple[int, int, int], str]] = {}

    def of(self, path: Path) -> str:
        """Return the fingerprint of a file, or of a folder's listing; "absent" when it cannot be read."""
        try:
            stat = path.stat()
            if path.is_dir():
                return self._folder(path)
            seen = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
            known = self._known.get(str(path))
            if known is not None and known[0] == seen:
                return known[1]
            if self._noticed is not None:
                self._noticed(path)
            text = self._content(path, stat)
        except OSError:
            return "absent"
        if time.time_ns() - stat.st_mtime_ns > RACY_NS:
            self._known[str(path)] = (seen, text)
        return text

    def _content(self, path: Path, stat: os.stat_result) -> str:
        digest = blake2b(digest_size=16)
        size = stat.st_size
        with path.open("rb") as file:
            if size <= WHOLE_BYTES:
                while chunk := file.read(SAMPLE_BYTES):
                    digest.update(chunk)
                return digest.hexdigest()
            for start in (0, (size - SAMPLE_BYTES) // 2, size - SAMPLE_BYTES):
                file.seek(start)
                digest.update(file.read(SAMPLE_BYTES))
        # What lies between the samples shows only in the time of change.
        digest.update(f"{size} {stat.st_mtime_ns}".encode())
        return digest.hexdigest()

    def _folder(self, path: Path) -> str:
        digest = blake2b(digest_size=16)
        for root, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                entry = Path(root, name)
                stat = entry.stat()
                digest.update(f"{entry.relative_to(path).as_posix()}\0{stat.st_size} {stat.st_mtime_ns}\n".encode())
        return digest.hexdigest()
