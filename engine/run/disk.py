"""DiskTier: values in a folder that outlive the process and are shared by all processes of a user.

Each value is a JSON record `<key>.json`, whose arrival by rename makes the value exist, and the file of bulk data it
names, if any. Whatever is missing, cut or altered is a miss, never an error. Knows values only through its `Store`.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from .lock import locked
from .plain import Store, Unsavable

__all__ = ["DiskTier", "Loaded"]

_CANDIDATES = 16  # among this many of the longest unused, those cheapest to compute again go first
_ORPHAN_SECONDS = 3600.0  # an unfinished or unnamed file this old belongs to a process that died
_TURN_OFFSET = 16  # where the lock file counts writes
_WRITTEN_PER_SECOND = 200e6  # a value that can be computed faster than it can be read and written is not worth it


class _Entry(NamedTuple):
    nbytes: int
    used: float  # time of last use
    bulk: str  # name of the bulk file, or ""


class Loaded(NamedTuple):
    """A value from the disk: what it took to compute, and the type of the node that did, "" if it is not known."""

    value: Any
    seconds: float
    kind: str


class DiskTier:
    """At most `budget` bytes in `folder`. Not thread-safe: the cache's lock or its one writer guards it."""

    def __init__(self, folder: Path, budget: int, store: Store, min_seconds: float = 0.001) -> None:
        """min_seconds: values faster to compute than this are not written."""
        self._folder = folder
        self.budget = budget
        self._store = store
        self._min_seconds = min_seconds
        self._entries: dict[str, _Entry] = {}
        self._used = 0
        self._turn = -1  # how many writes all processes had made when the folder was last listed
        self.reads = self.writes = self.damaged = 0

    @property
    def used(self) -> int:
        """Bytes in the folder as last listed."""
        return self._used

    @property
    def count(self) -> int:
        """Values in the folder as last listed."""
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        return (self._folder / f"{key}.json").exists()

    def worth(self, nbytes: int, seconds: float) -> bool:
        """Tell whether a value of this size and cost should be written at all."""
        return nbytes <= self.budget and seconds >= max(self._min_seconds, nbytes / _WRITTEN_PER_SECOND)

    def load(self, key: str) -> Loaded | None:
        """Return a value and what is known of it, or None; a damaged one is removed."""
        record = self._folder / f"{key}.json"
        try:
            text = record.read_bytes()
        except OSError:
            return None
        bulk = record
        try:
            data = json.loads(text)
            body = data["body"]
            if blake2b(json.dumps(body).encode(), digest_size=16).hexdigest() != data["sum"]:
                raise ValueError("altered record")
            bulk = self._folder / (body["bulk"] or "absent")
            if body["bulk"] and (bulk.parent != self._folder or _digest(bulk) != body["bulk_sum"]):
                raise ValueError("altered bulk")
            value = self._store.load(bulk, body["rest"])
            loaded = Loaded(value, float(body["seconds"]), str(body.get("kind", "")))
        except (ValueError, KeyError, TypeError, OSError, RecursionError):
            self.damaged += 1
            self._remove(key, bulk.name if bulk != record else "")
            return None
        self.reads += 1
        try:
            os.utime(record)
        except OSError:
            pass  # another process removed it meanwhile; the value is read all the same
        return loaded

    def save(self, key: str, value: Any, seconds: float, kind: str = "") -> bool:
        """Write a value within the budget, removing others for it; False when it cannot be or is there already."""
        if key in self:
            return True
        bulk = self._folder / f"{key}-{secrets.token_hex(4)}.safetensors"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            rest = self._store.save(value, bulk)
            has_bulk = bulk.exists()
            body = {
                "rest": rest,
                "seconds": seconds,
                "kind": kind,
                "bulk": bulk.name if has_bulk else "",
                "bulk_sum": _digest(bulk) if has_bulk else "",
            }
            total = blake2b(json.dumps(body).encode(), digest_size=16).hexdigest()
            text = json.dumps({"body": body, "sum": total}).encode()
            size = len(text) + (bulk.stat().st_size if has_bulk else 0)
            written = size <= self.budget and self._commit(key, text, size, bulk.name if has_bulk else "")
        except (Unsavable, OSError, RecursionError):
            written = False
        if not written:
            self._unlink(bulk.name)
        self.writes += written
        return written

    def _commit(self, key: str, text: bytes, size: int, bulk: str) -> bool:
        """Make the value exist, under the lock that all processes take in turn; False when there is no room for it."""
        with locked(self._folder / "lock") as handle:
            os.lseek(handle, _TURN_OFFSET, os.SEEK_SET)
            turn = int(os.read(handle, 32) or b"0")
            if turn != self._turn:
                self._list()
            if key in self or not self._make_room(size):
                return False
            draft = self._folder / f"{key}-{secrets.token_hex(4)}.tmp"
            try:
                draft.write_bytes(text)
                os.replace(draft, self._folder / f"{key}.json")
            finally:
                draft.unlink(missing_ok=True)
            self._entries[key] = _Entry(size, time.time(), bulk)
            self._used += size
            self._turn = turn + 1
            os.lseek(handle, _TURN_OFFSET, os.SEEK_SET)
            os.write(handle, b"%032d" % self._turn)
        return True

    def _make_room(self, size: int) -> bool:
        oldest = sorted(self._entries, key=lambda key: self._entries[key].used)
        while self._used + size > self.budget and oldest:
            group, oldest = oldest[:_CANDIDATES], oldest[_CANDIDATES:]
            for key in sorted(group, key=self._rate):
                if self._used + size <= self.budget:
                    break
                self._remove(key, self._entries[key].bulk)
        return self._used + size <= self.budget

    def _rate(self, key: str) -> float:
        try:
            body = json.loads((self._folder / f"{key}.json").read_bytes())["body"]
            return float(body["seconds"]) / max(1, self._entries[key].nbytes)
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0

    def _list(self) -> None:
        """Read what is in the folder, and remove what dead processes left unfinished."""
        found = list(self._files())
        records = {name[:-5]: stat for name, stat in found if name.endswith(".json")}
        self._entries = {key: _Entry(stat.st_size, stat.st_mtime, "") for key, stat in records.items()}
        now = time.time()
        for name, stat in found:
            key = name.rpartition(".")[0].rpartition("-")[0]
            entry = self._entries.get(key)
            if name.endswith(".safetensors") and entry is not None:
                self._entries[key] = _Entry(entry.nbytes + stat.st_size, entry.used, name)
            elif name.endswith((".safetensors", ".tmp")) and now - stat.st_mtime > _ORPHAN_SECONDS:
                self._unlink(name)
        self._used = sum(entry.nbytes for entry in self._entries.values())

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        with os.scandir(self._folder) as items:
            for item in items:
                try:
                    yield item.name, item.stat()
                except OSError:
                    continue  # removed while we list

    def _remove(self, key: str, bulk: str) -> None:
        self._unlink(f"{key}.json")  # the record first: a value without one does not exist
        if bulk:
            self._unlink(bulk)
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._used -= entry.nbytes

    def _unlink(self, name: str) -> None:
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError:
            pass  # in use on Windows; listed and removed another time


def _digest(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
