"""If and For Each."""

from __future__ import annotations

from typing import Any

import pytest

from latentloom.engine.graph.builder import GraphBuilder
from latentloom.engine.graph.graph import Graph, Node
from latentloom.engine.graph.validate import validate
from latentloom.engine.node import Registry, node
from latentloom.engine.run.cache import Cache
from latentloom.engine.run.executor import Executor
from latentloom.nodes import flow


@pytest.fixture
def kit() -> tuple[Registry, list[Any]]:
    calls: list[Any] = []

    @node("Note", category="test", lane="cpu")
    def note(text: str = "a", n: int = 0) -> str:
        """Join."""
        calls.append((text, n))
        return f"{text}{n}"

    @node("Words", category="test", lane="cpu", outputs=["STRING"])
    def words() -> flow.AnyList:
        """Give three words, one by one."""
        return ["x", "y", "z"]

    return Registry([note, words, flow.loom_if, flow.loom_item, flow.loom_for_each]), calls


def run(registry: Registry, builder: GraphBuilder, end: Any, cache: Cache | None = None) -> Any:
    graph = builder.graph()
    assert validate(graph, registry, targets=[end.node_id]) == ()
    result = Executor(registry, cache).run(graph, [end.node_id])
    for error in result.failures.values():
        raise error
    (value,) = result.values[end.node_id].values()
    return value


@pytest.mark.parametrize("condition", [True, False])
def test_if_runs_one_branch(kit: Any, condition: bool) -> None:
    registry, calls = kit
    b = GraphBuilder(registry)
    end = b.LoomIf(condition=condition, on_true=b.Note(text="yes"), on_false=b.Note(text="no"))
    assert run(registry, b, end) == ("yes0" if condition else "no0")
    assert len(calls) == 1


def test_if_without_the_chosen_branch_gives_none(kit: Any) -> None:
    registry, calls = kit
    b = GraphBuilder(registry)
    end = b.LoomIf(condition=False, on_true=b.Note(text="yes"))
    assert run(registry, b, end) is None
    assert calls == []


@pytest.mark.parametrize("remembers", [True, False])
def test_for_each_runs_the_body_per_item_and_the_rest_once(kit: Any, remembers: bool) -> None:
    registry, calls = kit
    b = GraphBuilder(registry)
    item, index = b.LoomItem()
    loop = b.LoomForEach(items=b.Words(), body=b.Note(text=item, n=index))
    end = b.Note(text=loop, n=9)
    assert run(registry, b, end, Cache() if remembers else None) == ["x09", "y19", "z29"]
    assert len(calls) == 6


def test_for_each_takes_a_written_list(kit: Any) -> None:
    registry, calls = kit
    b = GraphBuilder(registry)
    loop = b.LoomForEach(items=["p", "q"], body=b.Note(text=b.LoomItem().item))
    assert run(registry, b, loop) == ["p0", "q0"]
    assert calls == [("p", 0), ("q", 0)]


def test_for_each_over_nothing_gives_nothing(kit: Any) -> None:
    registry, calls = kit
    b = GraphBuilder(registry)
    loop = b.LoomForEach(items=[], body=b.Note(text=b.LoomItem().item))
    assert run(registry, b, loop) == []
    assert calls == []


def test_an_item_outside_a_loop_says_what_to_do(kit: Any) -> None:
    registry, _ = kit
    error = Executor(registry).run(Graph([Node("1", "LoomItem", {})])).failures["1"]
    assert error.code == "R020"
    assert "For Each" in error.fix
