"""The user's saved documents: files below the folder of ComfyUI's editor, each with a revision, never lost by a save.

A change names the revision it is based on; the look at what is there and the write are one step. A revision is the
first half of the SHA-256 of the file's bytes, so that changes made by other programs are seen, too. Knows no HTTP and
no workflow.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import NamedTuple

from ..durable import replace_file
from ..errors import UserError, brief
from ..folders import Folders, safe_name
from .incoming import disk_problems, is_partial, new_name, publish

__all__ = ["DOCUMENTS", "MAX_BYTES", "Changed", "Documents", "Entry", "State"]

DOCUMENTS = "default/workflows"  # below the folder "user"
MAX_BYTES = 32 << 20  # of one document, as of a request's body
MAX_LISTED = 10_000
_ENDING = ".json"


class State(NamedTuple):
    """A document as it is: its name, its revision, when it was written (seconds since 1970)."""

    name: str
    revision: str
    modified: float


class Entry(NamedTuple):
    """A document in the list."""

    state: State
    size: int


class Changed(UserError):
    """Another revision is there than the one a change is based on. present: what is there, None when nothing is."""

    def __init__(self, name: str, base: str | None, present: State | None) -> None:
        self.present = present
        expected = "no document of this name yet" if base is None else f"revision {base}"
        got = "none" if present is None else f"revision {present.revision}"
        fix = "Open what is there, or save under another name."
        super().__init__("F026", f"document {brief(name)}", expected, got, fix)


class Documents:
    """All documents below one data folder. For any thread."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self._lock = threading.Lock()
        self._known: dict[str, tuple[tuple[int, int], str]] = {}  # path -> (time and size, revision)

    def entries(self) -> list[Entry]:
        """List all documents by name; a name is without ".json" and may hold folders."""
        root = self._root()
        found = []
        for name in self.folders.names("user", (_ENDING,)):
            if not name.startswith(f"{DOCUMENTS}/"):
                continue
            path = root / name.removeprefix(f"{DOCUMENTS}/")
            try:
                status = path.stat()
                state = State(self._name(path), self._revision(path), status.st_mtime)
            except OSError:  # removed meanwhile
                continue
            found.append(Entry(state, status.st_size))
        return found[:MAX_LISTED]

    def read(self, name: str) -> tuple[State, bytes]:
        """Return a document and its content. Raises UserError F001, F002."""
        path = self._existing(name)
        with disk_problems("documents"):
            size = path.stat().st_size
            if size > MAX_BYTES:
                raise UserError(
                    "F001", f"document {brief(name)}", f"at most {MAX_BYTES:,} bytes", f"{size:,}", "Split it."
                )
            data = path.read_bytes()
            return State(self._name(path), _revision_of(data), path.stat().st_mtime), data

    def write(self, name: str, data: bytes, base: str | None, *, force: bool = False) -> State:
        """Keep a document; base: the revision it replaces, None for a new one. force: replace whatever is there.

        Raises Changed; UserError F002 (unfit name), F024 (disk full).
        """
        with self._lock, disk_problems("documents"):
            target = self._target(name)
            present = self._present(target)
            if not force and base != (present and present.revision):
                raise Changed(name, base, present)
            replace_file(target, lambda partial: partial.write_bytes(data))
            return State(self._name(target), _revision_of(data), target.stat().st_mtime)

    def delete(self, name: str, base: str) -> State:
        """Remove a document and return what it was. Raises Changed; UserError F001, F002."""
        with self._lock, disk_problems("documents"):
            path = self._based(name, base)
            state = State(self._name(path), base, path.stat().st_mtime)
            path.unlink()
            return state

    def move(self, name: str, to: str, base: str) -> State:
        """Give a document another name, which must be free. Raises Changed; UserError F001, F002."""
        with self._lock, disk_problems("documents"):
            path, target = self._based(name, base), self._target(to)
            if path != target:
                taken = self._present(target)
                if taken is not None:
                    raise Changed(to, None, taken)
                publish(path, target, replace=False)
            return State(self._name(target), base, target.stat().st_mtime)

    # --- parts

    def _root(self) -> Path:
        return self.folders.roots("user")[0] / DOCUMENTS

    def _name(self, path: Path) -> str:
        """Return a document's name; one that would lose an ending of its own keeps both."""
        name = path.relative_to(self._root()).as_posix()
        plain = name[: -len(_ENDING)]
        return name if plain.endswith(_ENDING) else plain

    def _existing(self, name: str) -> Path:
        wanted = _file_name(safe_name(name))
        path = None if is_partial(wanted) else self.folders.look("user", f"{DOCUMENTS}/{wanted}")
        if path is None or not path.is_file():
            raise UserError("F001", "documents", "the name of a saved document", brief(name), "List the documents.")
        return path

    def _target(self, name: str) -> Path:
        wanted = _file_name(new_name(name))
        if any(part.startswith(".") for part in wanted.split("/")):
            fix = "Choose another name."
            raise UserError("F002", "document", "a name that is not hidden", brief(name), fix)
        target = self.folders.target("user", f"{DOCUMENTS}/{wanted}")
        if target.is_dir():
            raise IsADirectoryError(21, "is a folder")
        return target

    def _based(self, name: str, base: str) -> Path:
        path = self._existing(name)
        present = self._present(path)
        if present is None or present.revision != base:
            raise Changed(name, base, present)
        return path

    def _present(self, path: Path) -> State | None:
        """Return what is there now, read anew: a time stamp may be too coarse to tell."""
        try:
            return State(self._name(path), _revision_of(path.read_bytes()), path.stat().st_mtime)
        except FileNotFoundError:
            return None

    def _revision(self, path: Path) -> str:
        """Return a file's revision for a list; read only when the file looks changed. Raises OSError."""
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._known.get(str(path))
        if known is None or known[0] != stamp:
            known = self._known[str(path)] = (stamp, _revision_of(path.read_bytes()))
        return known[1]


def _file_name(name: str) -> str:
    return name if name.endswith(_ENDING) else f"{name}{_ENDING}"


def _revision_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
