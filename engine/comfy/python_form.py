"""A graph as a Python script against our own builder, to be read, edited, run, and read back by `python_read`.

Nodes stand in an order in which they can be made, under variables named after titles, types and outputs; a ring of
nodes, which cannot run but can be saved, is closed by `set` at the end. Knows no file and runs nothing.

    C080 the graph holds something that a script cannot say
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

from ..errors import UserError, brief
from ..graph.builder import GraphBuilder
from ..graph.graph import Graph, Link, Node
from ..graph.order import arrange
from ..node.registry import Registry
from ..node.spec import NodeSpec
from .python_literal import WIDTH, spelled, text_lines

__all__ = ["to_python"]

_UNPACKED = 4  # outputs up to which a node is unpacked into variables
_LONGEST_NAME = 40
_SHORT = 16  # of a node's name that still goes before the name of its output
_RESERVED = ("b", "engine", "node", "results", "Builder", "Engine", "Link", "_")
_BUILDER = frozenset(name for name in dir(GraphBuilder) if not name.startswith("_")) | {"registry"}

_HEAD = '''"""A workflow as Python: run it, edit it, or turn it back: latentloom convert THIS.py OUT.json"""

from latentloom import Builder, Engine
'''
_LINK = "from latentloom.engine.graph.graph import Link\n"
_TAIL = """
if __name__ == "__main__":
    with Engine() as engine:
        for node, results in engine.run(b).items():
            print(node, results)
