"""Executor: what runs, in what order, how often, and what is told about it."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest

from latentloom.engine.errors import LatentloomError, NodeBug, UserError
from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.node import Registry, node
from latentloom.engine.run import events
from latentloom.engine.run.cache import Cache
from latentloom.engine.run.executor import Executor

from .sample_nodes import AnyValue, Kit, chain, value


def test_runs_only_what_targets_need() -> None:
    kit = Kit()
    b = kit.builder()
    wanted = b.Add(a=b.Source(name="wanted"), b=1)
    b.Add(a=b.Source(name="other"), b=1)
    assert value(kit.run(b, wanted), wanted) == 8
    assert kit.calls["Sourcewanted"] == 1
    assert kit.calls["Sourceother"] == 0


def test_without_targets_effects_run_or_else_last_nodes() -> None:
    kit = Kit()
    b = kit.builder()
    b.Add(a=1, b=1)
    save = b.Save(value=b.Source(value=5))
    result = kit.run(b)
    assert kit.saved == [5]
    assert kit.calls["Add"] == 0
    assert result.outputs == {save.node_id: {"texts": [{"text": "x5"}]}}
    result = kit.run(chain(3))
    assert result.values == {"2": {"INT": 3}}


def test_second_run_takes_all_from_the_cache_and_a_change_reruns_only_below_it() -> None:
    kit, cache = Kit(), Cache()
    executor = kit.executor(cache)
    assert executor.run(chain(20)).stats.ran == 20
    again = executor.run(chain(20))
    assert (again.stats.ran, again.stats.cached, again.values["19"]["INT"]) == (0, 20, 20)
    changed = executor.run(chain(20).with_inputs("15", b=100))
    assert (changed.stats.ran, changed.values["19"]["INT"]) == (5, 119)


def test_other_graphs_do_not_push_one_out_of_the_cache() -> None:
    kit = Kit()
    executor = kit.executor(Cache())
    for first in (1, 2, 1, 2):
        executor.run(chain(5, first))
    assert kit.calls["Add"] == 10


def test_effects_run_each_time_and_impure_nodes_make_what_follows_run_again() -> None:
    kit = Kit()
    executor = kit.executor(Cache())
    b = kit.builder()
    b.Save(value=b.Source())
    b.Save(value=b.Add(a=b.Dice(), b=0))
    executor.run(b.graph())
    executor.run(b.graph())
    assert kit.calls["Source"] == 1
    assert (kit.calls["Save"], kit.calls["Dice"], kit.calls["Add"]) == (4, 2, 2)
    assert sorted(kit.saved) == [1, 2, 7, 7]


@pytest.mark.parametrize("remembers", [True, False])
def test_equal_nodes_share_one_result_but_not_one_effect(remembers: bool) -> None:
    kit = Kit()
    b = kit.builder()
    twins = [b.Add(a=b.Source(), b=3) for _ in range(4)]
    for twin in twins:
        b.Save(value=twin)
    kit.run(b, None, Cache() if remembers else None)
    assert (kit.calls["Source"], kit.calls["Add"], kit.calls["Save"]) == (1, 1, 4)
    assert kit.saved == [10] * 4


def test_a_failure_stops_only_what_depends_on_it() -> None:
    kit = Kit()
    b = kit.builder()
    bad = b.Add(a=b.Fail(text="why"), b=1)
    lost = b.Save(value=b.Add(a=bad, b=1))
    good = b.Save(value=b.Source())
    told: list[Any] = []
    result = kit.run(b, sink=told.append)
    (error,) = result.failures.values()
    assert isinstance(error, NodeBug)
    assert (error.code, error.node_id) == ("R002", "1")
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert "ZeroDivisionError: why" in error.__notes__[0]
    assert 'raise ZeroDivisionError(text)' in error.__notes__[0]
    assert set(result.values) == {good.node_id}
    (failed,) = [event for event in told if isinstance(event, events.Failed)]
    assert set(failed.blocked) == {"2", "3", lost.node_id}
    assert told[-1].status == "failed"


def test_a_failure_keeps_no_frames_alive() -> None:
    class Big:
        pass

    seen: list[Any] = []

    @node("Break", category="test")
    def break_it() -> int:
        big = Big()
        seen.append(weakref.ref(big))
        raise ValueError(big.__class__.__name__)

    result = Executor(Registry([break_it])).run(Graph([Node("1", "Break", {})]))
    gc.collect()
    assert result.failures["1"].code == "R002"
    assert seen[0]() is None


def test_a_thousand_failures_leave_the_executor_well() -> None:
    kit = Kit()
    graph = Graph([Node(str(n), "Fail", {"a": n}) for n in range(1000)])
    result = kit.run(graph, [str(n) for n in range(1000)])
    assert len(result.failures) == 1000
    assert all(error.node_id == node_id for node_id, error in result.failures.items())


def test_errors_of_the_engine_pass_as_they_are_with_the_node_named() -> None:
    @node("Picky", category="test")
    def picky() -> int:
        raise UserError("V001", "here", "this", "that", "Do so.")

    error = Executor(Registry([picky])).run(Graph([Node("8", "Picky", {})])).failures["8"]
    assert (type(error), error.code, error.node_id) == (UserError, "V001", "8")


def test_ctrl_c_passes_through() -> None:
    @node("Interrupted", category="test")
    def interrupted() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Executor(Registry([interrupted])).run(Graph([Node("1", "Interrupted", {})]))


@pytest.mark.parametrize(
    ("kind", "got"), [("type", "'text'"), ("count", "3 values"), ("none", "None")]
)
def test_outputs_are_held_against_the_declaration(kind: str, got: str) -> None:
    kit = Kit()
    error = kit.run(Graph([Node("1", "Wrong", {"kind": kind})])).failures["1"]
    assert isinstance(error, NodeBug)
    assert error.code == "R003"
    assert got in error.got


def test_values_are_checked_by_type() -> None:
    def check(types: str, given: object) -> str | None:
        return None if types != "INT" or isinstance(given, int) else f"expected a number, got {given!r}"

    kit = Kit()
    graph = Graph([Node("1", "Add", {"a": "a", "b": "b"}), Node("2", "Add", {"a": Link("1", "INT"), "b": 1})])
    result = kit.executor(check_value=check).run(graph)
    assert result.failures["1"].code == "R003"
    assert "'ab'" in result.failures["1"].got
    assert list(result.failures) == ["1"]


def test_several_outputs_go_by_name() -> None:
    kit = Kit()
    b = kit.builder()
    low, high = b.Split(a=4)
    end = b.Add(a=high, b=low)
    assert value(kit.run(b, end), end) == 9


def test_defaults_are_filled_in_and_whole_numbers_become_real_ones() -> None:
    seen: list[Any] = []

    @node("Take", category="test")
    def take(x: float, n: int = 4, y: float = 2) -> float:
        seen.extend([x, n, y])
        return x

    result = Executor(Registry([take])).run(Graph([Node("1", "Take", {"x": 3})]))
    assert not result.failures
    assert [repr(item) for item in seen] == ["3.0", "4", "2.0"]


def test_hidden_inputs_are_filled() -> None:
    kit = Kit()
    graph = Graph([Node("a", "Whoami", {}), Node("b", "Whoami", {})])
    result = kit.run(graph, ["a", "b"], Cache())
    assert [result.values[key]["STRING"] for key in ("a", "b")] == ["a of 2", "b of 2"]


def test_events_tell_the_story_in_order() -> None:
    kit = Kit()
    executor = kit.executor(Cache())
    told: list[Any] = []
    b = kit.builder()
    b.Save(value=b.Add(a=b.Source(), b=1), prefix="p")
    graph = b.graph()
    executor.run(graph, sink=told.append)
    kinds = [(type(event).__name__, getattr(event, "node", None)) for event in told]
    assert kinds == [
        ("Queued", None), ("Started", "1"), ("Finished", "1"), ("Started", "2"), ("Finished", "2"),
        ("Started", "3"), ("Output", "3"), ("Finished", "3"), ("Ended", None),
    ]  # fmt: skip
    assert set(told[0].nodes) == {"1", "2", "3"}
    assert all(event.seconds >= 0 for event in told if isinstance(event, events.Finished))
    told.clear()
    executor.run(graph.with_inputs("3", prefix="q"), sink=told.append)
    assert told[0] == events.Queued(("3",))
    assert isinstance(told[1], events.Cached)
    assert set(told[1].nodes) == {"1", "2"}
    assert events.as_dict(told[0]) == {"kind": "queued", "nodes": ("3",)}


def test_long_nodes_report_memory_and_progress_is_coalesced() -> None:
    kit = Kit()
    told: list[Any] = []
    kit.run(Graph([Node("1", "Steps", {"count": 40, "seconds": 0.002})]), ["1"], sink=told.append)
    steps = [event for event in told if isinstance(event, events.Progress)]
    assert 2 <= len(steps) < 40
    assert (steps[-1].value, steps[-1].total, steps[-1].note) == (40, 40, {"note": "step"})
    (finished,) = [event for event in told if isinstance(event, events.Finished)]
    assert finished.memory is not None
    assert finished.memory["rss"] > 1 << 20


def test_values_are_let_go_when_their_last_user_is_done() -> None:
    class Thing:
        pass

    alive: weakref.WeakSet[Thing] = weakref.WeakSet()
    most = 0

    @node("Make", category="test")
    def make(before: AnyValue = None) -> AnyValue:
        nonlocal most
        thing = Thing()
        alive.add(thing)
        most = max(most, len(alive))
        return thing

    nodes = [Node("0", "Make", {})]
    nodes += [Node(str(n), "Make", {"before": Link(str(n - 1), "*")}) for n in range(1, 50)]
    result = Executor(Registry([make])).run(Graph(nodes))
    assert most <= 2
    assert list(alive) == [result.values["49"]["*"]]


def test_independent_lanes_overlap_and_one_lane_queues() -> None:
    kit = Kit()
    meeting = threading.Barrier(3, timeout=60)  # breaks, and the nodes fail, unless all three are under way at once

    def declare(lane: Any) -> Any:
        @node(f"Meet_{lane}", category="test", lane=lane)
        def meet(a: int = 0) -> int:
            meeting.wait()
            return a

        return meet

    for lane in ("device", "cpu", "io"):
        kit.registry.add(declare(lane))
    b = kit.builder()
    result = kit.run(b, [b.Meet_device(a=1), b.Meet_cpu(a=2), b.Meet_io(a=3)])
    assert result.failures == {}
    assert sorted(values["INT"] for values in result.values.values()) == [1, 2, 3]
    b = kit.builder()
    kit.run(b, [b.Sleep(a=n, seconds=0.02) for n in range(4)])
    assert kit.calls["most device"] == 1


def test_short_nodes_stay_on_the_callers_thread() -> None:
    names: set[str] = set()

    @node("Where", category="test", lane="cpu")
    def where(a: int = 0) -> int:
        names.add(threading.current_thread().name)
        return a

    executor = Executor(Registry([where]))
    executor.run(Graph([Node(str(n), "Where", {"a": n}) for n in range(200)]), [str(n) for n in range(200)])
    assert names == {threading.current_thread().name}


def test_async_nodes_overlap_and_may_fail() -> None:
    kit = Kit()
    meeting = asyncio.Barrier(8)

    @node("MeetAsync", category="test")
    async def meet(a: int = 0) -> int:
        await asyncio.wait_for(meeting.wait(), 60)  # fails unless all eight are under way at once
        return a

    kit.registry.add(meet)
    b = kit.builder()
    ends = [b.MeetAsync(a=n) for n in range(8)]
    bad = b.FailAsync()
    result = kit.run(b, [*ends, bad, b.Add(a=bad, b=1)])
    assert [result.values[end.node_id]["INT"] for end in ends] == list(range(8))
    assert list(result.failures) == [bad.node_id]
    assert isinstance(result.failures[bad.node_id].__cause__, ValueError)


def test_a_chain_of_100_000_nodes_runs_without_recursion() -> None:
    kit = Kit()
    executor = kit.executor(Cache(ram_bytes=1 << 28))
    assert executor.run(chain(100_000)).values["99999"]["INT"] == 100_000
    assert executor.run(chain(100_000)).stats.ran == 0


def test_graphs_that_cannot_be_planned_are_refused() -> None:
    kit = Kit()
    ring = Graph([Node("1", "Add", {"a": Link("2", "INT")}), Node("2", "Add", {"a": Link("1", "INT")})])
    cases = [
        (Graph([Node("1", "Nowhere", {})]), None, "G001"),
        (ring, ["1"], "G007"),
        (Graph([Node("1", "Add", {"a": Link("9", "INT")})]), None, "G010"),
        (chain(2), ["7"], "G015"),
    ]
    for graph, targets, code in cases:
        with pytest.raises(LatentloomError) as caught:
            kit.run(graph, targets)
        assert caught.value.code == code


def test_several_runs_at_once_share_one_executor() -> None:
    kit = Kit()
    executor = kit.executor(Cache())
    results: list[Any] = []

    def work(first: int) -> None:
        results.append((first, executor.run(chain(200, first)).values["199"]["INT"]))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(first, first + 200) for first in range(8)]
