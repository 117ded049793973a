"""The header of a safetensors file, read and checked in full before any library sees the file.

Length, JSON, duplicate keys, types, arithmetic and exact cover are checked; no tensor data is read. Needs no torch,
so that a checker of graphs can look into files. Source: the safetensors format's specification.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError

__all__ = ["Entry", "Header", "brief_reason", "read_header", "refuse", "stamp"]

HEADER_LIMIT = 32 * 2**20  # a header of that size would name half a million tensors
SIZES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E5M2": 1,
    "F8_E4M3": 1,
    "F8_E8M0": 1,
    "U16": 2,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "U32": 4,
    "I32": 4,
    "F32": 4,
    "U64": 8,
    "I64": 8,
    "F64": 8,
    "C64": 8,
}
RANK_LIMIT = 16
NUMBER_LIMIT = 2**63  # of an offset or a product of dimensions


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of a header: type name, shape, and where its bytes lie after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """A checked header."""

    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]
    stamp: tuple[int, int]
    """Size and modification time of the file when it was checked."""


def read_header(path: Path) -> Header:
    """Read and check a safetensors header; reads no tensor data, and nothing before the lengths agree.

    Raises: UserError M010..M013.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        size = status.st_size
        prefix = file.read(8)
        if len(prefix) < 8:
            raise refuse("M010", path, "at least 8 bytes", f"{len(prefix)}")
        length = int.from_bytes(prefix, "little")
        limit = min(size - 8, HEADER_LIMIT)
        if not 2 <= length <= limit:
            raise refuse("M010", path, f"a header of 2 to {limit} bytes", f"a length of {length}")
        text = file.read(length)
    if len(text) != length or text[:1] != b"{":
        raise refuse("M011", path, 'a header that begins with "{"', repr(text[:1]))
    try:
        data = json.loads(text.decode("utf-8"), object_pairs_hook=unique, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise refuse("M011", path, "a header of strict JSON", brief_reason(error)) from error
    metadata = data.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise refuse("M012", path, "metadata of texts", "something else under __metadata__")
    entries = {key: read_entry(path, key, value) for key, value in data.items()}
    check_cover(path, entries, size - 8 - length)
    return Header(entries, metadata, (size, status.st_mtime_ns))


def read_entry(path: Path, key: str, value: object) -> Entry:
    """Return one tensor's checked entry."""
    name = f'tensor "{key[:60]}"'
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise refuse("M012", path, f"{name} with dtype, shape and data_offsets", "other fields")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in SIZES:
        raise refuse("M012", path, f"{name} of a known type", repr(dtype)[:40])
    if not is_counts(shape) or len(shape) > RANK_LIMIT:
        raise refuse("M012", path, f"{name} with a shape of counts", repr(shape)[:40])
    if not is_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise refuse("M012", path, f"{name} with offsets [begin, end]", repr(offsets)[:40])
    wanted = math.prod(shape) * SIZES[dtype]
    if wanted >= NUMBER_LIMIT or offsets[1] - offsets[0] != wanted:
        raise refuse("M012", path, f"{name} of {wanted} bytes", f"{offsets[1] - offsets[0]}")
    return Entry(dtype, tuple(shape), offsets[0], offsets[1])


def check_cover(path: Path, entries: Mapping[str, Entry], size: int) -> None:
    """Refuse tensors that overlap, leave gaps, or end before or after the file does."""
    position = 0
    for key, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != position:
            what = "an overlap" if entry.begin < position else "a gap"
            raise refuse("M013", path, f"tensors end to end, the next at byte {position}", f'{what} at "{key[:60]}"')
        position = entry.end
    if position != size:
        raise refuse("M013", path, f"{position} bytes of tensors", f"{size}")


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build a JSON object, refusing a repeated key: two readers might each take another one."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result


def no_constant(name: str) -> object:
    """Refuse NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{name} is not JSON")


def is_counts(value: object) -> bool:
    """Tell whether a value is a list of whole numbers, none negative or absurd."""
    return isinstance(value, list) and all(type(item) is int and 0 <= item < NUMBER_LIMIT for item in value)


def stamp(path: Path) -> tuple[int, int]:
    """Return a file's size and modification time."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def brief_reason(error: Exception) -> str:
    """Return the first line of a library's message, cut short."""
    return (str(error) or type(error).__name__).splitlines()[0][:100]


def refuse(code: str, path: Path, expected: str, got: str) -> UserError:
    """Return the error for a malformed safetensors file."""
    return UserError(
        code,
        where=f'"{path.name}"',
        expected=expected,
        got=got,
        fix="The file is damaged, cut short, or no safetensors file: fetch it again.",
    )
