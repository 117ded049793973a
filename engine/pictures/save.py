"""Put a new file into a results folder: name from a prefix, never overwriting, never half-written.

The bytes go to a temporary file beside the goal, are flushed to the disk, and appear under the final name in
one step that fails if the name is taken. Knows nothing of pictures or nodes.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..durable import flush_folder
from ..errors import UserError, brief
from ..folders import safe_name

__all__ = ["Place", "place", "publish"]

_DIGITS = 5
_TRIES = 10_000  # names taken by others while we save, before something else must be wrong


@dataclass(frozen=True, slots=True)
class Place:
    """Where a prefix leads: a folder that exists, its name below the root, and how file names begin."""

    folder: Path
    subfolder: str
    stem: str


def place(root: Path, prefix: str, width: int = 0, height: int = 0, now: time.struct_time | None = None) -> Place:
    """Resolve a file prefix such as "portraits/%year%-%month%/face" below `root`, and make its folder.

    Tokens: %width% %height% %year% %month% %day% %hour% %minute% %second%; %batch_num% stays for `publish`.
    Raises: UserError F002 when the prefix leaves `root` or cannot be a file name.
    """
    now = now or time.localtime()
    tokens = {
        "width": str(width),
        "height": str(height),
        "year": f"{now.tm_year:04}",
        "month": f"{now.tm_mon:02}",
        "day": f"{now.tm_mday:02}",
        "hour": f"{now.tm_hour:02}",
        "minute": f"{now.tm_min:02}",
        "second": f"{now.tm_sec:02}",
    }
    text = prefix
    for name, value in tokens.items():
        text = text.replace(f"%{name}%", value)
    *folders, stem = safe_name(text).split("/")
    root = root.resolve()
    folder = root.joinpath(*folders).resolve()
    if not folder.is_relative_to(root):  # a link inside the folder may lead out of it
        raise UserError(
            "F002",
            where="file prefix",
            expected="a name inside the output folder",
            got=f"{brief(prefix)}, which a link leads out of it",
            fix="Use a plain name such as pictures/cat.",
            input="filename_prefix",
        )
    folder.mkdir(parents=True, exist_ok=True)
    below = folder.relative_to(root).as_posix()
    return Place(folder, "" if below == "." else below, stem)


def publish(goal: Place, suffix: str, write: Callable[[Path], object], batch_number: int = 0) -> str:
    """Write a new file and return its name: `<stem>_<5 digits>_<suffix>`, one above the highest present.

    write: makes a whole file at the path it is given. Two processes may save with one prefix at once;
        neither overwrites the other.
    Raises: OSError when the folder cannot be written.
    """
    stem = goal.stem.replace("%batch_num%", str(batch_number))
    temporary = goal.folder / f".{secrets.token_hex(8)}.part"
    try:
        write(temporary)
        with temporary.open("rb+") as file:  # Windows flushes only what may be written
            os.fsync(file.fileno())
        number = _highest(goal, suffix) + 1
        for candidate in range(number, number + _TRIES):
            name = f"{stem}_{candidate:0{_DIGITS}}_{suffix}"
            if _appear(temporary, goal.folder / name):
                flush_folder(goal.folder)
                return name
    finally:
        temporary.unlink(missing_ok=True)
    raise OSError(f"no free name after {_TRIES} tries in {goal.folder}")


def _highest(goal: Place, suffix: str) -> int:
    """Return the highest counter that the stem has in the folder, 0 when none."""
    start = re.escape(goal.stem).replace("%batch_num%", r"\d+")
    pattern = re.compile(rf"{start}_(\d+)_(?:{re.escape(suffix)}|\.\w+)", re.IGNORECASE)
    found = (pattern.fullmatch(entry.name) for entry in os.scandir(goal.folder))
    return max((int(match.group(1)) for match in found if match), default=0)


def _appear(temporary: Path, final: Path) -> bool:
    """Give the finished file its name in one step; False when the name is taken."""
    try:
        os.link(temporary, final)
    except FileExistsError:
        return False
    except (OSError, NotImplementedError, AttributeError):
        return _appear_without_links(temporary, final)  # FAT, some network folders
    return True


def _appear_without_links(temporary: Path, final: Path) -> bool:
    """Do the same where hard links do not exist: a claim file keeps other savers away during the rename."""
    claim = final.with_name(f".{final.name}.claim")
    try:
        os.close(os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    try:
        if final.exists():
            return False
        os.rename(temporary, final)
    finally:
        claim.unlink(missing_ok=True)
    return True
