"""The tags of WebM and Matroska files: EBML elements, of which only those that lead to a tag are opened.

Walked as one flat row: a wanted element that holds others is stepped into, every other is skipped by its length.
Knows no workflow.
"""

from __future__ import annotations

from .embedded_source import MAX_PARTS, Damaged, Source, Texts, decoded

__all__ = ["webm_texts"]

_SEGMENT, _TAGS, _TAG, _SIMPLE_TAG, _NAME, _TEXT = 0x18538067, 0x1254C367, 0x7373, 0x67C8, 0x45A3, 0x4487
_OPENED = (_SEGMENT, _TAGS, _TAG, _SIMPLE_TAG)


def webm_texts(source: Source) -> Texts:
    """Yield the tags of a WebM or Matroska file. Raises Damaged when it ends too early."""
    place, name = 0, ""
    for _ in range(MAX_PARTS):
        if place >= source.size:
            return
        head = source.at(place, min(12, source.size - place))
        kind, id_length = _number(head, keep_mark=True, longest=4)
        length, size_length = _number(head[id_length:], keep_mark=False, longest=8)
        body = place + id_length + size_length
        unknown = length == (1 << 7 * size_length) - 1  # a stream whose writer did not know yet
        if kind in _OPENED or unknown:
            place = body
            if kind == _SIMPLE_TAG:
                name = ""
            continue
        if kind == _NAME:
            name = decoded(source.at(body, min(length, 1024))).lower()
        elif kind == _TEXT and name:
            yield name, decoded(source.at(body, length))
        place = body + length
        if place > source.size:
            raise Damaged("an element that leaves the file")
    raise Damaged("too many elements")


def _number(data: bytes, *, keep_mark: bool, longest: int) -> tuple[int, int]:
    """Return a number of variable length and its length; its first set bit tells the length."""
    if not data or not data[0]:
        raise Damaged("no number where one must be")
    length = 9 - data[0].bit_length()
    if length > longest or length > len(data):
        raise Damaged("a number that is too long")
    value = int.from_bytes(data[:length], "big")
    return (value if keep_mark else value & ((1 << 7 * length) - 1)), length
