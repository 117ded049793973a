"""Unpacks a bundle that may come from anybody: whole or not at all, into a folder of its own.

Every name, kind, size and ratio is looked at before a byte is written; no entry can be a link or leave the folder, and
what is written is held to the lock's hashes. Runs nothing of it. Knows no node.

    C071 no bundle, or damaged       C072 an entry that no bundle has (a link, a path out of it, twice)
    C073 too large or too many       C074 the folder is there already    C075 a file is not what the lock says
"""

from __future__ import annotations

import json
import secrets
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from .bundle import API_FILE, FORMAT, LOCK_FILE, UI_FILE
from .errors import UserError, brief
from .folders import IO_KINDS, safe_name

__all__ = ["MAX_BYTES", "MAX_ENTRIES", "MAX_RATIO", "Unpacked", "unpack"]

MAX_ENTRIES = 10_000
MAX_BYTES = 1 << 38
"""Of all files together; a bundle with the largest models has a tenth."""
MAX_RATIO = 200
"""How much larger a file may be than it is in the zip, from a megabyte on; workflows shrink to a thirtieth."""

_DOCUMENTS = (UI_FILE, API_FILE, LOCK_FILE)
_FOLDERS = (*IO_KINDS, "models")
_MAX_DOCUMENT = 64 << 20
_SMALL = 1 << 20
_CHUNK = 1 << 20
_TAIL = 22 + 0xFFFF + 20 + 56  # the end record with the longest comment, and what zip64 puts before it
_DIRECTORY_ENTRY = 46 + 1024 + 256  # bytes that one entry of the directory may take on average
_SPOILT = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error, ValueError)


class Unpacked(NamedTuple):
    """Where the bundle is now, and its lock."""

    folder: Path
    lock: dict[str, Any]


def unpack(source: Path, folder: Path) -> Unpacked:
    """Unpack the bundle `source` into `folder`, which must be absent or empty. Raises UserError C071 to C075, F001."""
    where = f'bundle "{source.name}"'
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError("C074", f'folder "{folder.name}"', "a new or empty folder", "one in use", "Name another.")
        _require_small_directory(source, where)
        with zipfile.ZipFile(source) as bundle:
            entries = _entries(bundle, where)
            lock = _lock(bundle, entries, where)
            folder.parent.mkdir(parents=True, exist_ok=True)
            _require_space(folder.parent, entries, where)
            partial = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.part")
            partial.mkdir()
            try:
                _extract(bundle, entries, lock, partial, where)
                if folder.exists():
                    folder.rmdir()
                partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except _SPOILT as error:
        reason = brief(str(error) or type(error).__name__)
        raise UserError("C071", where, "a whole zip file", reason, "Get it again.") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError("F001", where, "a file that can be read, room to unpack", reason, "Check both.") from error
    return Unpacked(folder, lock)


def _require_small_directory(source: Path, where: str) -> None:
    """Refuse a zip whose directory alone would fill the memory, before it is read."""
    with source.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
        place = tail.rfind(b"PK\x05\x06")
        if place < 0 or len(tail) < place + 22:
            raise zipfile.BadZipFile("no end record")
        count, length = struct.unpack_from("<HI", tail, place + 10)
        if count == 0xFFFF or length == 0xFFFFFFFF:
            place = tail.rfind(b"PK\x06\x06", 0, place)
            if place < 0 or len(tail) < place + 56:
                raise zipfile.BadZipFile("no end record of zip64")
            count, length = struct.unpack_from("<QQ", tail, place + 32)
    if count > MAX_ENTRIES or length > MAX_ENTRIES * _DIRECTORY_ENTRY:
        raise _too_large(where, f"at most {MAX_ENTRIES:,} files", f"{count:,}")


