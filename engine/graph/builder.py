"""Building a graph in Python: one call per node, outputs by name, mistakes reported on the line that makes them.

`b = GraphBuilder(registry); model, clip, vae = b.CheckpointLoaderSimple(ckpt_name="x.safetensors")`. What a call can
see is checked at once (names, wire types, literals); what only the whole graph shows is left to validation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import UserError, brief
from ..node.registry import Registry, nearest, unknown_node
from ..node.socket import ANY, accepts
from ..node.spec import InputSpec, NodeSpec
from .graph import Graph, Link, Node
from .literal import ABSENT, Unfit, canonical
from .rules import NodeRules, rules_of

__all__ = ["GraphBuilder", "Handle", "Wire"]


class Wire:
    """One output of a node, to be given as another node's input."""

    __slots__ = ("builder", "link", "types")

    def __init__(self, builder: GraphBuilder, link: Link, types: str) -> None:
        self.builder = builder
        self.link = link
        self.types = types

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} has no value before the graph runs; a choice between wires is a node")

    def __iter__(self) -> NoReturn:
        raise TypeError(f"{self!r} is one output; there is nothing to iterate over before the graph runs")

    def __repr__(self) -> str:
        return f"<wire {self.types}: output {self.link.output!r} of node {self.link.node}>"


class Handle:
    """A node in the making: `.MODEL`, `["MODEL"]` and `[0]` are its outputs; unpacking gives them in order.

    A node with a single output may itself be given as an input.
    """

    __slots__ = ("_builder", "_spec", "node_id")

    def __init__(self, builder: GraphBuilder, spec: NodeSpec, node_id: str) -> None:
        self._builder = builder
        self._spec = spec
        self.node_id = node_id

    def __getitem__(self, output: str | int) -> Wire:
        outputs = self._spec.outputs
        for number, entry in enumerate(outputs):
            if output == entry.name or (output == number and not isinstance(output, bool)):
                return Wire(self._builder, Link(self.node_id, entry.name), entry.types)
        near = nearest(output, [entry.name for entry in outputs]) if isinstance(output, str) else ()
        listed = ", ".join(f"{number} {entry.name}" for number, entry in enumerate(outputs)) or "none at all"
        raise UserError(
            "G011",
            f"{self._spec.id} (node {self.node_id})",
            f"one of its outputs: {listed}",
            brief(output),
            f"Did you mean {' or '.join(near)}?" if near else "Name one of them.",
            node_id=self.node_id,
        )

    if not TYPE_CHECKING:  # a type checker is to see only the outputs that the stubs name

        def __getattr__(self, name: str) -> Wire:
            if name.startswith("_"):  # what Python itself looks for
                raise AttributeError(name)
            return self[name]

    def __iter__(self) -> Iterator[Wire]:
        return iter([self[number] for number in range(len(self._spec.outputs))])

    def __len__(self) -> int:
        return len(self._spec.outputs)

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} has no value before the graph runs; a choice between nodes is a node")

    def __repr__(self) -> str:
        return f"<node {self.node_id}: {self._spec.id}>"


