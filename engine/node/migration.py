"""Migration: how a node's entry in an older file becomes one of the version after it, as data beside the declaration.

Plain data like the rest of a spec, so that reading an old file imports no node. Knows nothing of graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Migration"]


@dataclass(frozen=True, slots=True)
class Migration:
    """What changed between `from_version` and the next: applied in this order to each node of an older file.

    renamed: inputs, old name to new. values: input (its new name) to {old value: new one}, keys as JSON texts ("1",
    "true"); for choices that were renamed. added: inputs that did not exist, with the value that keeps the old result;
    given ones stay. dropped: inputs that are gone. slots: outputs that moved, old number to new, keys as texts; None as
    the new number cuts the wire.
    """

    from_version: int
    renamed: Mapping[str, str] = field(default_factory=dict, hash=False)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    added: Mapping[str, Any] = field(default_factory=dict, hash=False)
    dropped: tuple[str, ...] = ()
    slots: Mapping[str, int | None] = field(default_factory=dict, hash=False)
