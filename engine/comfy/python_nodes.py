"""The nodes of a script that is being read: made, changed and wired by the rules of `graph.builder`.

What validation can tell (unknown inputs, unfit values) is left to it; only what makes the graph ambiguous is refused.
Knows the syntax tree only as the place of an error.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import brief
from ..graph.graph import Link, Node
from ..node.registry import Registry, nearest
from ..node.spec import NodeSpec
from .python_refuse import refused

__all__ = ["Made", "Nodes"]


class Made(NamedTuple):
    """A node of the script, as a value that a variable may hold."""

    id: str
    type: str


class Nodes:
    """Nodes by id, in the order in which they are made."""

    def __init__(self, registry: Registry) -> None:
        self.table: dict[str, Node] = {}
        self._registry = registry
        self._next = 1

    def make(self, kind: str, node_id: str | None, title: str, inputs: Mapping[str, Any], place: ast.AST) -> Made:
        """Add a node; without an id it gets the next free number. Raises UserError C084."""
        if node_id is None:
            while str(self._next) in self.table:
                self._next += 1
            node_id = str(self._next)
        if node_id in self.table:
            raise refused(
                place, "C084", "an id of its own", f"{brief(node_id)}, which is in use", "Choose another _id."
            )
        self.table[node_id] = Node(node_id, kind, self._wired(inputs, place), title)
        return Made(node_id, kind)

    def change(self, node_id: str, inputs: Mapping[str, Any], place: ast.AST) -> None:
        """Set inputs of a node made before. Raises UserError C084."""
        old = self.find(node_id, place)
        self.table[old.id] = self.table[old.id]._replace(
            inputs={**self.table[old.id].inputs, **self._wired(inputs, place)}
        )

    def find(self, node_id: str, place: ast.AST) -> Made:
        """Return a node by its id. Raises UserError C084."""
        node = self.table.get(node_id)
        if node is None:
            near = nearest(node_id, list(self.table)[:1000])
            fix = f"Did you mean {' or '.join(near)}?" if near else "Make the node first."
            raise refused(place, "C084", "the id of a node made before", brief(node_id), fix)
        return Made(node.id, node.type)

    def spec(self, made: Made) -> NodeSpec | None:
        """Return the declaration of a node's type, None when nobody knows it."""
        return self._registry.spec(made.type)

    def output(self, made: Made, output: str | int, place: ast.AST) -> Link:
        """Return the wire from an output given by name or number. Raises UserError C084."""
        spec = self.spec(made)
        if spec is None:  # nobody can tell; validation will say that the type is unknown
            return Link(made.id, output)
        names = [entry.name for entry in spec.outputs]
        if isinstance(output, int) and not isinstance(output, bool) and 0 <= output < len(names):
            return Link(made.id, names[output])
        if output in names:
            return Link(made.id, str(output))
        near = nearest(output, names) if isinstance(output, str) else ()
        fix = f"Did you mean {' or '.join(near)}?" if near else "Name one of them."
        raise refused(
            place, "C084", f"an output of {made.type}: {', '.join(names) or 'it has none'}", brief(output), fix
        )

    def _wired(self, inputs: Mapping[str, Any], place: ast.AST) -> dict[str, Any]:
        """Return the inputs with nodes of a single output replaced by its wire."""
        found: dict[str, Any] = {}
        for name, value in inputs.items():
            if isinstance(value, Made):
                spec = self.spec(value)
                if spec is None or len(spec.outputs) != 1:
                    names = ", ".join(entry.name for entry in spec.outputs) if spec is not None else "unknown"
                    got = f"all of node {brief(value.id)}"
                    fix = f"Choose an output by its name ({names})." if names else "Take a node that has an output."
                    raise refused(place, "C084", f"one wire or value for {brief(name)}", got, fix)
                value = self.output(value, 0, place)
            found[name] = value
        return found
