"""ComfyUI's messages of a run: their order, their fields, and that their bytes grow with the nodes and not faster."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.run.events import Cached, Failed, Finished, Output, Progress, Queued, Started, as_dict
from latentloom.engine.server.comfy_protocol import (
    STATE_WINDOW,
    ComfyRun,
    as_text,
    executing_now,
    feature_flags,
    status,
)
from latentloom.engine.server.frames import strict_json


@dataclass
class Ending:
    status: str
    failures: list[dict[str, Any]] = field(default_factory=list)
    reason: str | None = None
    node: str | None = None


def at(events, when=10.0, step=0.0):
    return [{**as_dict(event), "at": when + number * step} for number, event in enumerate(events)]


def node(node_id, display=None, *inner):
    display = display or node_id
    return [Started(node_id, display, "T" + node_id), *inner, Finished(node_id, display, 0.1, None)]


PICTURES = [{"filename": "a.png", "subfolder": "", "type": "output"}]


def test_order_of_a_run():
    run = ComfyRun("job", "me")
    said = run.start(1.5)
    said += run.feed(at([Queued(("1", "2")), Cached(("0",)), *node("1", None, Progress("1", "1", 1, 4, {}))]))
    said += run.feed(at(node("2", None, Output("2", "2", "images", PICTURES))))
    before, after = run.end(Ending("done"), 20.0)
    assert before == []
    assert [message.type for message in said] == [
        "execution_start", "execution_cached",
        "progress_state", "executing", "progress", "progress_state", "progress_state",
        "progress_state", "executing", "executed", "progress_state",
    ]  # fmt: skip
    assert [message.type for message in after] == ["execution_success", "status", "executing"]
    start, cached, _, executing, progress, *_ = [message.data for message in said]
    assert start == {"prompt_id": "job", "timestamp": 1500}
    assert cached == {"prompt_id": "job", "nodes": ["0"], "timestamp": 10_000}
    assert executing == {"node": "1", "display_node": "1", "prompt_id": "job"}
    assert progress == {"value": 1, "max": 4, "prompt_id": "job", "node": "1"}
    assert said[9].data == {"node": "2", "display_node": "2", "output": {"images": PICTURES}, "prompt_id": "job"}
    assert after[2].data == {"node": None, "prompt_id": "job"}
    states = [
        {node_id: entry["state"] for node_id, entry in message.data["nodes"].items()}
        for message in said
        if message.type == "progress_state"
    ]
    assert states == [
        {"1": "running"}, {"1": "running"}, {"1": "finished"}, {"1": "finished", "2": "running"},
        {"1": "finished", "2": "finished"},
    ]  # fmt: skip
    assert said[2].data["nodes"]["1"] == {
        "value": 0.0, "max": 1.0, "state": "running", "node_id": "1", "prompt_id": "job", "display_node_id": "1",
        "parent_node_id": None, "real_node_id": "1",
    }  # fmt: skip
    assert run.history == [
        ["execution_start", start], ["execution_cached", cached],
        ["execution_success", {"prompt_id": "job", "timestamp": 20_000}],
    ]  # fmt: skip
    assert run.meta == {"2": {"node_id": "2", "display_node": "2", "parent_node": None, "real_node_id": "2"}}


def test_cached_is_said_always_even_when_nothing_was():
    run = ComfyRun("job", None)
    assert next(message.type for message in run.feed(at([Queued(("1",)), *node("1")]))) == "execution_cached"
    empty = ComfyRun("job", None)
    before, after = empty.end(Ending("done"), 1.0)
    assert [(message.type, message.data["nodes"]) for message in before] == [("execution_cached", [])]
    assert after[0].type == "execution_success"


def test_expanded_nodes_name_the_visible_one():
    run = ComfyRun("job", "me")
    said = run.feed(at([Started("2.0.0.1", "2", "T"), Progress("2.0.0.1", "2", 1, 2, {})]))
    executing = next(message.data for message in said if message.type == "executing")
    assert executing == {"node": "2.0.0.1", "display_node": "2", "prompt_id": "job"}
    state = said[-1].data["nodes"]["2.0.0.1"]
    assert (state["display_node_id"], state["parent_node_id"], state["real_node_id"]) == ("2", "2", "2")
    assert (state["value"], state["max"]) == (1, 2)


def test_notes_become_text_beside_the_node():
    run = ComfyRun("job", "me")
    said = run.feed(at([Started("1", "1", "T"), Progress("1", "1", 1, 2, {"loss": 0.123456, "encoding": "3/9"})]))
    texts = [message.data for message in said if message.type == "progress_text"]
    assert texts == [{"prompt_id": "job", "node": "1", "text": "loss 0.1235, encoding 3/9"}]


def test_an_error_is_told_at_the_end_with_what_was_done_before():
    run = ComfyRun("job", "me")
    error = UserError("V001", "KSampler", "a", "b", "c", node_id="2")
    said = run.feed(at([Queued(("1", "2")), *node("1"), Started("2", "2", "KSampler"), Failed("2", "2", error, ("3",))]))
    assert not [message for message in said if message.type == "execution_error"]
    assert said[-1].data["nodes"]["2"]["state"] == "error"
    failure = {**error.as_dict(), "node_type": "KSampler", "traceback": ["line\n"], "inputs": {"seed": 5, "x": [1]}}
    _, after = run.end(Ending("failed", [failure]), 3.0)
    assert [message.type for message in after] == ["execution_error", "status", "executing"]
    assert after[0].data == {
        "prompt_id": "job", "node_id": "2", "node_type": "KSampler", "executed": ["1"],
        "exception_message": str(error), "exception_type": "UserError", "traceback": ["line\n"],
        "current_inputs": {"seed": [5], "x": [1]}, "current_outputs": ["1"], "timestamp": 3000,
    }  # fmt: skip
    assert run.history[-1] == ["execution_error", after[0].data]


def test_a_worker_that_died_is_an_error_of_the_node_that_ran():
    run = ComfyRun("job", "me")
    run.feed(at([Started("5", "5", "Crash")]))
    _, after = run.end(Ending("died", reason="the worker died (SIGSEGV)"), 3.0)
    assert after[0].type == "execution_error"
    data = after[0].data
    assert (data["node_id"], data["node_type"], data["exception_message"]) == (
        "5", "Crash", "the worker died (SIGSEGV)",
    )  # fmt: skip


def test_an_interrupted_run_says_where():
    run = ComfyRun("job", "me")
    run.feed(at([*node("1"), Started("2", "2", "KSampler")]))
    _, after = run.end(Ending("cancelled"), 3.0)
    assert after[0].type == "execution_interrupted"
    assert after[0].data == {
        "prompt_id": "job", "node_id": "2", "node_type": "KSampler", "executed": ["1"], "timestamp": 3000,
    }  # fmt: skip


def test_the_current_node_is_the_last_begun_that_still_runs():
    run = ComfyRun("job", "me")
    assert run.node is None
    run.feed(at([Started("1", "1", "T"), Started("2", "2", "T")]))
    assert run.node == "2"
    run.feed(at([Finished("2", "2", 0.1, None)]))
    assert run.node == "1"


def cost(count: int, step: float) -> tuple[int, int]:
    """Return (bytes, number of progress_state) of a chain of trivial nodes, fed in batches as a worker does."""
    run = ComfyRun("0f2c1a7e-1111-2222-3333-444455556666", "me")
    events = at([event for number in range(count) for event in node(str(number))], step=step)
    said = run.start(1.0)
    for place in range(0, len(events), 200):
        said += run.feed(events[place : place + 200])
    before, after = run.end(Ending("done"), events[-1]["at"])
    said += [*before, *after]
    return sum(len(as_text(message)) for message in said), sum(message.type == "progress_state" for message in said)


@pytest.mark.parametrize("step", [0.00002, 0.01, 1.0], ids=["at once", "10 ms each", "a second each"])
def test_bytes_grow_with_the_nodes(step):
    small, middle, large = (cost(count, step)[0] for count in (500, 1000, 2000))
    assert large - middle == pytest.approx(2 * (middle - small), rel=0.1)
    assert large < (500 if step < 0.001 else 7_500) * 2000


def test_states_are_throttled_and_the_last_holds_every_node():
    assert cost(1000, 0.00002)[1] < 25
    run = ComfyRun("job", "me")
    run.feed(at([event for number in range(1000) for event in node(str(number))]))
    assert run.stale and len(run.state().data["nodes"]) == STATE_WINDOW and not run.stale
    before, _ = run.end(Ending("done"), 1.0)
    nodes = before[-1].data["nodes"]
    assert list(nodes) == [str(number) for number in range(1000)]
    assert {entry["state"] for entry in nodes.values()} == {"finished"}


def test_a_window_never_leaves_out_what_runs():
    run = ComfyRun("job", "me")
    run.feed(at([Started("slow", "slow", "T"), *[event for number in range(200) for event in node(str(number))]]))
    assert run.state().data["nodes"]["slow"]["state"] == "running"


def test_small_messages():
    assert status(3).data == {"status": {"exec_info": {"queue_remaining": 3}}}
    assert status(3, "me").data["sid"] == "me"
    assert executing_now("4") == ("executing", {"node": "4"})
    assert feature_flags({"a": 1}) == ("feature_flags", {"a": 1})


def test_text_written_by_hand_is_the_same_json():
    run = ComfyRun('j"ob', "me")
    for message in run.feed(at(node('a"\u00e4', "b\\"))):
        assert as_text(message).decode() == strict_json({"type": message.type, "data": message.data})
