"""Memo: what a node that evaluates a sub-graph again and again must not have computed again.

It lives as long as the node runs, so that a model is loaded once even when no cache has room for it. Knows only keys.
"""

from __future__ import annotations

from typing import Any

from ..graph.graph import Graph
from .cache import Cache

__all__ = ["Memo"]


class Memo:
    """`constant`: results that do not depend on the placeholders, by key. `cache`: where the executor has none.

    `checked`: graphs that need no validation, since they were cut from a valid one or were checked before.
    """

    def __init__(self) -> None:
        self.constant: dict[str, dict[str, Any]] = {}
        self.cache: Cache | None = None
        self.checked: list[Graph] = []
