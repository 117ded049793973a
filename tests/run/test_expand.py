"""Lazy inputs and nodes that answer with a graph."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from latentloom.engine.errors import NodeBug
from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.graph.subgraph import Expand
from latentloom.engine.node import Registry, Socket, node
from latentloom.engine.run import events
from latentloom.engine.run.cache import Cache
from latentloom.engine.run.executor import Executor

from .sample_nodes import AnyValue, Kit, value


@pytest.mark.parametrize("flag", [True, False])
def test_only_the_wanted_branch_runs(flag: bool) -> None:
    kit = Kit()
    b = kit.builder()
    end = b.Either(flag=flag, yes=b.Source(name="yes", value=1), no=b.Source(name="no", value=2))
    assert value(kit.run(b, end), end) == (1 if flag else 2)
    assert kit.calls["Sourceyes"] == flag
    assert kit.calls["Sourceno"] == (not flag)


def test_a_value_used_by_both_a_node_and_a_later_branch_is_computed_once_without_cache() -> None:
    kit = Kit()
    b = kit.builder()
    shared = b.Source(name="shared", value=3)
    first = b.Add(a=shared, b=1)
    late = b.Add(a=shared, b=10)
    end = b.Either(flag=b.Add(a=first, b=0), yes=late, no=first)
    assert value(kit.run(b, end), end) == 13
    assert kit.calls["Sourceshared"] == 1


def test_a_failing_branch_not_taken_does_no_harm() -> None:
    kit = Kit()
    b = kit.builder()
    end = b.Either(flag=False, yes=b.Fail(), no=b.Source(value=9))
    assert value(kit.run(b, end), end) == 9
    bad = b.Fail()
    end = b.Either(flag=True, yes=bad, no=b.Source(value=9))
    result = kit.run(b, end)
    assert list(result.failures) == [bad.node_id]
    assert result.values == {}


@pytest.mark.parametrize("flag", [True, False])
def test_a_branch_not_taken_makes_no_difference_though_its_value_is_there(flag: bool) -> None:
    kit = Kit()
    b = kit.builder()
    many = b.Range(count=3)
    end = b.Either(flag=flag, yes=many, no=b.Source(value=5))
    result = kit.run(b, [many, b.Total(values=many), end])
    assert result.values[end.node_id]["INT"] == ([0, 1, 2] if flag else 5)


def test_flags_in_a_list_want_what_each_item_wants() -> None:
    kit = Kit()
    b = kit.builder()
    end = b.Either(flag=b.Range(count=2), yes=b.Source(name="yes", value=1), no=b.Source(name="no", value=2))
    assert value(kit.run(b, end), end) == [2, 1]


def test_asking_for_an_unknown_input_is_the_nodes_bug() -> None:
    @node("Odd", category="test", needs=lambda **_: ["nonsense"])
    def odd(a: Annotated[Any, Socket("INT", lazy=True)] = None) -> int:
        return a

    error = Executor(Registry([odd])).run(Graph([Node("1", "Odd", {})])).failures["1"]
    assert isinstance(error, NodeBug)
    assert error.code == "R005"


def test_an_expansion_takes_the_place_of_its_node() -> None:
    kit = Kit()
    b = kit.builder()
    end = b.Add(a=b.Doubled(a=b.Source(value=5), times=3), b=100)
    told: list[Any] = []
    assert value(kit.run(b, end, sink=told.append), end) == 5 * 4 + 100
    inner = [event for event in told if isinstance(event, events.Started) and event.node.startswith("2.")]
    assert {event.node for event in inner} == {"2.s", "2.n0", "2.n1", "2.n2"}
    assert {event.display for event in inner} == {"2"}


def test_expanded_nodes_and_their_parent_are_remembered() -> None:
    kit = Kit()
    executor = kit.executor(Cache())
    b = kit.builder()
    doubled = b.Doubled(a=b.Source(value=5), times=3)
    graph = b.graph()
    executor.run(graph, [doubled.node_id])
    adds = kit.calls["Add"]
    again = executor.run(graph, [doubled.node_id])
    assert (again.stats.ran, kit.calls["Doubled"], kit.calls["Add"]) == (0, 1, adds)
    executor.run(graph.with_inputs(doubled.node_id, times=4), [doubled.node_id])
    assert kit.calls["Doubled"] == 2
    assert kit.calls["Add"] == adds + 1  # only the link of the chain that is new


def test_effects_inside_an_expansion_run_every_time() -> None:
    kit = Kit()
    executor = kit.executor(Cache())
    b = kit.builder()
    end = b.Doubled(a=4, times=1, save=True)
    for _ in range(2):
        result = executor.run(b.graph(), [end.node_id])
        assert result.outputs == {end.node_id: {"texts": [{"text": "x8"}]}}
    assert kit.saved == [8, 8]


def test_expansion_per_item_of_a_list() -> None:
    kit = Kit()
    b = kit.builder()
    end = b.Total(values=b.Doubled(a=b.Range(count=3), times=1))
    assert value(kit.run(b, end), end) == 6


def test_expansions_nest_and_a_failure_inside_blocks_what_follows() -> None:
    calls: list[int] = []

    @node("Down", category="test", lane="cpu")
    def down(n: int) -> int:
        calls.append(n)
        if n == 0:
            return 0
        if n == 13:
            raise ValueError("unlucky")
        return Expand(Graph([Node("x", "Down", {"n": n - 1})]), {"INT": Link("x", "INT")})  # type: ignore[return-value]

    executor = Executor(Registry([down]))
    result = executor.run(Graph([Node("1", "Down", {"n": 6})]))
    assert result.values == {"1": {"INT": 0}}
    assert calls == [6, 5, 4, 3, 2, 1, 0]
    result = executor.run(Graph([Node("1", "Down", {"n": 14}), Node("2", "Down", {"n": Link("1", "INT")})]))
    assert {node_id: error.code for node_id, error in result.failures.items()} == {"1.x": "R002"}
    assert result.values == {}


def test_objects_handed_into_an_expansion_keep_the_key_of_their_wire() -> None:
    class Model:
        pass

    made = 0
    used = 0

    @node("Load", category="test")
    def load() -> AnyValue:
        nonlocal made
        made += 1
        return Model()

    @node("Use", category="test")
    def use(model: AnyValue, n: int = 0) -> int:
        nonlocal used
        used += 1
        return n

    @node("Wrap", category="test")
    def wrap(model: AnyValue, n: int = 0, tag: int = 0) -> int:
        inner = Graph([Node("u", "Use", {"model": model, "n": n})])
        return Expand(inner, {"INT": Link("u", "INT")})  # type: ignore[return-value]

    executor = Executor(Registry([load, use, wrap]), Cache())
    for tag in range(3):
        graph = Graph([Node("1", "Load", {}), Node("2", "Wrap", {"model": Link("1", "*"), "n": 5, "tag": tag})])
        assert executor.run(graph).values == {"2": {"INT": 5}}
    assert (made, used) == (1, 1)


def test_an_expansion_without_the_declared_outputs_is_a_bug() -> None:
    @node("Bad", category="test")
    def bad() -> int:
        return Expand(Graph(), {"OTHER": 1})  # type: ignore[return-value]

    error = Executor(Registry([bad])).run(Graph([Node("1", "Bad", {})])).failures["1"]
    assert (error.code, error.node_id) == ("R004", "1")