class GraphBuilder:
    """A mutable graph; `graph()` gives the immutable one. Ids are "1", "2", ... in the order of the calls."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._nodes: dict[str, Node] = {}
        self._next = 1

    def add(self, node_type: str, /, **inputs: Any) -> Handle:
        """Add a node of any type, also one whose id is no Python name; `_id` and `_title` name it.

        inputs: wires, single-output nodes, or literals; None leaves an optional input out.
        Raises UserError G001, G004 (unknown names), G003, G005-G010, G017 (unfit values), G023 (id taken).
        """
        spec = self.registry.spec(node_type)
        if spec is None:
            raise unknown_node(node_type, self.registry.nearest(node_type), self.registry.failures)
        node_id = inputs.pop("_id", None)
        title = inputs.pop("_title", "")
        if node_id is None:
            while str(self._next) in self._nodes:
                self._next += 1
            node_id = str(self._next)
        node_id = str(node_id)
        if node_id in self._nodes:
            fix = "Choose another id."
            raise UserError("G023", f"{spec.id} (node {node_id})", "an id of its own", "one in use", fix)
        checked = self._checked(spec, node_id, inputs)
        self._nodes[node_id] = Node(node_id, spec.id, checked, title)
        return Handle(self, spec, node_id)

    def set(self, node: Handle | str, /, **inputs: Any) -> None:
        """Set or replace inputs of a node made before. Raises as `add`, and UserError G015 for an unknown id."""
        old = self._node(node.node_id if isinstance(node, Handle) else str(node))
        spec = self.registry.spec(old.type)
        assert spec is not None
        self._nodes[old.id] = old._replace(inputs={**old.inputs, **self._checked(spec, old.id, inputs)})

    def use(self, graph: Graph) -> None:
        """Take over all nodes of `graph` under their own ids. Raises UserError G023 when one is in use."""
        taken = [node_id for node_id in graph.nodes if node_id in self._nodes]
        if taken:
            raise UserError("G023", f"node {taken[0]}", "an id of its own", "one in use", "Start with `use`.")
        self._nodes.update(graph.nodes)

    def graph(self) -> Graph:
        """Return what has been built so far; later calls do not change it."""
        return Graph(self._nodes.values())

    def __getitem__(self, node_id: str) -> Handle:
        """Return the handle of a node by its id. Raises UserError G015, or G001 for a node taken over unknown."""
        node = self._node(node_id)
        spec = self.registry.spec(node.type)
        if spec is None:
            raise unknown_node(node.type, self.registry.nearest(node.type), self.registry.failures)
        return Handle(self, spec, node.id)

    if not TYPE_CHECKING:  # a type checker is to see only the nodes that the stubs name

        def __getattr__(self, name: str) -> Callable[..., Handle]:
            if name.startswith("_"):
                raise AttributeError(name)
            if self.registry.spec(name) is None:
                raise unknown_node(name, self.registry.nearest(name))

            def make(**inputs: Any) -> Handle:
                return self.add(name, **inputs)

            make.__name__ = make.__qualname__ = name
            return make

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.registry.ids})

    def __len__(self) -> int:
        return len(self._nodes)

    def __bool__(self) -> bool:
        return True  # an empty builder is still a builder

    def _node(self, node_id: str) -> Node:
        node = self._nodes.get(node_id)
        if node is None:
            near = nearest(node_id, self._nodes)
            fix = f"Did you mean {' or '.join(near)}?" if near else "Make the node first."
            raise UserError("G015", f"node {brief(node_id)}", "a node of this builder", "an unknown id", fix)
        return node

    def _checked(self, spec: NodeSpec, node_id: str, given: dict[str, Any]) -> dict[str, Any]:
        rules = rules_of(spec.id, self.registry)
        assert rules is not None
        where = f"{spec.id} (node {node_id})"
        found: dict[str, Any] = {}
        for name, value in given.items():
            if name in rules.inputs:
                entry = rules.inputs[name].spec
            elif rules.repeats(name) and rules.repeat is not None:
                entry = rules.repeat.spec
            else:
                raise _unknown_input(rules, where, node_id, name)
            if isinstance(value, (Handle, Wire, Link)):
                found[name] = self._wired(entry, f'{where}, input "{name}"', node_id, name, value)
            elif value is not None or entry.required:
                result = canonical(entry, value)
                if isinstance(result, Unfit):
                    code, *text = result
                    raise UserError(code, f'{where}, input "{name}"', *text, node_id=node_id, input=name)
                if result is not ABSENT:
                    found[name] = result
        return found

    def _wired(self, entry: InputSpec, where: str, node_id: str, name: str, value: Handle | Wire | Link) -> Link:
        if isinstance(value, Handle):
            if len(value) != 1:
                outputs = ", ".join(wire.link.output for wire in value if isinstance(wire.link.output, str))
                got = f"all of {value!r}"
                fix = "Choose an output by its name." if outputs else "Take a node that has an output."
                expected = f"one of its outputs: {outputs}" if outputs else "a node with outputs"
                raise UserError("G011", where, expected, got, fix, node_id=node_id, input=name)
            value = value[0]
        if isinstance(value, Link):
            return value
        if value.builder is not self:
            fix = "Build both nodes with one builder."
            raise UserError("G010", where, "a wire of this builder", "one of another", fix, node_id=node_id, input=name)
        if value.types != ANY and not accepts(entry.types, value.types):
            got = f"{value.types} from node {value.link.node}"
            fix = "Connect an output of the right type."
            raise UserError("G006", where, entry.types, got, fix, node_id=node_id, input=name)
        return value.link


def _unknown_input(rules: NodeRules, where: str, node_id: str, name: str) -> UserError:
    if name in rules.hidden:
        expected, fix = "nothing, as the engine fills it", "Leave it out."
    else:
        near = nearest(name, rules.inputs)
        expected = f"one of its inputs: {', '.join(rules.inputs) or 'none at all'}"
        fix = f"Did you mean {' or '.join(near)}?" if near else "Leave it out."
    code = "G018" if name in rules.hidden else "G004"
    return UserError(code, f'{where}, input "{name}"', expected, "an unknown one", fix, node_id=node_id, input=name)
