"""Text normalised as SentencePiece does it before it looks for pieces.

The rules travel with a vocabulary as a "charsmap": a double-array trie (Yata et al. 2007, in the layout of
darts-clone) over UTF-8, whose values point into a list of replacements. Knows nothing of vocabularies or files.
Source: Kudo & Richardson 2018 (SentencePiece); NMT-NFKC is its normalisation of that name.
"""

from __future__ import annotations

import struct
import unicodedata
from dataclasses import dataclass
from typing import Self

__all__ = ["Charsmap", "nmt_nfkc"]

LABEL = 1 << 31 | 0xFF  # of a unit: its byte; a unit that holds a value has the high bit set and matches none
VALUE = (1 << 31) - 1

NMT_DROPPED = (*range(0x01, 0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F)
NMT_SPACES = (
    0x09, 0x0A, 0x0C, 0x0D, 0x061C, 0x1680, 0x200B, 0x200C, 0x200E, 0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD,
)  # fmt: skip
NMT = {**dict.fromkeys(NMT_DROPPED), **dict.fromkeys(NMT_SPACES, " ")}
FULL_WIDTH_TILDE = "\uff5e"  # NMT-NFKC keeps it, NFKC makes it "~"


@dataclass(frozen=True, slots=True)
class Charsmap:
    """Replacements of character sequences, the longest that fits at each place."""

    units: tuple[int, ...]
    replacements: bytes

    @classmethod
    def parse(cls, blob: bytes) -> Self:
        """Read a vocabulary's charsmap. Raises: ValueError when it is none."""
        if len(blob) < 4:
            raise ValueError(f"a charsmap of {len(blob)} bytes")
        size = int.from_bytes(blob[:4], "little")
        if not size or size % 4 or 4 + size > len(blob):
            raise ValueError(f"a charsmap whose trie of {size} bytes does not fit its {len(blob)}")
        return cls(struct.unpack_from(f"<{size // 4}I", blob, 4), blob[4 + size :])

    def apply(self, text: str) -> str:
        """Return the text with every replacement made; half a surrogate pair reads as "?"."""
        source = text.encode("utf-8", "replace")
        out = bytearray()
        at = 0
        while at < len(source):
            length, replacement = self.longest(source, at)
            if not length:
                length = utf8_length(source[at])
                replacement = source[at : at + length]
            out += replacement
            at += length
        return out.decode("utf-8", "replace")

    def longest(self, source: bytes, start: int) -> tuple[int, bytes]:
        """Return how many bytes from `start` on are replaced, and by what; 0 where nothing fits."""
        units = self.units
        place = offset(units[0])
        length, value = 0, 0
        for at in range(start, len(source)):
            place ^= source[at]
            if place >= len(units) or units[place] & LABEL != source[at]:
                break
            unit = units[place]
            place ^= offset(unit)
            if unit >> 8 & 1 and place < len(units):  # something ends here; the unit it points to holds the value
                length, value = at + 1 - start, units[place] & VALUE
        end = self.replacements.find(b"\0", value)
        return length, self.replacements[value:end] if end >= 0 else b""


def offset(unit: int) -> int:
    """Return where a unit's children lie, to be combined with a byte by exclusive or."""
    return unit >> 10 << ((unit & 1 << 9) >> 6)


def utf8_length(first: int) -> int:
    """Return how many bytes the character has that begins with this one."""
    return 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


def nmt_nfkc(text: str) -> str:
    """Return the text in NMT-NFKC by this Python's Unicode tables, for vocabularies that carry no charsmap.

    Differs: SentencePiece's map replaces fixed sequences, so a pile of combining marks keeps its order there; and its
    Unicode is newer or older than ours. Single characters agree but for some hundred assigned of late.
    """
    whole = text.encode("utf-8", "replace").decode("utf-8").translate(NMT)
    return FULL_WIDTH_TILDE.join(unicodedata.normalize("NFKC", part) for part in whole.split(FULL_WIDTH_TILDE))
