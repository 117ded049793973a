"""Bounded reading of files that may be broken or hostile: every length is checked before a byte is taken.

Shared by the readers of the containers (`embedded_png`, `embedded_boxes`, ...). Knows no container and no workflow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["MAX_PARTS", "MAX_TEXT_BYTES", "Damaged", "Source", "Texts", "decoded"]

MAX_TEXT_BYTES = 32 << 20  # of one text, unpacked; as much as the server takes in one request
MAX_PARTS = 200_000  # chunks, boxes, elements or pages looked at in one file; more is an attack, or hours of stream

Texts = Iterator[tuple[str, str]]
"""What a reader yields: the name of a text, in lower case, and the text. It may raise `Damaged` after some of them."""


class Damaged(ValueError):
    """The bytes do not go on as their format promises; never leaves `embedded`."""


class Source:
    """A file of known size, read by absolute offsets."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size

    def at(self, offset: int, count: int) -> bytes:
        """Return exactly `count` bytes from `offset`. Raises Damaged when they are not there or are too many."""
        if count < 0 or offset < 0 or offset + count > self.size:
            raise Damaged(f"{count} bytes promised at {offset}, where the file has only {self.size}")
        if count > MAX_TEXT_BYTES:
            raise Damaged(f"a part of {count} bytes")
        self._file.seek(offset)
        found = self._file.read(count)
        if len(found) != count:  # the file shrank meanwhile
            raise Damaged("the end")
        return found

    def number(self, offset: int, count: int) -> int:
        """Return the big-endian number of `count` bytes at `offset`. Raises Damaged."""
        return int.from_bytes(self.at(offset, count), "big")


def decoded(data: bytes) -> str:
    """Return text that should be UTF-8 and may be Latin-1, as careless programs write it; trailing NULs are cut."""
    data = data.rstrip(b"\x00")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
