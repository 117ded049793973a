"""Widgets: how a literal input is entered, and which literals are legal.

Each widget is data (JSON-ready through `dataclasses.asdict` plus its `kind`), used inside `Annotated[...]`:
`steps: Annotated[int, Int(1, 10000)] = 20`. Knows nothing of graphs or torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = ["Bool", "Choice", "File", "Float", "Int", "Seed", "Slider", "Text", "Widget"]


@dataclass(frozen=True, slots=True)
class Int:
    """A whole number in [min, max] on a grid of `step`."""

    kind: ClassVar[str] = "int"
    type: ClassVar[str] = "INT"
    min: int = -(2**63) + 1
    max: int = 2**63 - 1
    step: int = 1
    control: bool = False  # offers control-after-generate: fixed, increment, decrement, randomize


@dataclass(frozen=True, slots=True)
class Seed:
    """A random seed with control-after-generate; never left to chance by the engine itself."""

    kind: ClassVar[str] = "seed"
    type: ClassVar[str] = "INT"
    min: int = 0
    max: int = 2**64 - 1
    step: int = 1
    control: bool = True


@dataclass(frozen=True, slots=True)
class Float:
    """A finite real number in [min, max]; `step` and `round` are for the editor (None: no rounding)."""

    kind: ClassVar[str] = "float"
    type: ClassVar[str] = "FLOAT"
    min: float = -(2.0**63)
    max: float = 2.0**63
    step: float = 0.01
    round: float | None = None
    display: str = "number"


def Slider(min: float, max: float, step: float = 0.01, round: float | None = None) -> Float:
    """Return a `Float` that the editor shows as a slider."""
    return Float(min, max, step, round, "slider")


@dataclass(frozen=True, slots=True)
class Bool:
    """A switch."""

    kind: ClassVar[str] = "bool"
    type: ClassVar[str] = "BOOLEAN"
    label_on: str = ""
    label_off: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A string. `prompt` marks text with weights and {a|b} alternatives; `force_input` asks for a wire."""

    kind: ClassVar[str] = "text"
    type: ClassVar[str] = "STRING"
    multiline: bool = False
    prompt: bool = False
    force_input: bool = False
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `options`, which are strings, or numbers."""

    kind: ClassVar[str] = "choice"
    type: ClassVar[str] = "COMBO"
    options: tuple[str | int | float, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file of a data folder ("checkpoints", "input", ...), named relative to it; `extensions` filter the list."""

    kind: ClassVar[str] = "file"
    type: ClassVar[str] = "COMBO"
    folder: str = "input"
    extensions: tuple[str, ...] = ()
    upload: bool = False


Widget = Int | Seed | Float | Bool | Text | Choice | File
