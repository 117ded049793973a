"""The texts of a PNG file: its tEXt, zTXt and iTXt chunks, before or behind the pixels, and its EXIF chunk.

Pixels are skipped unread and checksums are not looked at: a text that was damaged is no JSON. Knows no workflow.
"""

from __future__ import annotations

import zlib

from .embedded_exif import exif_texts
from .embedded_source import MAX_PARTS, MAX_TEXT_BYTES, Damaged, Source, Texts, decoded

__all__ = ["SIGNATURE", "png_texts"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_texts(source: Source) -> Texts:
    """Yield the texts of a PNG file. Raises Damaged when it ends too early."""
    place = len(SIGNATURE)
    for _ in range(MAX_PARTS):
        length, kind = source.number(place, 4), source.at(place + 4, 4)
        if kind == b"IEND":
            return
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, _, rest = source.at(place + 8, length).partition(b"\x00")
            text = _text(kind, rest)
            if text is not None:
                yield decoded(keyword).lower(), text
        elif kind == b"eXIf":
            yield from exif_texts(source.at(place + 8, length))
        place += 12 + length
    raise Damaged("too many chunks")


def _text(kind: bytes, rest: bytes) -> str | None:
    """Return what stands behind a chunk's keyword; None when it cannot be unpacked."""
    if kind == b"tEXt":
        return decoded(rest)
    if kind == b"zTXt":
        plain = _inflated(rest[1:])
        return None if plain is None else decoded(plain)
    packed, (_, _, text) = rest[:1] == b"\x01", _three(rest[2:])
    plain = _inflated(text) if packed else text
    return None if plain is None else decoded(plain)


def _three(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return language, translated keyword and text of an iTXt chunk."""
    language, _, rest = data.partition(b"\x00")
    keyword, _, text = rest.partition(b"\x00")
    return language, keyword, text


def _inflated(data: bytes) -> bytes | None:
    """Return the unpacked data; None when it is no zlib stream or grows beyond the limit."""
    try:
        plain = zlib.decompressobj().decompress(data, MAX_TEXT_BYTES + 1)
    except zlib.error:
        return None
    return plain if len(plain) <= MAX_TEXT_BYTES else None
