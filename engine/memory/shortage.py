"""Memory that ran out: how it shows, trying again with less, and the one error that says what to do.

Knows nothing of networks; whoever can do with less gives the attempts.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch

from ..errors import UserError
from .device import empty_caches

__all__ = ["first_that_fits", "out_of_memory", "shortage"]

T = TypeVar("T")

# For these torch has no exception of its own.
_WORDS = ("DefaultCPUAllocator: can't allocate memory", "MPS backend out of memory")
# As torch words them: "Tried to allocate 2.00 GiB ... of which 1.25 GiB is free", "you tried to allocate 123 bytes".
_ASKED = re.compile(r"tried to allocate ([\d.]+ ?\w+)", re.IGNORECASE)
_FREE = re.compile(r"of which ([\d.]+ ?\w+) is free", re.IGNORECASE)


def first_that_fits(attempts: Iterable[Callable[[], T]], what: str) -> T:
    """Return the result of the first attempt that memory suffices for; each is made when those before have failed.

    what: is being done, for the message. Raises: UserError M090 after the last; at once what is no lack of memory.
    """
    failed: BaseException | None = None
    for attempt in attempts:
        try:
            return attempt()
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            traceback.clear_frames(error.__traceback__)  # they hold the tensors of the failed attempt
            failed = error.with_traceback(None)
        empty_caches()
    text = str(failed)
    asked, free = _ASKED.search(text), _FREE.search(text)
    raise shortage(what, asked[1] if asked else "more", free[1] if free else "less") from failed


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that the device or the machine has no more memory."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(words in str(error) for words in _WORDS)


def shortage(what: str, asked: int | str, free: int | str) -> UserError:
    """Return the error for memory that does not suffice even after all that can help. asked, free: bytes, or words."""
    return UserError(
        "M090",
        where=what,
        expected=f"{_shown(asked)} of memory",
        got=f"{_shown(free)} free, after everything else had left",
        fix="Make the picture or the batch smaller, close what else uses the device, or raise --vram-budget if one is "
        "set.",
    )


def _shown(amount: int | str) -> str:
    if isinstance(amount, str):
        return amount
    return f"{amount / 2**30:.2f} GiB" if amount >= 2**30 else f"{amount / 2**20:.1f} MiB"
