"""Store: how a cache measures, moves and keeps values; and the one for plain Python values.

The cache knows no tensors: whatever depends on what a value is comes through this protocol. The torch side has its own
store, built on this one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from .ledger import RAM, Part
from .lists import Many

__all__ = ["PlainStore", "Store", "Unsavable", "decode", "encode"]

_LARGE = 1024  # bytes from which an object is counted by itself


class Unsavable(Exception):
    """A value that cannot be moved or written, such as a model: it is kept as it is, or let go."""


class Store(Protocol):
    """What the cache must be told about values."""

    def measure(self, value: Any) -> tuple[Part, ...]:
        """Return the storages of a value, each once; what cannot be shared may be one part with an id of its own."""

    def to_host(self, value: Any) -> Any:
        """Return an equal value that holds only RAM, to be given to `to_device` later. Raises Unsavable."""

    def to_device(self, packed: Any) -> Any:
        """Return the value that `to_host` was given, bit for bit and where it was."""

    def save(self, value: Any, path: Path) -> dict[str, Any]:
        """Write the bulk of a value to the new file `path` (or not at all) and return the rest as JSON data.

        Raises Unsavable, OSError.
        """

    def load(self, path: Path, rest: Mapping[str, Any]) -> Any:
        """Return the value that `save` was given, bit for bit. Raises ValueError or OSError for a damaged one."""

    def holds_model(self, value: Any) -> bool:
        """Tell whether a value holds networks, somewhere in it: what `Cache.clear_models` lets go."""

    def digest(self, value: Any) -> str | None:
        """Return a text that names the content of a value, equal only for equal content; None if there is none."""

    def memory(self) -> dict[str, int]:
        """Return the bytes in use now, by name: "rss", "device"."""


class PlainStore:
    """A store for values of plain Python, nested in lists, tuples and mappings; all of them live in RAM."""

    def measure(self, value: Any) -> tuple[Part, ...]:
        """Return a part for each large object, so that sharing it counts once, and one for all the small ones."""
        small = 0
        large: list[Part] = []
        seen: set[int] = set()
        stack = [value]
        while stack:
            item = stack.pop()
            if id(item) in seen:
                continue
            seen.add(id(item))
            size = sys.getsizeof(item)
            if size >= _LARGE:
                large.append(Part(("object", id(item)), size, RAM))
            else:
                small += size
            if isinstance(item, Mapping):
                stack.extend(item.keys())
                stack.extend(item.values())
            elif isinstance(item, (list, tuple, set, frozenset)):
                stack.extend(item)
        return (*large, Part(("small", id(value)), small, RAM)) if small else tuple(large)

    def to_host(self, value: Any) -> Any:
        """Return the value: it is in RAM."""
        return value

    def to_device(self, packed: Any) -> Any:
        """Return the value: it never left RAM."""
        return packed

    def save(self, value: Any, path: Path) -> dict[str, Any]:
        """Return all of the value as JSON data; writes no file. Raises Unsavable."""
        return {"value": encode(value)}

    def load(self, path: Path, rest: Mapping[str, Any]) -> Any:
        """Read what `save` returned. Raises ValueError for foreign data."""
        return decode(rest["value"])

    def holds_model(self, value: Any) -> bool:
        """False: plain values are no models."""
        return False

    def digest(self, value: Any) -> str | None:
        """Return a hash of what `save` would write, or None for other objects."""
        try:
            text = json.dumps(encode(value))
        except (Unsavable, RecursionError):
            return None
        return blake2b(text.encode(), digest_size=16).hexdigest()

    def memory(self) -> dict[str, int]:
        """Return the resident bytes of the process where the system tells them."""
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return {}
        return {"rss": pages * 4096}


def encode(value: Any, leaf: Any = None) -> Any:
    """Return `value` as JSON data that `decode` reads back to an equal value of the same types.

    leaf: turns a value of another type into JSON data under its own tag, or raises Unsavable.
    """
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return value if abs(value) < 2**53 else {"int": hex(value)}
    if kind is float:
        return {"float": value.hex()}
    if kind in (list, tuple, Many):
        tag = "list" if kind is list else "tuple" if kind is tuple else "many"
        return {tag: [encode(item, leaf) for item in value]}
    if kind is dict:
        return {"dict": [[encode(key, leaf), encode(item, leaf)] for key, item in value.items()]}
    if kind is bytes:
        return {"bytes": value.hex()}
    if leaf is not None:
        return leaf(value)
    raise Unsavable(kind.__qualname__)


def decode(data: Any, leaf: Any = None) -> Any:
    """Read what `encode` wrote. Raises ValueError for foreign data."""
    if not isinstance(data, dict):
        return data
    if len(data) != 1:
        raise ValueError("not a value of ours")
    tag, inner = next(iter(data.items()))
    if tag == "int":
        return int(inner, 16)
    if tag == "float":
        return float.fromhex(inner)
    if tag in ("list", "tuple", "many"):
        items = [decode(item, leaf) for item in inner]
        return items if tag == "list" else tuple(items) if tag == "tuple" else Many(items)
    if tag == "dict":
        return {decode(key, leaf): decode(item, leaf) for key, item in inner}
    if tag == "bytes":
        return bytes.fromhex(inner)
    if leaf is not None:
        return leaf(tag, inner)
    raise ValueError(f"unknown tag {tag!r}")
