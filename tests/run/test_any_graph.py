"""Any graph, with any cache, gives what a plain recursive reading of it gives."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.graph.validate import require_valid
from latentloom.engine.node import Context, SubGraph, node
from latentloom.engine.run import events
from latentloom.engine.run.cache import Cache
from latentloom.engine.run.lists import Many

from .sample_nodes import Kit

KINDS = ["Source", "Add", "Add", "SleepIo", "Sleep", "SleepAsync", "Fail", "Either", "Doubled", "Range", "Total", "Evaluate"]


class Failed(Exception):
    """A node of the reading failed, or depends on one that did."""


@st.composite
def graphs(draw: Any) -> Graph:
    """Draw a graph whose links all carry numbers, or lists of them, in any file order."""
    nodes: list[Node] = []

    def number(low: int = 0) -> Any:
        if nodes and draw(st.booleans()):
            return Link(draw(st.sampled_from(nodes)).id, "INT")
        return draw(st.integers(low, 3))

    for index in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(KINDS))
        link = Link(draw(st.sampled_from(nodes)).id, "INT") if nodes else None
        if kind in ("Add",) or link is None:
            kind, inputs = "Add", {"a": number(), "b": number()}
        elif kind == "Source":
            inputs = {"value": draw(st.integers(0, 2))}
        elif kind.startswith("Sleep"):
            inputs = {"a": number(), "seconds": draw(st.sampled_from([0.0, 0.004]))}
        elif kind == "Fail":
            inputs = {"a": number()}
        elif kind == "Either":
            inputs = {"flag": draw(st.booleans()), "yes": link, "no": Link(draw(st.sampled_from(nodes)).id, "INT")}
        elif kind == "Doubled":
            inputs = {"a": number(), "times": draw(st.integers(1, 3))}
        elif kind == "Range":
            inputs = {"count": draw(st.integers(1, 3))}
        elif kind == "Total":
            inputs = {"values": link, "scale": draw(st.integers(1, 2))}
        else:  # the sum over two runs of everything above `link`, an Add at its end
            nodes.append(Node(f"t{index}", "Total", {"values": link, "scale": 1}))
            nodes.append(Node(f"h{index}", "HoleNumber", {}))
            nodes.append(Node(f"e{index}", "Add", {"a": Link(f"h{index}", "INT"), "b": Link(f"t{index}", "INT")}))
            kind, inputs = "Evaluated", {"body": Link(f"e{index}", "INT"), "hole": draw(st.integers(0, 2))}
        nodes.append(Node(str(index), kind, inputs))
    return Graph(draw(st.permutations(nodes)))


def read(graph: Graph, node_id: str, hole: int | None = None) -> Any:
    """Return a node's value as a number or a Many; raise Failed."""
    node = graph[node_id]
    if node.type == "Either":
        return read_value(graph, node.inputs["yes" if node.inputs["flag"] else "no"], hole)
    if node.type == "HoleNumber":
        if hole is None:
            raise Failed
        return hole
    if node.type == "Evaluated":
        found = [read_value(graph, node.inputs["body"], node.inputs["hole"] + turn) for turn in range(2)]
        return sum(sum(item) if isinstance(item, Many) else item for item in found)
    given = {name: read_value(graph, value, hole) for name, value in node.inputs.items()}
    if node.type == "Fail":
        raise Failed
    if node.type == "Range":
        return Many(range(given["count"]))
    if node.type == "Total":
        values = given["values"] if isinstance(given["values"], Many) else [given["values"]]
        return sum(values) * given["scale"]
    if not any(isinstance(value, Many) for value in given.values()):
        return one(node.type, given)
    longest = max(len(value) for value in given.values() if isinstance(value, Many))
    return Many(
        one(node.type, {
            name: value[min(turn, len(value) - 1)] if isinstance(value, Many) else value for name, value in given.items()
        })
        for turn in range(longest)
    )  # fmt: skip


def read_value(graph: Graph, value: Any, hole: int | None) -> Any:
    return read(graph, value.node, hole) if isinstance(value, Link) else value


def one(kind: str, given: dict[str, Any]) -> int:
    if kind == "Add":
        return given["a"] + given["b"]
    if kind == "Doubled":
        return given["a"] * (given["times"] + 1)
    return given["value"] if kind == "Source" else given["a"]


def kit_with_numbers() -> Kit:
    kit = Kit()

    @node("HoleNumber", category="test", lane="cpu", placeholder=True)
    def hole() -> int:
        raise RuntimeError("no value")

    @node("Evaluated", category="test", lane="cpu")
    def evaluated(*, body: SubGraph, hole: int = 0, context: Context) -> int:
        found = [context.evaluate(body, {"HoleNumber": hole + turn}) for turn in range(2)]
        return sum(sum(item) if isinstance(item, Many) else item for item in found)

    kit.registry.add(hole)
    kit.registry.add(evaluated)
    return kit


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(), st.sampled_from(["off", "large", "tiny", "small", "disk"]))
def test_any_graph_gives_what_reading_it_gives(graph: Graph, remembers: str) -> None:
    expected: dict[str, Any] = {}
    for node_id in graph.nodes:
        try:
            expected[node_id] = read(graph, node_id)
        except Failed:
            expected[node_id] = Failed
    kit = kit_with_numbers()
    checked = require_valid(graph, kit.registry, targets=list(graph.nodes))
    with tempfile.TemporaryDirectory() as folder:
        cache = {
            "off": lambda: None,
            "large": lambda: Cache(),
            "tiny": lambda: Cache(ram_bytes=1),
            "small": lambda: Cache(ram_bytes=3000),
            "disk": lambda: Cache(None, 2000, 0, 1 << 20, Path(folder), min_disk_seconds=0.0),
        }[remembers]()
        executor = kit.executor(cache)
        for order in (checked.order, None):
            told: list[Any] = []
            result = executor.run(checked.graph, list(graph.nodes), sink=told.append, order=order)
            assert isinstance(told[-1], events.Ended)
            found = {node_id: outputs["INT"] for node_id, outputs in result.values.items()}
            assert found == {node_id: value for node_id, value in expected.items() if value is not Failed}
            lost = {node_id for node_id, value in expected.items() if value is Failed}
            assert lost == {*result.failures, *result.blocked}
            assert not executor.cache or not executor.cache._memory.leases
        if cache is not None:
            cache.close()
