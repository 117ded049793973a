"""The texts of MP4, MOV, M4A and AVIF files: boxes inside boxes.

Tags stand in moov/udta/meta/ilst (iTunes style, by four letters), in moov/meta with a table of keys (what ffmpeg's
`use_metadata_tags` and ComfyUI write) or plainly in moov/udta (QuickTime). Each level is walked by its own function, so
nothing recurses. Knows no workflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from .embedded_exif import exif_texts
from .embedded_source import MAX_PARTS, MAX_TEXT_BYTES, Damaged, Source, Texts, decoded

__all__ = ["avif_texts", "mp4_texts"]

_NAMES: Mapping[bytes, str] = MappingProxyType(
    {b"\xa9cmt": "comment", b"desc": "description", b"ldes": "description", b"\xa9des": "description"}
)


class _Box(NamedTuple):
    kind: bytes
    begin: int  # of the body
    end: int


def mp4_texts(source: Source) -> Texts:
    """Yield the tags of an MP4, MOV or M4A file. Raises Damaged when it ends too early."""
    for top in _boxes(source, 0, source.size):
        if top.kind != b"moov":
            continue
        for box in _boxes(source, top.begin, top.end):
            if box.kind == b"meta":
                yield from _meta(source, box)
            elif box.kind == b"udta":
                for inner in _boxes(source, box.begin, box.end, whole=False):
                    if inner.kind == b"meta":
                        yield from _meta(source, inner)
                    elif inner.kind in _NAMES:
                        length = source.number(inner.begin, 2)  # QuickTime: length, language, text
                        yield _NAMES[inner.kind], decoded(source.at(inner.begin + 4, length))


def avif_texts(source: Source) -> Texts:
    """Yield the texts of the EXIF items of an AVIF or HEIF file. Raises Damaged when it ends too early."""
    for top in _boxes(source, 0, source.size):
        if top.kind != b"meta":
            continue
        parts = {box.kind: box for box in _boxes(source, top.begin + 4, top.end)}
        if b"iinf" not in parts or b"iloc" not in parts:
            return
        wanted = _exif_items(source, parts[b"iinf"])
        for item, place, length in _extents(source, parts[b"iloc"]):
            if item in wanted and length > 4:
                data = source.at(place, length)
                yield from exif_texts(data[4 + int.from_bytes(data[:4], "big") :])
        return


def _boxes(source: Source, begin: int, end: int, *, whole: bool = True) -> Iterator[_Box]:
    """Yield the boxes between two places. whole: the last one may not be cut, and may not be followed by filling."""
    place = begin
    for _ in range(MAX_PARTS):
        if place == end or (not whole and end - place < 8):  # QuickTime ends a list with four zero bytes
            return
        length, kind, head = source.number(place, 4), source.at(place + 4, 4), 8
        if length == 1:
            length, head = source.number(place + 8, 8), 16
        elif length == 0:  # to the end of the file
            length = end - place
        if length < head or place + length > end:
            raise Damaged(f"a box of {length} bytes where {end - place} are left")
        yield _Box(kind, place + head, place + length)
        place += length
    raise Damaged("too many boxes")


def _meta(source: Source, box: _Box) -> Texts:
    """Yield the tags of a meta box, which in QuickTime files lacks the four bytes of version and flags."""
    begin = box.begin + (0 if source.at(box.begin + 4, 4) == b"hdlr" else 4)
    parts = {inner.kind: inner for inner in _boxes(source, begin, box.end)}
    if b"ilst" not in parts:
        return
    keys = _keys(source, parts[b"keys"]) if b"keys" in parts else []
    for item in _boxes(source, parts[b"ilst"].begin, parts[b"ilst"].end):
        number = int.from_bytes(item.kind, "big")
        name = keys[number - 1] if 0 < number <= len(keys) else _NAMES.get(item.kind, "")
        text = None
        for inner in _boxes(source, item.begin, item.end):
            if inner.kind == b"name":  # of a free-form item "----"
                name = decoded(source.at(inner.begin + 4, inner.end - inner.begin - 4)).lower()
            elif inner.kind == b"data":
                kind = source.number(inner.begin, 4) & 0xFFFFFF
                raw = source.at(inner.begin + 8, inner.end - inner.begin - 8)
                text = raw.decode("utf-16-be", "replace") if kind == 2 else decoded(raw)
        if name and text is not None:
            yield name, text


def _keys(source: Source, box: _Box) -> list[str]:
    """Return the names of a table of keys; of "com.apple.quicktime.comment" only the last part."""
    count, place, found = source.number(box.begin + 4, 4), box.begin + 8, list[str]()
    for _ in range(min(count, MAX_PARTS)):
        length = source.number(place, 4)
        if length < 8 or place + length > box.end:
            raise Damaged("a key that leaves its table")
        found.append(decoded(source.at(place + 8, min(length - 8, 1024))).lower().rpartition(".")[2])
        place += length
    return found


def _exif_items(source: Source, box: _Box) -> set[int]:
    """Return the numbers of the items that are EXIF data."""
    begin = box.begin + (6 if source.number(box.begin, 1) == 0 else 8)
    found = set()
    for entry in _boxes(source, begin, box.end):
        version = source.number(entry.begin, 1)
        if entry.kind == b"infe" and version in (2, 3):
            width = 2 if version == 2 else 4
            if source.at(entry.begin + 6 + width, 4) == b"Exif":
                found.add(source.number(entry.begin + 4, width))
    return found


def _extents(source: Source, box: _Box) -> Iterator[tuple[int, int, int]]:
    """Yield number, place and length of every part of every item that lies in the file itself."""
    data = source.at(box.begin, min(box.end - box.begin, MAX_TEXT_BYTES))
    place = 0

    def take(count: int) -> int:
        nonlocal place
        place += count
        if place > len(data):
            raise Damaged("a table of places that ends too early")
        return int.from_bytes(data[place - count : place], "big")

    version = take(1)
    take(3)
    first, second = take(1), take(1)
    wide = 2 if version < 2 else 4
    for _ in range(min(take(wide), MAX_PARTS)):
        item = take(wide)
        method = take(2) & 15 if version in (1, 2) else 0
        take(2)
        base = take(second >> 4)
        for _ in range(take(2)):
            if version in (1, 2):
                take(second & 15)
            offset, length = take(first >> 4), take(first & 15)
            if method == 0:
                yield item, base + offset, length
