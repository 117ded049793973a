"""NodeSpec: everything the engine and the editor must know of a node without its code.

A spec is plain data: JSON-ready by `as_json`, read back by `from_json`, kept in the manifest. Knows nothing of graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any

from .migration import Migration
from .socket import ANY
from .widget import Bool, Choice, File, Float, Int, Seed, Text, Widget

__all__ = ["MISSING", "InputSpec", "NodeSpec", "OutputSpec", "Repeat", "from_json"]


class _Missing:
    """The absence of a default, apart from None, which may be one."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"  # copies and pickles stay this one object, as it is compared by identity


MISSING = _Missing()

_WIDGETS: Mapping[str, type] = MappingProxyType({w.kind: w for w in (Int, Seed, Float, Bool, Text, Choice, File)})


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input: its wire type(s), its widget if a literal may be given, its default.

    types: "IMAGE", a union "IMAGE,MASK", or "*". For a widget input it is the widget's type ("INT", "COMBO", ...).
    required: False when the node runs without it (the function has a default and the input is declared optional).
    hidden: one of "PROMPT", "EXTRA_PNGINFO", "UNIQUE_ID" when the engine fills it; never shown, never linked.
    """

    name: str
    types: str
    widget: Widget | None = None
    default: Any = MISSING
    required: bool = True
    lazy: bool = False
    whole_list: bool = False
    raw: bool = False
    hidden: str | None = None
    tooltip: str = ""
    facets: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output. `is_list`: the value is a list whose items are handed on one by one.

    facets_from: name of the file input whose header gives the facets (see `socket.FileFacets`).
    """

    name: str
    types: str
    is_list: bool = False
    tooltip: str = ""
    facets: Mapping[str, str] = field(default_factory=dict, hash=False)
    facets_from: str | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """The one escape hatch for inputs that are not known in advance: a node's `**name` parameter.

    pattern: "image_{n}" with n = 1, 2, ...; "*" takes any name. types: wire type of each. minimum..maximum: how many.
    """

    pattern: str = ANY
    types: str = ANY
    minimum: int = 0
    maximum: int = 64


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """The declaration of one node type.

    id: ComfyUI's class name where ComfyUI has the node, else `Loom` + PascalCase; never changes.
    effect: has a side effect or is a wanted end by itself (ComfyUI's OUTPUT_NODE).
    placeholder: stands for a value that whoever runs the graph as a sub-graph gives; a cut stops at it.
    trains: runs with gradients enabled. pure: False when the result must never be cached.
    version: part of the cache key; raise it when the same inputs give another result.
    lane: "device", "cpu" or "io": what the node mainly waits for.
    module, function: where the code is; imported only when the node first runs.
    migrations: how entries of older files become today's, a step for each version that needs one.
    """

    id: str
    title: str
    category: str
    module: str
    function: str
    inputs: tuple[InputSpec, ...] = ()
    outputs: tuple[OutputSpec, ...] = ()
    repeat: Repeat | None = None
    description: str = ""
    version: int = 1
    effect: bool = False
    trains: bool = False
    pure: bool = True
    lane: str = "device"
    wants_context: str | None = None  # the parameter that receives the Context
    is_async: bool = False
    placeholder: bool = False
    has_needs: bool = False  # declares a `needs` function for its lazy inputs
    deprecated: bool = False
    experimental: bool = False
    aliases: tuple[str, ...] = ()  # further words for the search
    former_ids: tuple[str, ...] = ()  # ids under which older files know it
    migrations: tuple[Migration, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON data; `from_json` gives an equal spec back."""
        data = asdict(self)
        for entry, spec in zip(data["inputs"], self.inputs, strict=True):
            entry["widget"] = None if spec.widget is None else {"kind": spec.widget.kind, **asdict(spec.widget)}
            if spec.default is MISSING:
                del entry["default"]
        if not self.migrations:  # as nearly everywhere
            del data["migrations"]
        return data


def from_json(data: Mapping[str, Any]) -> NodeSpec:
    """Read a spec written by `NodeSpec.as_json`. Raises KeyError or TypeError for foreign data."""
    values = dict(data)
    values["inputs"] = tuple(_input(entry) for entry in data["inputs"])
    values["outputs"] = tuple(OutputSpec(**entry) for entry in data["outputs"])
    values["repeat"] = None if data["repeat"] is None else Repeat(**data["repeat"])
    for name in ("aliases", "former_ids"):
        values[name] = tuple(data[name])
    # Absent from manifests written before there were any.
    steps = ({**step, "dropped": tuple(step["dropped"])} for step in data.get("migrations", ()))
    values["migrations"] = tuple(Migration(**step) for step in steps)
    return NodeSpec(**values)


def _input(entry: Mapping[str, Any]) -> InputSpec:
    values = dict(entry)
    if entry["widget"] is not None:
        widget = dict(entry["widget"])
        cls = _WIDGETS[widget.pop("kind")]
        known = {f.name: f.type for f in fields(cls)}
        values["widget"] = cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in widget.items() if k in known})
    return InputSpec(**values)
