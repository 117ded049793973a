"""Vocabularies of the Unigram kind, from `tokenizer.json` or `spiece.model`.

The second is a protocol buffer, of which the few fields needed are read here. Knows nothing of text or where the
files are kept. Sources: Hugging Face's JSON of tokenizers; SentencePiece's sentencepiece_model.proto.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError

__all__ = ["Unigram", "read_unigram"]

LIMIT_BYTES = 64 * 2**20  # T5's files have 0.8 and 2.4 MB
NORMAL, UNKNOWN, DEFINED = 1, 2, 4  # kinds of pieces in a protocol buffer
BROKEN = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, binascii.Error, struct.error)


@dataclass(frozen=True, slots=True)
class Unigram:
    """Pieces of text with their log probabilities."""

    names: tuple[str, ...]
    """Every piece by its number, those that text never makes too."""
    scores: Mapping[str, tuple[int, float]]
    """{piece: (its number, its log probability)} of those that text is made of."""
    unknown: int
    """Number that stands for characters outside the vocabulary."""
    charsmap: bytes | None
    """How text is normalised first, or None where the file does not say."""


def read_unigram(path: Path) -> Unigram:
    """Read a vocabulary; what the file is shows in its first byte.

    Raises: UserError M061 when it is no Unigram vocabulary or larger than 64 MiB.
    """
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise ValueError(f"more than {LIMIT_BYTES // 2**20} MiB")
        data = path.read_bytes()
        return from_json(json.loads(data)) if data[:1] == b"{" else from_protobuf(data)
    except BROKEN as error:
        raise UserError(
            "M061",
            where=f'"{path.name}"',
            expected="a Unigram vocabulary: T5's tokenizer.json or spiece.model",
            got=f"something else ({type(error).__name__}: {error})"[:120],
            fix="Take the file from where the T5 weights came from.",
        ) from error


def from_json(data: Mapping[str, Any]) -> Unigram:
    """Return the vocabulary of a parsed tokenizer.json."""
    model = data["model"]
    if model.get("type", "Unigram") != "Unigram":
        raise ValueError(f"a {model['type']} model")
    special = {token["content"] for token in data.get("added_tokens") or ()}
    pieces = [(str(name), float(score)) for name, score in model["vocab"]]
    unknown = int(model["unk_id"])
    usual = [i for i, (name, _) in enumerate(pieces) if name not in special and i != unknown]
    return unigram(pieces, usual, unknown, json_charsmap(data.get("normalizer")))


def json_charsmap(normalizer: Any) -> bytes | None:
    """Return the charsmap among a tokenizer.json's normalizers."""
    if normalizer is None:
        return None
    if normalizer["type"] == "Sequence":
        found = (json_charsmap(part) for part in normalizer["normalizers"])
        return next((blob for blob in found if blob is not None), None)
    if normalizer["type"] == "Precompiled" and normalizer["precompiled_charsmap"]:
        return base64.b64decode(normalizer["precompiled_charsmap"], validate=True)
    return None


def from_protobuf(data: bytes) -> Unigram:
    """Return the vocabulary of a spiece.model: fields 1 the pieces, 2 how it was trained, 3 the normaliser."""
    pieces: list[tuple[str, float]] = []
    kinds: list[int] = []
    charsmap: bytes | None = None
    for number, value in fields(data):
        if number == 1:
            piece = dict(fields(as_bytes(value)))
            score = struct.unpack("<f", as_bytes(piece.get(2, bytes(4))))[0]
            pieces.append((as_bytes(piece[1]).decode("utf-8"), score))
            kinds.append(as_int(piece.get(3, NORMAL)))
        elif number == 2 and dict(fields(as_bytes(value))).get(3, 1) != 1:
            raise ValueError("a SentencePiece model that is not Unigram")
        elif number == 3:
            charsmap = as_bytes(dict(fields(as_bytes(value))).get(2, b"")) or None
    usual = [i for i, kind in enumerate(kinds) if kind in (NORMAL, DEFINED)]
    return unigram(pieces, usual, kinds.index(UNKNOWN), charsmap)


def unigram(pieces: list[tuple[str, float]], usual: Iterable[int], unknown: int, charsmap: bytes | None) -> Unigram:
    """Return the vocabulary. Raises: ValueError where a number is none or a place is outside."""
    if not 0 <= unknown < len(pieces):
        raise ValueError(f"unknown is {unknown} of {len(pieces)} pieces")
    scores = {pieces[i][0]: (i, pieces[i][1]) for i in usual if pieces[i][0]}
    if not scores or not all(math.isfinite(score) for _, score in scores.values()):
        raise ValueError("pieces without finite scores")
    return Unigram(tuple(name for name, _ in pieces), scores, unknown, charsmap)


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a message in order: whole numbers, or bytes (fixed32 and fixed64 as their bytes).

    Raises: ValueError for what is no message.
    """
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            number, at = varint(data, at)
            yield tag >> 3, number
            continue
        if kind == 2:
            length, at = varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"field type {kind} at byte {at}")
        if at + length > len(data):
            raise ValueError(f"a field of {length} bytes ends after the file")
        yield tag >> 3, data[at : at + length]
        at += length


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins there, seven bits a byte, lowest first, and where it ends."""
    number = 0
    for i, byte in enumerate(data[at : at + 10]):
        number |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return number, at + i + 1
    raise ValueError(f"no number at byte {at}")


def as_bytes(value: int | bytes) -> bytes:
    """Return a field that must be bytes. Raises: ValueError."""
    if not isinstance(value, bytes):
        raise ValueError("a number where bytes belong")
    return value


def as_int(value: int | bytes) -> int:
    """Return a field that must be a number. Raises: ValueError."""
    if not isinstance(value, int):
        raise ValueError("bytes where a number belongs")
    return value
