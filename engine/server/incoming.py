"""Files that arrive by the network: received under a hidden name, visible only when whole and on the disk.

Nothing here ever writes through an existing file or link. Where a file may go is `Folders`' business; what is in it,
the routes'. Knows no HTTP.
"""

from __future__ import annotations

import errno
import filecmp
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ..durable import flush_folder
from ..errors import UserError, brief
from ..folders import safe_name

__all__ = ["Incoming", "bare_name", "disk_problems", "is_partial", "new_name", "place", "publish"]

_PARTIAL = re.compile(r"\.[^/]*\.part")
_ENCODED = re.compile(r"(?i)%(?:25)*(?:2e|2f|5c|00)")
_TRIES = 10_000
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class Incoming:
    """One file being received into `folder`. Use as a context manager: what was not published is removed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f".{secrets.token_hex(8)}.part"
        self.size = 0
        self._file: BinaryIO = self.path.open("xb")

    def write(self, data: bytes) -> None:
        """Append. Raises: OSError."""
        self._file.write(data)
        self.size += len(data)

    def seal(self) -> Path:
        """Put everything on the disk and return the path; nothing may be written afterwards. Raises: OSError."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self.path

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


def bare_name(name: str) -> str:
    """Return the name of a file to be made, without folders. Raises: UserError F002 for any other, and hidden ones."""
    plain = new_name(name)
    if "/" in plain or plain.startswith("."):
        fix = 'Name the folder in "subfolder".' if "/" in plain else "Choose another name."
        raise UserError("F002", "file name", "a plain name that is not hidden", brief(name), fix)
    return plain


def new_name(name: str) -> str:
    """Return the relative name of a file to be made.

    Raises: UserError F002 for what `safe_name` refuses, for names of unfinished files, and for encoded dots and
    slashes: whoever sends them hopes that somebody decodes twice.
    """
    plain = safe_name(name)
    if is_partial(plain) or _ENCODED.search(plain):
        raise UserError("F002", "file name", "a name of your own", brief(name), "Choose another name.")
    return plain


def is_partial(name: str) -> bool:
    """Tell whether a name, or a folder in it, is one that unfinished files have; they are never served."""
    return any(_PARTIAL.fullmatch(part) for part in PurePosixPath(name).parts)


def publish(partial: Path, target: Path, *, replace: bool) -> None:
    """Give a sealed file its name. Raises: FileExistsError when the name is taken and may not be replaced; OSError."""
    if partial.stat().st_dev != target.parent.stat().st_dev:
        with Incoming(target.parent) as beside:
            with partial.open("rb") as source:
                shutil.copyfileobj(source, beside._file, 1 << 20)
            publish(beside.seal(), target, replace=replace)
        return
    if replace:
        os.replace(partial, target)
    else:
        _claim(partial, target)
    flush_folder(target.parent)


def place(partial: Path, target_of: Callable[[str], Path], name: str, *, overwrite: bool) -> str:
    """Publish a sealed file as `name`, or as "name (1)", ...; return the name it has now.

    target_of: makes the path of a name. A file of that name with the same bytes is left as it is and counts.
    Raises: FileExistsError after 10,000 taken names; OSError.
    """
    plain = PurePosixPath(name)
    for number in range(_TRIES):
        candidate = f"{plain.stem} ({number}){plain.suffix}" if number else name
        target = target_of(candidate)
        if overwrite:
            publish(partial, target, replace=True)
            return candidate
        try:
            publish(partial, target, replace=False)
        except FileExistsError:
            if target.is_file() and filecmp.cmp(partial, target, shallow=False):
                return candidate
        else:
            return candidate
    raise FileExistsError(errno.EEXIST, "too many files of this name", name)


@contextmanager
def disk_problems(where: str) -> Iterator[None]:
    """Turn what a file system raises into UserError: F024 disk full, F002 a name it does not take, F004 the rest."""
    try:
        yield
    except FileExistsError as error:
        raise UserError("F021", where, "a new name", "one that exists", "Choose another, or overwrite.") from error
    except OSError as error:
        if error.errno in _FULL:
            raise UserError("F024", where, "room on the disk", "a full disk", "Free some space, try again.") from error
        if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENOTEMPTY):
            got = brief(error.strerror)
            raise UserError("F002", where, "a name for a file", got, "Choose another name.") from error
        got = brief(error.strerror or type(error).__name__)
        raise UserError("F004", where, "a folder that can be written", got, "Check the data folder.") from error


def _claim(partial: Path, target: Path) -> None:
    """Move `partial` to a name that must be free, in one step where the file system knows links."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise
        # exFAT and some network folders know no links; Windows refuses a taken name by itself.
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "exists", str(target)) from error
        os.rename(partial, target)
        return
    partial.unlink()
