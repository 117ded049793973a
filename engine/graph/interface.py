"""What a workflow takes and gives: its `LoomInput` and `LoomOutput` nodes read as ports, and values put in.

`bind` leaves no mark of a plain value behind: it stands as a literal where it is used, so that it is checked, is part
of cache keys and provenance as if written there. Knows no command line, no HTTP; runs nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from ..errors import InvalidGraph, Problem, UserError, brief
from ..node.registry import Registry, nearest
from ..node.socket import ANY
from ..node.spec import MISSING, InputSpec
from ..node.widget import Bool, Choice, File, Float, Int, Seed, Text, Widget
from .assign import parse_value
from .graph import Graph, Link, Node
from .literal import Unfit, canonical, widget_of
from .rewrite import relinked

__all__ = ["FILE_NODES", "INPUT", "KINDS", "OUTPUT", "Interface", "Port", "bind", "interface", "key", "read_default"]

INPUT, OUTPUT = "LoomInput", "LoomOutput"
KINDS = ("auto", "STRING", "INT", "FLOAT", "BOOLEAN", "COMBO", "IMAGE", "MASK")
"""What an input may say that it is."""

FILE_NODES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {"IMAGE": ("LoadImage", "image", "IMAGE"), "MASK": ("LoadImage", "image", "MASK")}
)
"""Types given as a file of the input folder: the node that reads it, its input and its output."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_RANGE = re.compile(r"\s*(-?[0-9.eE+-]*?)\s*\.\.\s*(-?[0-9.eE+-]*)\s*")
_PLAIN: Mapping[str, Widget] = MappingProxyType(
    {"STRING": Text(), "INT": Int(), "FLOAT": Float(), "BOOLEAN": Bool(), "COMBO": Choice()}
)
_PICTURE = File("input", (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"), upload=True)


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a workflow.

    type: "INT", "IMAGE", ...; "*" when it cannot be told. widget: the rules of an input's values, None for outputs.
    default: of an input; MISSING when it must be given. wired: another value is wired in where none is given.
    source: what feeds an output, a link or a value. node: id of the node that marks it.
    """

    name: str
    type: str
    default: Any = MISSING
    widget: Widget | None = None
    description: str = ""
    node: str = ""
    wired: bool = False
    source: Any = None

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is MISSING and not self.wired

    @property
    def spec(self) -> InputSpec:
        """The port as an input of a node, for whatever reads and checks literals."""
        return InputSpec(self.name, self.type, self.widget, self.default)


@dataclass(frozen=True, slots=True)
class Interface:
    """All ports in file order. `problems`: marks that cannot be used; they are left out."""

    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    problems: tuple[Problem, ...] = ()

    def input(self, name: str) -> Port | None:
        """Return the input of this name; "-" and "_" count as the same, and so do capitals."""
        return next((port for port in self.inputs if key(port.name) == key(name)), None)


def key(name: str) -> str:
    """Return what two names must differ in."""
    return name.replace("-", "_").casefold()


def interface(graph: Graph, registry: Registry) -> Interface:
    """Return what `graph` takes and gives. Never raises; linear in the graph."""
    marks = [node for node in graph if node.type in (INPUT, OUTPUT)]
    if not marks:
        return Interface()
    uses = _uses(graph, {node.id for node in marks if node.type == INPUT}, registry)
    problems: list[Problem] = []
    found: dict[str, list[Port]] = {INPUT: [], OUTPUT: []}
    taken: dict[tuple[str, str], str] = {}
    for node in marks:
        name = node.inputs.get("name", "input" if node.type == INPUT else "output")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            expected = 'a letter, then letters, digits, "_" and "-", 64 at most'
            problems.append(_problem("C060", node, "name", expected, name, "Rename it."))
            continue
        other = taken.setdefault((node.type, key(name)), node.id)
        if other != node.id:
            fix = "Rename one of them."
            problems.append(_problem("C061", node, "name", "a name of its own", f'"{name}" of node {other}', fix))
            continue
        text = node.inputs.get("description", "")
        shown = " ".join(text.split()) if isinstance(text, str) else ""
        if node.type == INPUT:
            port = _input(node, name, shown, uses.get(node.id, ()), problems)
            if port is not None:
                found[INPUT].append(port)
        else:
            source = node.inputs.get("value")
            found[OUTPUT].append(
                Port(name, _type(graph, source, registry), MISSING, None, shown, node.id, False, source)
            )
    return Interface(tuple(found[INPUT]), tuple(found[OUTPUT]), tuple(problems))


def bind(graph: Graph, registry: Registry, values: Mapping[str, Any], *, ports: Interface | None = None) -> Graph:
    """Return the graph with `values` (by port name) and, for the others, what stands where nothing is given, put in.

    ports: the graph's interface when it is known already. Raises UserError C062 (no such input), C063 (a value is
    missing), G003, G005, G008, G009 and the like (unfit values), InvalidGraph (marks that cannot be used).
    """
    face = interface(graph, registry) if ports is None else ports
    if face.problems:
        raise InvalidGraph(face.problems)
    given = _given(face, values)
    missing = [port for port in face.inputs if port.required and port.name not in given]
    if missing:
        names = ", ".join(port.name for port in missing)
        first = missing[0]
        fix = f"Give {names}, or set a default in the workflow."
        raise UserError("C063", "workflow inputs", f"a value for {names}", "none", fix, node_id=first.node)
    links: dict[Link, Any] = {}
    loaders: dict[str, Node] = {}
    for port in face.inputs:
        origin = Link(port.node, "value")
        if port.name not in given and port.wired:
            links[origin] = graph[port.node].inputs["otherwise"]
            continue
        value = _checked(port, given.get(port.name, port.default))
        if port.type in FILE_NODES:
            kind, entry, output = FILE_NODES[port.type]
            loaders[port.node] = Node(port.node, kind, {entry: value}, graph[port.node].title)
            links[origin] = Link(port.node, output)
        else:
            links[origin] = value
    gone = [port.node for port in face.inputs if port.node not in loaders]
    return relinked(graph.without(*gone), _followed(links)).with_nodes(*loaders.values())


def read_default(kind: str, text: Any) -> Any:
    """Return the value that `text` says for an input of type `kind`; of "auto" what it looks like."""
    if not isinstance(text, str):
        return text
    widget = _PLAIN.get(kind)
    if widget is not None:
        return parse_value(text, InputSpec("default", kind, widget))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float) else text


def _uses(graph: Graph, marks: set[str], registry: Registry) -> dict[str, list[InputSpec]]:
    """Return the inputs that each of `marks` feeds, in file order; through another mark, if it feeds no other."""
    found: dict[str, list[InputSpec]] = {}
    next_mark: dict[str, str] = {}
    for node in graph:
        for name, value in node.inputs.items():
            if not isinstance(value, Link) or value.node not in marks:
                continue
            if node.type == INPUT:
                next_mark.setdefault(value.node, node.id)
                continue
            spec = registry.spec(node.type)
            if spec is None or node.type == OUTPUT:
                continue
            entry = next((entry for entry in spec.inputs if entry.name == name), None)
            if entry is None and spec.repeat is not None:
                entry = InputSpec(name, spec.repeat.types)
            if entry is not None:
                found.setdefault(value.node, []).append(entry)
    for mark in next_mark:
        path: dict[str, None] = {}
        here: str | None = mark
        while here is not None and here not in found and here not in path:
            path[here] = None
            here = next_mark.get(here)
        found.update(dict.fromkeys(path, found.get(here or "", [])))
    return found


def _input(node: Node, name: str, description: str, uses: Iterable[InputSpec], problems: list[Problem]) -> Port | None:
    """Return the port, or report why there is none."""
    entries = list(uses)
    kind = node.inputs.get("type", "auto")
    wired = isinstance(node.inputs.get("otherwise"), Link)
    if kind not in KINDS:
        problems.append(_problem("C064", node, "type", f"one of {', '.join(KINDS)}", kind, "Choose one."))
        return None
    first = next((entry for entry in entries if widget_of(entry) is not None), None)
    fed = None if first is None else widget_of(first)
    if kind == "auto" and fed is None:
        wires = {part.strip() for entry in entries for part in entry.types.split(",")}
        kind = next((known for known in (*FILE_NODES, *_PLAIN) if known in wires), "STRING" if wires <= {ANY} else "")
        if not kind:
            if not wired:
                expected = "an input that takes a value, or a picture"
                problems.append(
                    _problem("C064", node, "type", expected, ", ".join(sorted(wires)), "Wire it elsewhere.")
                )
            return None
    widget: Widget
    if kind in FILE_NODES:
        widget = _PICTURE
    elif fed is not None and kind in ("auto", fed.type):
        widget, kind = fed, fed.type
        for entry in entries:
            widget = _narrowed(widget, widget_of(entry))
    else:
        widget = _PLAIN[kind]
    widget = _limited(node, widget, problems)
    port = Port(name, kind, MISSING, widget, description, node.id, wired)
    return replace(port, default=_default(node, port, first if widget is not _PICTURE else None, problems))


def _narrowed(widget: Widget, other: Widget | None) -> Widget:
    """Return a number's widget with the range that both inputs take."""
    if isinstance(widget, Int | Seed | Float) and isinstance(other, Int | Seed | Float) and widget.type == other.type:
        low, high = max(widget.min, other.min), min(widget.max, other.max)
        return replace(widget, min=low, max=high) if low <= high else widget  # type: ignore[arg-type]  # both of one type
    return widget


def _limited(node: Node, widget: Widget, problems: list[Problem]) -> Widget:
    """Return the widget with the range and the choices that the node says."""
    limits, options = node.inputs.get("range", ""), node.inputs.get("options", "")
    if isinstance(options, str) and options.strip() and not isinstance(widget, File):
        words = tuple(dict.fromkeys(line.strip() for line in options.splitlines() if line.strip()))
        if isinstance(widget, Int | Seed | Float):
            words = tuple(parse_value(word, InputSpec("", widget.type, widget)) for word in words)
        return widget if isinstance(widget, Bool) else Choice(words)
    if isinstance(limits, str) and limits.strip() and isinstance(widget, Int | Seed | Float):
        low, high = _range(limits, float if isinstance(widget, Float) else int)
        low, high = max(widget.min, low), min(widget.max, high)
        if low <= high:
            return replace(widget, min=low, max=high)  # type: ignore[arg-type]  # read as the widget's kind of number
        problems.append(_problem("C064", node, "range", 'two numbers, "1..100"', limits, "Mend it."))
    return widget


def _range(text: str, number: type[int] | type[float]) -> tuple[float, float]:
    """Return the ends of "1..100", infinite where they are left open; (1, 0) for what is no range."""
    match = _RANGE.fullmatch(text[:200])
    if match is None:
        return 1, 0
    try:
        return number(match[1]) if match[1] else -math.inf, number(match[2]) if match[2] else math.inf
    except ValueError:
        return 1, 0


def _default(node: Node, port: Port, fed: InputSpec | None, problems: list[Problem]) -> Any:
    """Return the value that stands where none is given, or MISSING."""
    text = node.inputs.get("default", "")
    if isinstance(text, Link):
        problems.append(_problem("C064", node, "default", "a written value", "a wire", 'Wire it into "otherwise".'))
        return MISSING
    inherited = text == ""
    if inherited:
        if fed is not None and fed.default is not MISSING:
            text = fed.default
        elif not isinstance(port.widget, Text):
            return MISSING
    value = canonical(port.spec, parse_value(text, port.spec) if isinstance(text, str) else text)
    if isinstance(value, Unfit):
        if inherited:  # what the input itself starts with lies outside what may be given here
            return MISSING
        problems.append(_problem("C064", node, "default", value.expected, value.got, value.fix))
        return MISSING
    return value


def _type(graph: Graph, source: Any, registry: Registry) -> str:
    """Return the type of what feeds an output."""
    if not isinstance(source, Link):
        kinds: Mapping[type, str] = {bool: "BOOLEAN", int: "INT", float: "FLOAT", str: "STRING"}
        return kinds.get(type(source), ANY)
    node = graph.nodes.get(source.node)
    spec = registry.spec(node.type) if node is not None else None
    return next((entry.types for entry in spec.outputs if entry.name == source.output), ANY) if spec else ANY


def _given(face: Interface, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values under the ports' own names. Raises UserError C062."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        port = face.input(str(name))
        if port is None:
            names = [port.name for port in face.inputs]
            near = nearest(str(name), names)
            expected = f"one of {', '.join(names)}" if names else "none: the workflow marks no inputs"
            fix = f"Did you mean {' or '.join(near)}?" if near else "Mark one with a Workflow Input." * (not names)
            raise UserError("C062", "workflow inputs", expected, brief(name), fix or "Name one of them.")
        found[port.name] = value
    return found


def _checked(port: Port, value: Any) -> Any:
    result = canonical(port.spec, value)
    if isinstance(result, Unfit):
        code, *text = result
        raise UserError(code, f'workflow input "{port.name}"', *text, node_id=port.node, input=port.name)
    return result


def _followed(links: Mapping[Link, Any]) -> dict[Link, Any]:
    """Return the table with chains of inputs wired into one another followed to their ends; rings stay."""
    ends: dict[Link, Any] = {}
    for start in links:
        path: dict[Link, None] = {}
        here: Any = start
        while isinstance(here, Link) and here in links and here not in ends and here not in path:
            path[here] = None
            here = links[here]
        end = ends.get(here, here) if isinstance(here, Link) else here
        ends.update(dict.fromkeys(path, end))
    return ends


def _problem(code: str, node: Node, name: str, expected: str, got: object, fix: str) -> Problem:
    shown = got if isinstance(got, str) and got.isprintable() and len(got) <= 80 else brief(got)
    place = f'{node.title or node.type} (node {node.id}), input "{name}"'
    return Problem(code, place, expected, shown or "nothing", fix, node.id, name)
