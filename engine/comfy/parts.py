"""The parts of a ComfyUI UI file as read: nodes, slots, links, groups, subgraph definitions.

Every part is sound by type, whatever the file held, and keeps the raw entry it came from. Reads no file, knows no
registry; `document` makes these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "BYPASSED",
    "INPUT_NODE",
    "MUTED",
    "OUTPUT_NODE",
    "Definition",
    "Document",
    "HostWidget",
    "Layer",
    "UiGroup",
    "UiLink",
    "UiNode",
    "UiSlot",
]

MUTED, BYPASSED = 2, 4  # the two modes that matter; 0, 1 (on event) and 3 (on trigger) run
INPUT_NODE, OUTPUT_NODE = "-10", "-20"  # a subgraph's own ends, as its links name them


@dataclass(frozen=True, slots=True)
class UiSlot:
    """An input or output. `type`: "*" for any, "COMBO" for a list of choices. `link`: id of what feeds an input.

    widget: name of the widget that the input stands for, None for a plain socket.
    """

    name: str
    type: str = "*"
    link: str | None = None
    widget: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class UiLink:
    """One wire; ids as text. `origin` is INPUT_NODE, `target` OUTPUT_NODE at a subgraph's ends."""

    id: str
    origin: str
    origin_slot: int
    target: str
    target_slot: int
    type: str = "*"


@dataclass(frozen=True, slots=True)
class UiNode:
    """One node. `values`: `widgets_values` as it stands. `named`: `widgets_values_named`, None without.

    index: place in the raw list of nodes.
    """

    id: str
    type: str
    mode: int = 0
    inputs: tuple[UiSlot, ...] = ()
    outputs: tuple[UiSlot, ...] = ()
    values: Any = None
    named: Mapping[str, Any] | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    index: int = 0
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def pos(self) -> tuple[float, float]:
        """Place on the canvas; (0, 0) where the file has none."""
        return _pair(self.raw.get("pos"))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, from a list or from `{"0": w, "1": h}`; (0, 0) where the file has none."""
        return _pair(self.raw.get("size"))


@dataclass(frozen=True, slots=True)
class UiGroup:
    """A coloured frame; who is in it follows from the geometry."""

    title: str
    bounding: tuple[float, float, float, float]
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class HostWidget:
    """A widget that a legacy group node shows: `widget` of inner node `node`, with its extra entries in the values."""

    node: str
    widget: str
    controls: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """One canvas: the root or the inside of a subgraph. Nodes and links by id, in file order.

    place: where it is in the file ("", "definitions.subgraphs[2]."). extra: its own `extra`.
    """

    raw: Mapping[str, Any] = field(repr=False)
    nodes: Mapping[str, UiNode] = field(repr=False)
    links: Mapping[str, UiLink] = field(repr=False)
    groups: tuple[UiGroup, ...] = field(repr=False, default=())
    place: str = ""
    extra: Mapping[str, Any] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Definition(Layer):
    """What is inside a subgraph, which hosts name by `id`.

    ends: for each of `outputs`, the inner link that feeds it. widgets: of a legacy group node; None for a subgraph,
    whose widgets follow from its links.
    """

    id: str = ""
    name: str = ""
    inputs: tuple[UiSlot, ...] = ()
    outputs: tuple[UiSlot, ...] = ()
    ends: Mapping[int, UiLink] = field(repr=False, default_factory=dict)
    widgets: tuple[HostWidget, ...] | None = None

    @property
    def size(self) -> int:
        """Entries in all of its nodes, as a measure of what writing it out costs."""
        total = 1 + len(self.inputs)
        for node in self.nodes.values():
            values = len(node.values) if isinstance(node.values, (list, dict)) else 0
            total += 2 + len(node.inputs) + len(node.outputs) + values + len(node.named or ())
        return total


@dataclass(frozen=True, slots=True)
class Document(Layer):
    """A whole file: the root canvas and the definitions by id. `raw` is the parsed file, never changed."""

    definitions: Mapping[str, Definition] = field(repr=False, default_factory=dict)


def _pair(value: Any) -> tuple[float, float]:
    if isinstance(value, Mapping):
        value = [value.get("0"), value.get("1")]
    if not isinstance(value, (list, tuple)) or len(value) < 2:
        return (0.0, 0.0)
    return (number(value[0]), number(value[1]))


def number(value: Any) -> float:
    """Return a finite number, 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(value) if abs(value) < 1e15 and math.isfinite(value) else 0.0
