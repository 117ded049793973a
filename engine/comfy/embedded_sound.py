"""The tags of sound files: Vorbis comments in FLAC and OGG, ID3 in MP3.

Knows no workflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .embedded_source import MAX_PARTS, MAX_TEXT_BYTES, Damaged, Source, Texts, decoded

__all__ = ["flac_texts", "mp3_texts", "ogg_texts"]

_VORBIS_COMMENT = 4  # the type of a FLAC block
_SETS: Mapping[int, str] = MappingProxyType({0: "latin-1", 1: "utf-16", 2: "utf-16-be", 3: "utf-8"})


def flac_texts(source: Source) -> Texts:
    """Yield the comments of a FLAC file. Raises Damaged when it ends too early."""
    place = 4
    for _ in range(MAX_PARTS):
        head, length = source.number(place, 1), source.number(place + 1, 3)
        if head & 127 == _VORBIS_COMMENT:
            yield from _comments(source.at(place + 4, length))
        if head & 128:
            return
        place += 4 + length


def ogg_texts(source: Source) -> Texts:
    """Yield the comments of an OGG file (Vorbis, Opus, FLAC). Raises Damaged when it ends too early."""
    packet = _second_packet(source)
    for beginning in (b"\x03vorbis", b"OpusTags"):
        if packet.startswith(beginning):
            yield from _comments(packet[len(beginning) :])
            return
    if packet[:1] and packet[0] & 127 == _VORBIS_COMMENT:
        yield from _comments(packet[4:])


def mp3_texts(source: Source) -> Texts:
    """Yield the comments and free texts of the ID3 tag at a file's beginning. Raises Damaged when it is cut."""
    version, flags, length = source.number(3, 1), source.number(5, 1), _syncsafe(source.at(6, 4))
    data = source.at(10, length)
    if version not in (3, 4):
        raise Damaged(f"an ID3 tag of version {version}")
    if flags & 0x80 and version == 3:  # zeros were put in so that no player takes the tag for sound
        data = data.replace(b"\xff\x00", b"\xff")
    place = 0
    if flags & 0x40:
        place = int.from_bytes(data[:4], "big") + 4 if version == 3 else _syncsafe(data[:4])
    for _ in range(MAX_PARTS):
        name, size = data[place : place + 4], data[place + 4 : place + 8]
        if len(size) < 4 or name == bytes(4):
            return
        count = _syncsafe(size) if version == 4 else int.from_bytes(size, "big")
        body = data[place + 10 : place + 10 + count]
        if len(body) < count:
            raise Damaged("a frame that leaves its tag")
        if name in (b"TXXX", b"COMM") and body:
            title, text = _two(body[0], body[1 if name == b"TXXX" else 4 :])
            yield title.lower() or "comment", text
        place += 10 + count


def _comments(data: bytes) -> Texts:
    """Yield a list of "NAME=text" with little-endian lengths, behind the name of the program that wrote it."""
    place = 4 + int.from_bytes(data[:4], "little")
    count = int.from_bytes(data[place : place + 4], "little")
    place += 4
    for _ in range(min(count, MAX_PARTS)):
        length = int.from_bytes(data[place : place + 4], "little")
        entry = data[place + 4 : place + 4 + length]
        if len(data) < place + 4 + length:
            raise Damaged("a comment that leaves its list")
        name, equals, text = entry.partition(b"=")
        if equals:
            yield decoded(name).lower(), decoded(text)
        place += 4 + length


def _second_packet(source: Source) -> bytes:
    """Return the second packet of the first stream, put together from its pages."""
    place, serial, complete, size = 0, b"", 0, 0
    pieces: list[bytes] = []
    for _ in range(MAX_PARTS):
        head = source.at(place, 27)
        if head[:4] != b"OggS":
            raise Damaged("no page where one must be")
        lengths = source.at(place + 27, head[26])
        body = place + 27 + head[26]
        place = body + sum(lengths)
        serial = serial or head[14:18]
        if head[14:18] != serial:
            continue
        for length in lengths:
            if complete == 1:
                pieces.append(source.at(body, length))
                size += length
            body += length
            if length < 255:
                complete += 1
            if complete == 2:
                return b"".join(pieces)
            if size > MAX_TEXT_BYTES:
                raise Damaged("comments without an end")
    raise Damaged("too many pages")


def _syncsafe(data: bytes) -> int:
    """Return a number of which each byte holds seven bits."""
    value = 0
    for byte in data:
        value = value << 7 | (byte & 127)
    return value


def _two(charset: int, data: bytes) -> tuple[str, str]:
    """Return the two texts of a frame, which a zero character parts."""
    name = _SETS.get(charset, "latin-1")
    zero, wide = (b"\x00\x00", 2) if charset in (1, 2) else (b"\x00", 1)
    cut = data.find(zero)
    while cut > 0 and cut % wide:  # a zero that is half of one letter and half of the next
        cut = data.find(zero, cut + 1)
    first, second = (data[:cut], data[cut + wide :]) if cut >= 0 else (b"", data)
    return first.decode(name, "replace").strip("\x00"), second.decode(name, "replace").strip("\x00")