"""


def to_python(graph: Graph, registry: Registry) -> str:
    """Return the script; `python_read.from_python` gives an equal graph back. Raises UserError C080."""
    script = _Script(graph, registry)
    for node_id in arrange(graph).ids:
        script.make(graph[node_id])
    script.close_rings()
    head = _HEAD + (_LINK if script.needs_link else "")
    return f"{head}\nb = Builder()\n\n" + "".join(f"{line}\n" for line in script.lines) + "\n" + _TAIL


class _Script:
    """The lines written so far, and what the variables in them are called."""

    def __init__(self, graph: Graph, registry: Registry) -> None:
        self.lines: list[str] = []
        self.needs_link = False
        self._graph = graph
        self._registry = registry
        self._used: dict[str, set[str | int]] = {}  # outputs that wires come from, by node
        for node in graph:
            for value in node.inputs.values():
                if isinstance(value, Link):
                    self._used.setdefault(value.node, set()).add(value.output)
        self._wires: dict[Link, str] = {}
        self._made: set[str] = set()
        self._later: list[tuple[str, str, Link]] = []  # inputs whose source is not made yet: rings
        self._taken = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *_RESERVED}
        self._numbers: dict[str, int] = {}
        self._next = 1

    def make(self, node: Node) -> None:
        """Write the call that makes a node."""
        spec = self._registry.spec(node.type)
        arguments: list[list[str]] = []
        odd: list[list[str]] = []
        for name, value in node.inputs.items():
            if name in ("_id", "_title"):
                raise _unsayable(node, name, "an input of another name", "the builder's own name for something else")
            if isinstance(value, Link):
                if value.node in self._graph and value.node not in self._made:
                    self._later.append((node.id, name, value))
                    continue
                lines = [self._wire(value)]
            else:
                lines = self._literal(node, name, value)
            if _plain(name):
                arguments.append([f"{name}={lines[0]}", *lines[1:]])
            else:
                odd.append([f"{spelled(name)}: {lines[0]}", *lines[1:]])
        if odd:
            inner = [f"    {line}" for lines in odd for line in _comma(lines)]
            arguments.append(["**{", *inner, "}"])
        while str(self._next) in self._made:
            self._next += 1
        if node.id != str(self._next):
            arguments.append([f"_id={spelled(node.id)}"])
        if node.title:
            arguments.append([f"_title={spelled(node.title)}"])
        self._made.add(node.id)
        if spec is not None and _plain(node.type) and node.type not in _BUILDER and not node.type.startswith("_"):
            self._call(f"{self._target(node, spec)}b.{node.type}(", arguments)
        else:
            self._call(f"{self._target(node, spec)}b.add(", [[spelled(node.type)], *arguments])

    def close_rings(self) -> None:
        """Write the wires that could not be given before their source was made."""
        for node_id, name, link in self._later:
            given = f"{name}=" if _plain(name) else f"**{{{spelled(name)}: "
            end = "" if _plain(name) else "}"
            self.lines.append(f"b.set({spelled(node_id)}, {given}{self._wire(link)}{end})")

    def _target(self, node: Node, spec: NodeSpec | None) -> str:
        """Return the left side of a call, and note by which expression each used output is reached."""
        used = self._used.get(node.id)
        if not used:
            return ""
        stem = _slug(node.title) or _slug(_words(node.type)) or "made"
        if spec is None:
            name = self._name([stem])
            self._wires |= {Link(node.id, output): f"{name}[{spelled(output)}]" for output in used}
            return f"{name} = "
        outputs = list(dict.fromkeys(output.name for output in spec.outputs))
        if not used.intersection(outputs):
            return ""  # wires from outputs that it does not have
        if len(spec.outputs) == 1:
            name = self._name([stem])
            self._wires[Link(node.id, outputs[0])] = name
            return f"{name} = "
        if len(spec.outputs) > _UNPACKED:
            name = self._name([stem])
            for output in outputs:
                reached = f".{output}" if _plain(output) and not output.startswith("_") else f"[{spelled(output)}]"
                self._wires[Link(node.id, output)] = f"{name}{reached}"
            return f"{name} = "
        names = []
        for entry in spec.outputs:
            link = Link(node.id, entry.name)
            if entry.name not in used or link in self._wires:
                names.append("_")
                continue
            own = _slug(entry.name)
            name = self._wires[link] = self._name(_wishes(own, stem))
            names.append(name)
        return f"{', '.join(names)} = "

    def _wire(self, link: Link) -> str:
        """Return the expression for a wire; one that no node gives is written out."""
        found = self._wires.get(link)
        if found is None:
            self.needs_link = True
            return f"Link({spelled(link.node)}, {spelled(link.output)})"
        return found

    def _name(self, wishes: Iterable[str]) -> str:
        """Return the first of `wishes` that is free, else the last with a number."""
        wish = ""
        for wish in wishes:
            if wish not in self._taken:
                self._taken.add(wish)
                return wish
        number = self._numbers.get(wish, 1)
        while True:
            number += 1
            name = f"{wish}_{number}"
            if name not in self._taken:
                self._numbers[wish] = number
                self._taken.add(name)
                return name

    def _literal(self, node: Node, name: str, value: object) -> list[str]:
        try:
            return text_lines(value) if isinstance(value, str) else [spelled(value)]
        except ValueError as error:
            raise _unsayable(node, name, str(error), brief(type(value).__name__)) from error

    def _call(self, head: str, arguments: list[list[str]]) -> None:
        line = f"{head}{', '.join(lines[0] for lines in arguments)})"
        if all(len(lines) == 1 for lines in arguments) and len(line) <= WIDTH:
            self.lines.append(line)
            return
        self.lines.append(head)
        self.lines += [f"    {line}" for lines in arguments for line in _comma(lines)]
        self.lines.append(")")


def _wishes(own: str, stem: str) -> list[str]:
    """Return names for an output called `own` of a node called `stem`, the best first."""
    if not own:
        return [stem]
    return [own, f"{stem}_{own}", own] if len(stem) <= _SHORT else [own]


def _comma(lines: list[str]) -> list[str]:
    return [*lines[:-1], f"{lines[-1]},"]


def _plain(name: str) -> bool:
    """Tell whether a name can be written as it is; Python folds letters beyond ASCII, so those are quoted."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def _words(kind: str) -> str:
    """Return a class name with its words apart: CLIPTextEncode to CLIP_Text_Encode."""
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", kind[:200])
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", apart)


def _slug(text: str) -> str:
    """Return the text as a variable's name, "" when nothing of it can be one."""
    name = re.sub(r"[^a-z0-9]+", "_", text[:200].lower())[:_LONGEST_NAME].strip("_")
    return f"n_{name}" if name[:1].isdigit() else name


def _unsayable(node: Node, name: str, expected: str, got: str) -> UserError:
    where = f'node {brief(node.id)}, input "{name}"'
    return UserError("C080", where, expected, got, "Convert to JSON instead.", node_id=node.id, input=name)
