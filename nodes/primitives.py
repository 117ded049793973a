"""Plain values as nodes, so that one of them can feed many inputs."""

from __future__ import annotations

from typing import Annotated

from ..engine.node.declare import node
from ..engine.node.widget import Float, Int, Text

LIMIT = 2**63 - 1


@node("PrimitiveInt", title="Int", category="utils/primitive", lane="cpu")
def primitive_int(*, value: Annotated[int, Int(-LIMIT, LIMIT, control=True)]) -> int:
    """Hand on a whole number."""
    return value


@node("PrimitiveFloat", title="Float", category="utils/primitive", lane="cpu")
def primitive_float(*, value: Annotated[float, Float(-float(LIMIT), float(LIMIT))]) -> float:
    """Hand on a number."""
    return float(value)


@node("PrimitiveString", title="String", category="utils/primitive", lane="cpu")
def primitive_string(*, value: str) -> str:
    """Hand on a text."""
    return value


@node("PrimitiveStringMultiline", title="String (Multiline)", category="utils/primitive", lane="cpu")
def primitive_string_multiline(*, value: Annotated[str, Text(multiline=True)]) -> str:
    """Hand on a text of several lines."""
    return value


@node("PrimitiveBoolean", title="Boolean", category="utils/primitive", lane="cpu")
def primitive_boolean(*, value: bool) -> bool:
    """Hand on yes or no."""
    return value
