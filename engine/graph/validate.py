"""Finds every problem of a graph at once, before anything runs; never raises, recurses or goes quadratic.

Problems come in file order, each with its code (`CODES` says what each means), node and input. `examine` also returns
what it learned on the way: the graph with canonical literals and defaults filled in, and an order to run it in.

    G001 unknown node type          G010 link from an absent node     G020 too many nodes
    G002 required input missing     G011 no such output slot          G021 no workflow JSON (reading)
    G003 number out of range        G012 facets do not match          G022 node entry malformed (reading)
    G004 unknown input              G013 file not found               G023 name given twice (reading)
    G005 literal of the wrong type  G014 no output node               G024 the UI format (reading)
    G006 wire of the wrong type     G015 target not in the graph      G025 value too deep, or text not UTF-8
    G007 cycle                      G016 list that is no link         G026 header of a file unreadable
    G008 not one of the choices     G017 literal where a wire must be G027 placeholder without a value (running)
    G009 number not finite          G018 input the engine fills
                                    G019 too many or few repeats

Knows no node by name and imports none: specs come from the registry, files and facets through two small protocols.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import InvalidGraph, Problem, brief
from ..node.context import Files
from ..node.registry import Registry, nearest, unknown_node
from .facets import FacetReader, mismatches
from .graph import Graph, Link, Node
from .literal import ABSENT, FileNames, Unfit, canonical
from .order import Arrangement, Cycle, arrange, cycles
from .rules import RANGE, SET, SURE, InputRule, NodeRules, rules_of

__all__ = ["CODES", "MAX_NODES", "Examined", "effect_nodes", "examine", "require_valid", "validate"]

MAX_NODES = 1_000_000  # about 1 GB of graph; more is a mistake or an attack

CODES: Mapping[str, str] = MappingProxyType(
    {
        "G000": "The graph has the problems listed.",
        "G001": "No pack declares a node of this type; install the pack or correct the name.",
        "G002": "An input that the node needs has neither a wire nor a value.",
        "G003": "The number lies outside the range that the input takes.",
        "G004": "The node has no input of this name.",
        "G005": "The value is of another kind than the input takes (text for a number, true for 1).",
        "G006": "The wire carries another type than the input takes.",
        "G007": "The nodes feed one another in a ring, so none can run first; remove one of the links.",
        "G008": "The value is not among the input's choices.",
        "G009": "The number is infinite or not a number.",
        "G010": "The link comes from a node that the graph does not have.",
        "G011": "The link names an output that its node does not have.",
        "G012": "Parts that do not belong together are wired, such as a latent of another model family.",
        "G013": "The file is in none of the folders searched.",
        "G014": "No node has an effect (saves, previews, trains), so there is nothing to do.",
        "G015": "The node asked for is not in the graph.",
        "G016": 'A bare list must be a link [id, slot]; a list that is a value is written {"__value__": [...]}.',
        "G017": "The input takes only a wire, not a written value.",
        "G018": "The engine itself fills this input; it cannot be given.",
        "G019": "An input that may repeat is given more or less often than the node allows.",
        "G020": "The graph has more nodes than the limit.",
        "G021": "The text is not a workflow in JSON.",
        "G022": 'A node is written as {"class_type": text, "inputs": object}.',
        "G023": "A name stands twice in one object; JSON keeps only the last.",
        "G024": "The data is in ComfyUI's UI format where the API format is needed; convert it.",
        "G025": "The value is nested too deep, or is text that UTF-8 cannot hold.",
        "G026": "The header of the file could not be read.",
        "G027": "A sub-graph was run without a value for one of its placeholders, or with one it does not have.",
    }
)


class Examined(NamedTuple):
    """What `examine` found. `graph` and `order` may be run only when `problems` is empty.

    graph: as given, with literals in canonical form and defaults filled in. order: ids, each after its sources.
    """

    problems: tuple[Problem, ...]
    graph: Graph
    order: tuple[str, ...]


def validate(
    graph: Graph,
    registry: Registry,
    files: Files | None = None,
    facets: FacetReader | None = None,
    targets: Iterable[str] | None = None,
) -> tuple[Problem, ...]:
    """Return every problem of `graph`, in file order; empty when it may run. Never raises.

    files: where named files are looked up; None leaves them unchecked. facets: reads the facets of files.
    targets: ids of the nodes wanted; None means all nodes with an effect, of which there must be one.
    """
    return examine(graph, registry, files, facets, targets).problems


def require_valid(graph: Graph, registry: Registry, **given: Any) -> Examined:
    """Return what `examine` found (same arguments). Raises InvalidGraph when there is any problem."""
    found = examine(graph, registry, **given)
    if found.problems:
        raise InvalidGraph(found.problems)
    return found


def effect_nodes(graph: Graph, registry: Registry) -> tuple[str, ...]:
    """Return the ids of the nodes that are wanted by themselves, in file order."""
    effects = {}
    for kind in {node.type for node in graph}:
        spec = registry.spec(kind)
        effects[kind] = spec is not None and spec.effect
    return tuple(node.id for node in graph if effects[node.type])


def examine(
    graph: Graph,
    registry: Registry,
    files: Files | None = None,
    facets: FacetReader | None = None,
    targets: Iterable[str] | None = None,
    *,
    max_nodes: int = MAX_NODES,
) -> Examined:
    """Check `graph` as `validate` does and also return its canonical form and an order to run it in."""
    if len(graph) > max_nodes:
        fix = "Split the graph, or let a node do the repetition."
        problem = Problem("G020", "graph", f"at most {max_nodes:,} nodes", f"{len(graph):,}", fix)
        return Examined((problem,), graph, ())
    rules: dict[str, NodeRules] = {}
    for kind in {node[1] for node in graph.nodes.values()}:
        found = rules_of(kind, registry)
        if found is not None:
            rules[kind] = found
    check = _Check(graph, registry, rules, None if files is None else FileNames(files))
    check.nodes()
    check.targets(targets)
    order = arrange(graph)
    check.order(order, facets)
    return Examined(check.sorted_problems(), check.canonical_graph(), order.ids if order.acyclic else ())


class _Check:
    """One examination: the graph, what it is checked against, and what has been found so far."""

    def __init__(
        self, graph: Graph, registry: Registry, rules: Mapping[str, NodeRules], names: FileNames | None
    ) -> None:
        self.graph = graph
        self.registry = registry
        self.rules = rules
        self.names = names
        self.problems: list[Problem] = list(graph.faults)
        self.faulty = {(fault.node_id, fault.input) for fault in graph.faults}
        self.changes: dict[str, dict[str, Any]] = {}  # node -> input -> canonical literal, ABSENT to drop it
        self.near: dict[tuple[str, str], tuple[str, ...]] = {}  # looking for like names is slow; ask once per name

    def nodes(self) -> None:
        """Check each node on its own and each wire at its end. The happy path is kept free of calls."""
        table = self.graph.nodes
        rules = self.rules
        for node in table.values():
            _, kind, inputs, _ = node
            rule = rules.get(kind)
            if rule is None:
                self.unknown_type(node)
                continue
            known = rule.inputs
            for name, value in inputs.items():
                entry = known.get(name)
                cls = type(value)
                if entry is None:
                    self.undeclared(node, rule, name, value)
                elif cls is Link:
                    source = table.get(value[0])
                    if (
                        source is None
                        or source[1] not in rules
                        or rules[source[1]].wires.get(value[1]) not in entry.fits
                    ):
                        self.wire(node, name, value, entry)
                elif cls is entry.exact:
                    mode = entry.mode
                    if mode == SURE:
                        continue
                    if mode == RANGE:
                        if entry.low <= value <= entry.high:
                            continue
                    elif mode == SET:
                        if value in entry.options:
                            continue
                    elif value.isascii():
                        continue
                    self.literal(node, name, value, entry)
                else:
                    self.literal(node, name, value, entry)
            if len(inputs) != rule.full:
                self.incomplete(node, rule)

    def report(self, code: str, node: Node, name: str | None, expected: str, got: str, fix: str) -> None:
        """Keep a problem, unless reading the file already found fault with this very input."""
        if (node.id, name) in self.faulty:
            return
        where = _place(node) if name is None else f'{_place(node)}, input "{_short(name)}"'
        self.problems.append(Problem(code, where, expected, got, fix, node.id, name))

    def alike(self, word: str, kind: str, known: Iterable[str]) -> tuple[str, ...]:
        """Return names of `known` like `word`; `kind` is the node type they belong to."""
        key = (word, kind)
        if key not in self.near:
            # Beyond some hundreds of different wrong names hints help nobody and would cost seconds.
            self.near[key] = nearest(word, known) if len(self.near) < 200 else ()
        return self.near[key]

    def unknown_type(self, node: Node) -> None:
        """Report the type; of the inputs only the far ends of wires can be checked."""
        if node.type or (node.id, None) not in self.faulty:
            error = unknown_node(node.type, self.alike(node.type, "", self.registry.ids), self.registry.failures)
            self.report("G001", node, None, error.expected, brief(node.type), error.fix)
        for name, value in node.inputs.items():
            if isinstance(value, Link):
                self.source(node, name, value)

    def undeclared(self, node: Node, rule: NodeRules, name: str, value: Any) -> None:
        """Check an input that the signature does not name: one of a repeat, a leftover, or a mistake."""
        if rule.repeats(name):
            entry = rule.repeat
            assert entry is not None
            if type(value) is not Link:
                self.literal(node, name, value, entry)
                return
            source = self.graph.nodes.get(value.node)
            ends = self.rules.get(source.type) if source is not None else None
            wire = ends.wires.get(value.output) if ends is not None else None
            if wire is None or wire not in entry.fits:
                self.wire(node, name, value, entry)
        elif name in rule.hidden:
            self.report("G018", node, name, "nothing, as the engine fills it", brief(value), "Remove it.")
        elif _is_leftover(rule, name, value):
            self.changes.setdefault(node.id, {})[name] = ABSENT
        else:
            near = self.alike(name, node.type, rule.inputs)
            fix = f"Did you mean {' or '.join(near)}?" if near else "Remove it."
            names = ", ".join(rule.inputs) or "none at all"
            self.report("G004", node, name, f"an input that {node.type} has: {names}", "an unknown one", fix)

    def source(self, node: Node, name: str, link: Link) -> Node | None:
        """Return the node a link comes from, or report that there is none."""
        source = self.graph.nodes.get(link.node)
        if source is None:
            got = f'a link from node "{_short(link.node)}", which is absent'
            self.report("G010", node, name, "a link from a node of this graph", got, "Connect it again.")
        return source

    def wire(self, node: Node, name: str, link: Link, entry: InputRule) -> None:
        """Check both ends of a wire that the happy path did not recognise."""
        source = self.source(node, name, link)
        if source is None:
            return
        rule = self.rules.get(source.type)
        slot = link.output
        if rule is None:
            # What an unknown node puts out is unknown too, but no node has a slot below 0.
            if isinstance(slot, int) and slot < 0:
                self.report("G011", node, name, "a slot from 0 up", f"slot {slot}", "Connect it again.")
            return
        given = rule.wires.get(slot) if isinstance(slot, str) else None
        if given is None:
            listed = ", ".join(f"{number} {output}" for number, output in enumerate(rule.wires))
            expected = f"an output of {source.type} ({listed})" if listed else f"a node with outputs, not {source.type}"
            got = f"slot {slot}" if isinstance(slot, int) and abs(slot) < 10**9 else brief(slot)
            self.report("G011", node, name, expected, got, "Connect it to another output.")
        elif not entry.takes(given):
            got = f"{given} from {_place(source)}"
            self.report("G006", node, name, entry.spec.types, got, "Connect an output of the right type.")

    def literal(self, node: Node, name: str, value: Any, entry: InputRule) -> None:
        """Bring a literal into canonical form, or report why that cannot be."""
        result = canonical(entry.spec, value, self.names)
        if isinstance(result, Unfit):
            self.report(result.code, node, name, result.expected, result.got, result.fix)
        elif result is not value:
            self.changes.setdefault(node.id, {})[name] = result

    def incomplete(self, node: Node, rule: NodeRules) -> None:
        """Fill in defaults, report what is missing and count repeats."""
        inputs = node.inputs
        for name, default in rule.defaults.items():
            if name not in inputs:
                # A default is checked only for files: the one declared may not be on this machine.
                self.changes.setdefault(node.id, {})[name] = default
                if self.names is not None and hasattr(rule.inputs[name].spec.widget, "folder"):
                    self.literal(node, name, default, rule.inputs[name])
        for name in rule.needed:
            if name not in inputs:
                entry = rule.inputs[name].spec
                kind = "a value" if entry.widget is not None else f"a wire of type {entry.types}"
                self.report("G002", node, name, kind, "nothing", "Connect it or give it a value.")
        if rule.spec.repeat is not None:
            repeat = rule.spec.repeat
            count = len([name for name in inputs if name not in rule.inputs and rule.repeats(name)])
            if not repeat.minimum <= count <= repeat.maximum:
                pattern = "further inputs" if repeat.pattern == "*" else f'inputs "{repeat.pattern}"'
                expected = f"{repeat.minimum} to {repeat.maximum} {pattern}"
                fix = "Connect more." if count < repeat.minimum else "Remove some."
                self.report("G019", node, None, expected, str(count), fix)

    def targets(self, wanted: Iterable[str] | None) -> None:
        """Check that there is something to do, and that what is asked for exists."""
        if wanted is None:
            effects = {kind for kind, rule in self.rules.items() if rule.spec.effect}
            if not any(node.type in effects for node in self.graph):
                fix = "Add a node that saves or previews."
                self.problems.append(Problem("G014", "graph", "a node with an effect", "none", fix))
            return
        asked = list(wanted)
        for target in asked:
            if target not in self.graph:
                near = nearest(str(target), self.graph.nodes) if len(self.graph) <= 10_000 else ()
                fix = f"Did you mean {' or '.join(near)}?" if near else "Name a node of this graph."
                self.problems.append(Problem("G015", "targets", "ids of nodes of the graph", brief(target), fix))
        if not asked:
            self.problems.append(Problem("G014", "targets", "at least one node", "none", "Name one."))

    def order(self, order: Arrangement, reader: FacetReader | None) -> None:
        """Report each cycle, or, where there is none, facets that disagree."""
        if not order.acyclic:
            for cycle in cycles(self.graph):
                self.cycle(cycle)
        elif any(rule.faceted for rule in self.rules.values()):
            for miss in mismatches(self.graph, order.ids, self.rules, reader):
                if self.names is not None and miss.error is not None and miss.error.code.startswith("F"):
                    continue  # a missing file, which was reported when its name was checked
                code = "G012" if miss.error is None else "G026"
                self.report(code, self.graph[miss.node_id], miss.input, miss.expected, miss.got, miss.fix)

    def cycle(self, cycle: Cycle) -> None:
        """Report one ring with its path; of a long one the two ends are shown."""
        ids = [*cycle.ids, cycle.ids[0]]
        steps = [f"{_short(node_id)} {_short(self.graph[node_id].type)}" for node_id in ids]
        if len(steps) > 12:
            steps = [*steps[:6], f"... ({len(steps) - 12} more)", *steps[-6:]]
        node = self.graph[cycle.ids[0]]
        self.report("G007", node, cycle.input, "no cycle", " -> ".join(steps), "Remove one of these links.")

    def sorted_problems(self) -> tuple[Problem, ...]:
        """Return the problems in file order; those of no node come last."""
        if len(self.problems) > 1:
            place: dict[str | None, int] = {node_id: number for number, node_id in enumerate(self.graph.nodes)}
            self.problems.sort(key=lambda problem: place.get(problem.node_id, len(place)))
        return tuple(self.problems)

    def canonical_graph(self) -> Graph:
        """Return the graph with all changes made; the very same one when there are none."""
        if not self.changes:
            return self.graph
        table = dict(self.graph.nodes)
        for node_id, changes in self.changes.items():
            node = table[node_id]
            inputs = {**node.inputs, **changes}
            if ABSENT in changes.values():
                inputs = {name: value for name, value in inputs.items() if value is not ABSENT}
            table[node_id] = node._replace(inputs=inputs)
        return Graph.of(table, self.graph.faults)


def _is_leftover(rule: NodeRules, name: str, value: Any) -> bool:
    """Tell whether an input is what ComfyUI's front end leaves in its files beside the node's own inputs."""
    if isinstance(value, Link):
        return False
    if name == "upload":
        return any(getattr(entry.spec.widget, "upload", False) for entry in rule.inputs.values())
    return name == "control_after_generate"


def _place(node: Node) -> str:
    """Return how a message names a node: its title or type, and its id."""
    return f"{_short(node.title or node.type or 'node')} (node {_short(node.id)})"


def _short(text: object, limit: int = 60) -> str:
    shown = str(text)
    shown = shown if shown.isprintable() else repr(shown)[1:-1]
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
