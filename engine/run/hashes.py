"""SHA-256 of model files, each computed once: beside the first run that names it, then remembered in the data folder.

A file counts as the same while its size, time of change and inode stay. Small files are hashed when asked. Knows
nothing of graphs; for cache keys there is `fingerprint`, which never waits.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import file_digest, sha256
from pathlib import Path

from ..durable import replace_file
from .fingerprint import RACY_NS
from .lock import locked

__all__ = ["FileHashes"]

AT_ONCE_BYTES = 8 << 20  # up to here hashing takes some 10 ms, and nothing is remembered beyond the process
WAIT_SECONDS = 5.0  # for a hash under way: a picture is not held up longer because a model is new
NAME = "hashes.json"
_ENTRIES = 4096

Seen = tuple[int, int, int]  # size, time of change in ns, inode


class FileHashes:
    """Safe to use from several threads; several processes may share one folder."""

    def __init__(self, folder: Callable[[], Path] | None = None) -> None:
        """folder: gives the folder in which hashes of large files are kept; asked for when there is one to keep."""
        self._folder = folder
        self._known: dict[str, tuple[Seen, str]] = {}
        self._pending: dict[str, threading.Event] = {}
        self._loaded = folder is None
        self._lock = threading.Lock()
        self._reading = threading.Lock()  # one file at a time: reading two at once is slower on most disks

    def expect(self, path: Path) -> None:
        """Begin to hash a large file that is not known yet, in a thread of its own."""
        with suppress(OSError):  # who needs the file will say what is wrong with it
            if path.is_file() and path.stat().st_size > AT_ONCE_BYTES:
                self._begin(path, _seen(path))

    def known(self, path: Path) -> str | None:
        """Return the SHA-256 of a file that is small or was hashed before, without waiting; else None."""
        try:
            seen = _seen(path)
            if not path.is_file():
                return None
            if seen[0] <= AT_ONCE_BYTES:
                return self._small(path, seen)
        except OSError:
            return None
        with self._lock:
            self._load()
            known = self._known.get(str(path))
        return known[1] if known is not None and known[0] == seen else None

    def of(self, path: Path, wait: float = WAIT_SECONDS) -> str | None:
        """Return the file's SHA-256 in hex; of a folder, that of its files' names and hashes.

        None when it takes longer than `wait` seconds, or cannot be read.
        """
        until = time.monotonic() + wait
        try:
            if path.is_dir():
                return self._tree(path, until)
            seen = _seen(path)
            if seen[0] <= AT_ONCE_BYTES:
                return self._small(path, seen)
            done = self._begin(path, seen)
        except OSError:
            return None
        if done is not None and not done.wait(max(0.0, until - time.monotonic())):
            return None
        known = self._known.get(str(path))
        return known[1] if known is not None and known[0] == seen else None

    def _small(self, path: Path, seen: Seen) -> str:
        known = self._known.get(str(path))
        if known is None or known[0] != seen:
            known = (seen, _digest(path))
            if _settled(seen):
                self._known[str(path)] = known
        return known[1]

    def _tree(self, path: Path, until: float) -> str | None:
        digest = sha256()
        for file in sorted(entry for entry in path.rglob("*") if entry.is_file()):
            own = self.of(file, until - time.monotonic())
            if own is None:
                return None
            digest.update(f"{file.relative_to(path).as_posix()}\0{own}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def _begin(self, path: Path, seen: Seen) -> threading.Event | None:
        """Return what tells that the file's hash is ready; None when it is."""
        name = str(path)
        with self._lock:
            self._load()
            done = self._pending.get(name)  # asked first: a hash found is ready once it is kept
            if done is not None:
                return done
            known = self._known.get(name)
            if known is not None and known[0] == seen:
                return None
            done = self._pending[name] = threading.Event()
        threading.Thread(target=self._work, args=(path, seen, done), name="latentloom-hash", daemon=True).start()
        return done

    def _load(self) -> None:
        """Read what earlier processes kept, once. Call it with the lock held."""
        if not self._loaded:
            self._loaded = True
            self._known = {**self._stored(), **self._known}

    def _work(self, path: Path, seen: Seen, done: threading.Event) -> None:
        try:
            with self._reading, suppress(OSError):
                text = _digest(path)
                if _seen(path) == seen:  # else it changed under our eyes
                    with self._lock:
                        self._known[str(path)] = (seen, text)
                    if _settled(seen):
                        self._store()
        finally:
            with self._lock:
                self._pending.pop(str(path), None)
            done.set()

    def _stored(self) -> dict[str, tuple[Seen, str]]:
        found: dict[str, tuple[Seen, str]] = {}
        if self._folder is None:
            return found
        try:
            data = json.loads((self._folder() / NAME).read_text(encoding="utf-8"))
            for path, (size, changed, inode, text) in data.items():
                found[path] = ((int(size), int(changed), int(inode)), str(text))
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return {}  # absent or damaged: hashed anew
        return found

    def _store(self) -> None:
        """Add the large files to what is kept, beside what other processes put there."""
        if self._folder is None:
            return
        with self._lock:
            own = {path: known for path, known in self._known.items() if known[0][0] > AT_ONCE_BYTES}
        folder = self._folder()
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{NAME}.lock"):  # else who writes last drops what the other has just added
            entries = {**self._stored(), **own}
            data = {path: [*seen, text] for path, (seen, text) in list(entries.items())[-_ENTRIES:]}
            replace_file(folder / NAME, lambda partial: partial.write_text(json.dumps(data), encoding="utf-8"))


def _seen(path: Path) -> Seen:
    stat: os.stat_result = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _settled(seen: Seen) -> bool:
    """Tell whether the file is old enough that a further change shows in its time."""
    return time.time_ns() - seen[1] > RACY_NS


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
