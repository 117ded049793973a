"""The texts of EXIF data, and where WebP and JPEG files keep it.

ComfyUI writes "prompt:{...}" and "workflow:{...}" into Model, Make and the tags below; others use ImageDescription and
UserComment. A text with such a beginning is named by it, any other by its tag. Knows no workflow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal

from .embedded_source import MAX_PARTS, MAX_TEXT_BYTES, Damaged, Source, Texts, decoded

__all__ = ["exif_texts", "jpeg_texts", "webp_texts"]

_NAMES: Mapping[int, str] = MappingProxyType({0x010E: "description", 0x9286: "comment"})
_EXIF_FOLDER = 0x8769  # the tag that says where the second directory begins
_USER_COMMENT = 0x9286
_SIZES: Mapping[int, int] = MappingProxyType({1: 1, 2: 1, 7: 1, 129: 1})  # bytes, ASCII, undefined, UTF-8
_BEGINNING = re.compile(r"\s{0,64}(prompt|workflow|latentloom|parameters)\s{0,64}:", re.IGNORECASE)

_Order = Literal["little", "big"]


def exif_texts(data: bytes) -> Texts:
    """Yield the texts of EXIF data, with or without its own heading; nothing when it is none."""
    if data[:6] == b"Exif\x00\x00":
        data = data[6:]
    orders: Mapping[bytes, _Order] = {b"II*\x00": "little", b"MM\x00*": "big"}
    order = orders.get(data[:4])
    if order is None:
        return
    left = MAX_TEXT_BYTES  # thousands of entries may point at the same bytes
    folders = [int.from_bytes(data[4:8], order)]
    for number in range(2):  # the main directory and the one it names
        if number >= len(folders):
            return
        for tag, kind, count, value, place in _entries(data, folders[number], order):
            if tag == _EXIF_FOLDER and number == 0:
                folders.append(value)
            if kind not in _SIZES or count > left:
                continue
            begin = place if count <= 4 else value
            left -= count
            found = _named(tag, data[begin : begin + count], order)
            if found is not None:
                yield found


def jpeg_texts(source: Source) -> Texts:
    """Yield the texts of a JPEG file's EXIF and comment segments. Raises Damaged when it ends too early."""
    place = 2
    for _ in range(MAX_PARTS):
        mark, kind = source.at(place, 2)
        if mark != 0xFF:
            raise Damaged("no marker where one must be")
        if kind == 0xFF:  # padding
            place += 1
            continue
        if kind in (0xD9, 0xDA):  # the end, or the pixels
            return
        if kind == 0x01 or 0xD0 <= kind <= 0xD8:  # markers without a body
            place += 2
            continue
        length = source.number(place + 2, 2)
        if length < 2:
            raise Damaged("a segment shorter than its length")
        if kind == 0xE1 and source.at(place + 4, min(6, length - 2)) == b"Exif\x00\x00":
            yield from exif_texts(source.at(place + 4, length - 2))
        elif kind == 0xFE:
            yield "comment", decoded(source.at(place + 4, length - 2))
        place += 2 + length


def webp_texts(source: Source) -> Texts:
    """Yield the texts of a WebP file's EXIF chunk. Raises Damaged when it ends too early."""
    end = 8 + int.from_bytes(source.at(4, 4), "little")
    place = 12
    for _ in range(MAX_PARTS):
        if place >= end:
            return
        kind, length = source.at(place, 4), int.from_bytes(source.at(place + 4, 4), "little")
        if kind == b"EXIF":
            yield from exif_texts(source.at(place + 8, length))
        place += 8 + length + (length & 1)
    raise Damaged("too many chunks")


def _entries(data: bytes, place: int, order: _Order) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield tag, type, count, value and the place of the value of each entry; slices past the end are empty."""
    for number in range(int.from_bytes(data[place : place + 2], order)):
        begin = place + 2 + 12 * number
        entry = data[begin : begin + 12]
        if len(entry) < 12:
            return
        tag, kind = int.from_bytes(entry[:2], order), int.from_bytes(entry[2:4], order)
        yield tag, kind, int.from_bytes(entry[4:8], order), int.from_bytes(entry[8:], order), begin + 8


def _named(tag: int, raw: bytes, order: _Order) -> tuple[str, str] | None:
    text = _comment(raw, order) if tag == _USER_COMMENT else decoded(raw)
    beginning = _BEGINNING.match(text)
    if beginning is not None:
        return beginning[1].lower(), text[beginning.end() :]
    return (_NAMES[tag], text) if tag in _NAMES else None


def _comment(raw: bytes, order: _Order) -> str:
    """Return a UserComment, whose first eight bytes name its character set."""
    if raw[:8] != b"UNICODE\x00":
        return decoded(raw[8:] if raw[:8] in (b"ASCII\x00\x00\x00", bytes(8)) else raw)
    body = raw[8:]
    # Writers disagree on the byte order, so the side of the zeros in the first letters decides before the file's own.
    zeros = body[:64:2].count(0), body[1:64:2].count(0)
    big = zeros[0] > zeros[1] if zeros[0] != zeros[1] else order == "big"
    return body.decode("utf-16-be" if big else "utf-16-le", "replace").rstrip("\x00").lstrip("\ufeff")
