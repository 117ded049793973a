"""Graphs as values: cut at placeholders, run by `Context.evaluate` on the same executor and cache."""

from __future__ import annotations

from dataclasses import replace

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.node import Context, Registry, SubGraph, node
from latentloom.engine.run.cache import Cache
from latentloom.engine.run.cancel import CancelToken

from .sample_nodes import AnyValue, Kit, value


def looped(kit: Kit, values: str = "1,2,3"):
    """Return a builder with Evaluate over hole + expensive(7), and its handle."""
    b = kit.builder()
    constant = b.Add(a=b.Source(name="model"), b=0)
    end = b.Evaluate(body=b.Add(a=b.Hole(), b=constant), values=values)
    return b, end


@pytest.mark.parametrize("cache", ["none", "tiny", "large"])
def test_the_constant_part_runs_once_whatever_the_cache(cache: str) -> None:
    kit = Kit()
    b, end = looped(kit)
    found = {"none": None, "tiny": Cache(ram_bytes=1), "large": Cache()}[cache]
    assert value(kit.run(b, end, found), end) == [8, 9, 10]
    assert kit.calls["Sourcemodel"] == 1
    assert kit.calls["Add"] == 4


def test_equal_values_hit_the_cache_and_others_do_not() -> None:
    kit = Kit()
    b, end = looped(kit, "1,2,1,2")
    assert value(kit.run(b, end, Cache()), end) == [8, 9, 8, 9]
    assert kit.calls["Add"] == 3


def test_the_evaluating_node_is_remembered_by_the_whole_graph_above_it() -> None:
    kit = Kit()
    executor = kit.executor(Cache())
    b, end = looped(kit)
    graph = b.graph()
    executor.run(graph, [end.node_id])
    executor.run(graph, [end.node_id])
    assert kit.calls["Evaluate"] == 1
    changed = executor.run(graph.with_inputs("1", value=100), [end.node_id])
    assert value(changed, end) == [101, 102, 103]
    assert kit.calls["Evaluate"] == 2


def test_a_placeholder_outside_an_evaluation_fails_by_itself() -> None:
    kit = Kit()
    b = kit.builder()
    end = b.Add(a=b.Hole(), b=1)
    result = kit.run(b, end)
    assert list(result.failures) == ["1"]


def test_what_is_above_a_sub_graph_does_not_run_before_it_is_evaluated() -> None:
    kit = Kit()

    @node("Ignore", category="test")
    def ignore(body: SubGraph) -> str:
        return f"{len(body.graph)} nodes, {body.placeholders}"

    kit.registry.add(ignore)
    b = kit.builder()
    end = b.Ignore(body=b.Add(a=b.Hole(), b=b.Source(name="unused")))
    assert value(kit.run(b, end), end) == "3 nodes, {'Hole': ('1',)}"
    assert kit.calls["Sourceunused"] == 0


def test_a_failure_inside_is_the_evaluating_nodes_too() -> None:
    kit = Kit()
    b = kit.builder()
    end = b.Evaluate(body=b.Add(a=b.Fail(), b=b.Hole()))
    result = kit.run(b, end)
    assert {error.node_id for error in result.failures.values()} == {"1"}
    assert list(result.failures) == [end.node_id]


def test_any_node_type_can_be_given_a_value() -> None:
    kit = Kit()

    @node("Override", category="test")
    def override(*, body: SubGraph, context: Context) -> AnyValue:
        return context.evaluate(body, {"Source": 50})

    kit.registry.add(override)
    b = kit.builder()
    end = b.Override(body=b.Add(a=b.Source(), b=1))
    assert value(kit.run(b, end), end) == 51
    assert kit.calls["Source"] == 0


def test_loops_nest() -> None:
    kit = Kit()

    @node("Inner", category="test")
    def inner(*, body: SubGraph, start: int = 0, context: Context) -> int:
        return sum(context.evaluate(body, {"Inside": start + n}) for n in range(3))

    @node("Inside", category="test", placeholder=True)
    def inside() -> int:
        raise RuntimeError

    kit.registry.add(inner)
    kit.registry.add(inside)
    b = kit.builder()
    body = b.Inner(body=b.Add(a=b.Inside(), b=b.Hole()), start=b.Hole())
    end = b.Evaluate(body=body, values="0,10")
    # inner, for hole h: sum of (h + n) + h over n = 0..2
    assert value(kit.run(b, end, Cache()), end) == [3, 63]


def test_a_graph_that_the_node_changed_is_checked_again() -> None:
    kit = Kit()

    @node("Change", category="test")
    def change(*, body: SubGraph, number: AnyValue, context: Context) -> AnyValue:
        return context.evaluate(replace(body, graph=body.graph.with_inputs("1", b=number)), {})

    kit.registry.add(change)
    b = kit.builder()
    end = b.Change(body=b.Add(a=1, b=1), number=30)
    assert value(kit.run(b, end), end) == 31
    graph = b.graph().with_inputs(end.node_id, number="many")
    error = kit.run(graph, [end.node_id]).failures[end.node_id]
    assert isinstance(error, UserError)
    assert error.code == "G000"


def test_evaluating_something_else_is_refused() -> None:
    kit = Kit()

    @node("Confused", category="test")
    def confused(*, body: AnyValue, context: Context) -> AnyValue:
        return context.evaluate(body, {})

    kit.registry.add(confused)
    b = kit.builder()
    end = b.Confused(body=b.Add(a=1, b=1))
    assert kit.run(b, end).failures[end.node_id].code == "R007"


def test_cancelling_reaches_into_an_evaluation() -> None:
    kit = Kit()
    b = kit.builder()
    end = b.Evaluate(body=b.Add(a=b.Steps(count=500), b=b.Hole()))
    token = CancelToken()

    def sink(event: object) -> None:
        if type(event).__name__ == "Progress":
            token.cancel()

    result = kit.run(b, end, sink=sink, cancel=token)
    assert result.cancelled
    assert not result.failures
    assert kit.calls["Steps"] < 30


def test_registry_of_placeholders_is_the_executors_own() -> None:
    assert Registry().spec("Hole") is None
    assert Kit().registry.spec("Hole").placeholder