def _entries(bundle: zipfile.ZipFile, where: str) -> dict[str, zipfile.ZipInfo]:
    """Return the files by name, every one of them looked at."""
    found: dict[str, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    total = 0
    infos = bundle.infolist()
    if len(infos) > MAX_ENTRIES:
        raise _too_large(where, f"at most {MAX_ENTRIES:,} files", f"{len(infos):,}")
    for info in infos:
        name = info.orig_filename
        try:
            plain = safe_name(name)
        except UserError as error:
            raise _odd(where, "names inside the bundle", name) from error
        if plain != name.rstrip("/"):
            raise _odd(where, "plain names", name)
        top, _, rest = plain.partition("/")
        if not (plain in _DOCUMENTS or (top in _FOLDERS and (rest or info.is_dir()))):
            raise _odd(where, f"{', '.join(_DOCUMENTS)} and files in {', '.join(_FOLDERS)}", name)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFDIR if info.is_dir() else stat.S_IFREG):
            raise _odd(where, "files, no links or devices", name)
        if info.is_dir():
            continue
        folded = unicodedata.normalize("NFC", plain).casefold()
        if folded in seen:
            raise _odd(where, "every name once", name)
        seen.add(folded)
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _odd(where, "files stored or deflated, without a password", name)
        if info.file_size > _SMALL and info.file_size > info.compress_size * MAX_RATIO:
            raise _too_large(where, f"files at most {MAX_RATIO} times as large as packed", brief(name))
        if plain in _DOCUMENTS and info.file_size > _MAX_DOCUMENT:
            raise _too_large(where, f"documents of at most {_MAX_DOCUMENT:,} bytes", f"{info.file_size:,}")
        total += info.file_size
        if total > MAX_BYTES:
            raise _too_large(where, f"at most {MAX_BYTES:,} bytes", "more")
        found[plain] = info
    return found


def _lock(bundle: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo], where: str) -> dict[str, Any]:
    """Return the lock, of which at least the files are of the right form."""
    missing = [name for name in _DOCUMENTS if name not in entries]
    if missing:
        raise UserError("C071", where, ", ".join(_DOCUMENTS), f"no {missing[0]}", "Make it with `latentloom bundle`.")
    try:
        lock = json.loads(bundle.read(entries[LOCK_FILE]))
    except RecursionError:
        lock = None
    files = lock.get("files") if isinstance(lock, dict) else None
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        raise UserError("C071", where, "a lock with files", "none", "Make it with `latentloom bundle`.")
    if lock.get("format") != FORMAT:
        raise UserError("C071", where, f"a lock of format {FORMAT}", brief(lock.get("format")), "Update Latentloom.")
    result: dict[str, Any] = lock
    return result


def _require_space(folder: Path, entries: Mapping[str, zipfile.ZipInfo], where: str) -> None:
    wanted = sum(info.file_size for info in entries.values())
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise _too_large(where, f"at most the {free:,} bytes that are free", f"{wanted:,}")


def _extract(
    bundle: zipfile.ZipFile,
    entries: Mapping[str, zipfile.ZipInfo],
    lock: Mapping[str, Any],
    folder: Path,
    where: str,
) -> None:
    digests: dict[str, str] = {}
    for name, info in entries.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        digest, left = sha256(), info.file_size
        with bundle.open(info) as packed, path.open("xb") as out:
            while chunk := packed.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise _too_large(where, f"{info.file_size:,} bytes, as the directory says", "more")
                digest.update(chunk)
                out.write(chunk)
        if left:
            raise zipfile.BadZipFile(f"{name} ends early")
        digests[name] = digest.hexdigest()
    _require_as_locked(digests, lock["files"], where)


def _require_as_locked(digests: Mapping[str, str], files: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Hold every unpacked file to the lock, and every file that the lock says is packed to being there."""
    left = {name for name in digests if name not in _DOCUMENTS}
    for place, entry in files.items():
        if not entry.get("included"):
            continue
        name = place if place.partition("/")[0] in IO_KINDS else f"models/{place}"
        if name in digests:
            found: str | None = digests[name]
            left.discard(name)
        elif below := sorted((other for other in left if other.startswith(f"{name}/")), key=_in_parts):
            # A model that is a folder: the hash of its files' names and hashes, as `run.hashes` makes it.
            text = "".join(f"{other.removeprefix(name + '/')}\0{digests[other]}\n" for other in below)
            found = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            left.difference_update(below)
        else:
            found = None
        if found is None or found != entry.get("sha256"):
            got = "none" if found is None else "another file"
            raise UserError("C075", where, f"the {brief(place)} that its lock names", got, "Get the bundle again.")
    if left:
        raise UserError("C075", where, "only files that its lock names", brief(min(left)), "Get the bundle again.")


def _in_parts(name: str) -> list[str]:
    return name.split("/")


def _odd(where: str, expected: str, name: str) -> UserError:
    return UserError("C072", where, expected, brief(name), "Do not trust it; get it from somewhere else.")


def _too_large(where: str, expected: str, got: str) -> UserError:
    return UserError("C073", where, expected, got, "Do not trust it, or unpack it by hand.")
