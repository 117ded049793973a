"""The progress display: finished lines everywhere, a live line only on a terminal."""

import io

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.graph.graph import Graph, Node
from latentloom.engine.run import events
from latentloom.engine.run.progress import REDRAW_SECONDS, ProgressView

GRAPH = Graph([Node("3", "KSampler", {}, "Sampler"), Node("8", "VAEDecode", {})])
STORY = [
    events.Queued(("3", "8")),
    events.Cached(("8",)),
    events.Started("3", "3", "KSampler"),
    events.Progress("3", "3", 5, 20, {}),
    events.Finished("3", "3", 1.25, {"rss": 1, "device": 2_000_000_000}),
    events.Ended("done", 1.5),
]


def show(story, live):
    stream = io.StringIO()
    view = ProgressView(GRAPH, stream, live)
    for event in story:
        view(event)
    view.close()
    return stream.getvalue(), view


def test_a_pipe_gets_finished_lines_only():
    text, view = show(STORY, live=False)
    assert text.splitlines() == [
        "3 Sampler  1.25 s, 2.00 GB on the device",
        "cached: 8 VAEDecode",
        "done in 1.50 s, 1 of 2 nodes from the cache",
    ]
    assert view.seconds == {"3": 1.25}
    assert view.cached == ["8"]


def test_a_terminal_gets_a_bar_that_is_erased(monkeypatch):
    monkeypatch.setattr("latentloom.engine.run.progress.REDRAW_SECONDS", 0.0)
    text, _ = show(STORY, live=True)
    assert "[0/2] 3 Sampler  [######------------------] 5/20" in text
    *_, last = text.split("\r")
    assert last.splitlines()[0] == "3 Sampler  1.25 s, 2.00 GB on the device"


def test_the_live_line_is_redrawn_at_a_bounded_rate(monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr("time.monotonic", lambda: next(clock) * REDRAW_SECONDS / 100)
    story = [events.Queued(("3",)), events.Started("3", "3", "KSampler")]
    story += [events.Progress("3", "3", step, 1000, {}) for step in range(1000)]
    text, _ = show(story, live=True)
    assert 5 <= text.count("\r") <= 20


def test_inner_nodes_count_towards_the_node_they_belong_to():
    story = [
        events.Started("3:a", "3", "Inner"),
        events.Finished("3:a", "3", 1.0, None),
        events.Finished("3", "3", 0.5, None),
    ]
    text, view = show(story, live=False)
    assert text == "3 Sampler  1.50 s\n"
    assert view.seconds == {"3": 1.5}


@pytest.mark.parametrize("live", [True, False])
def test_a_failure_is_named(live):
    error = UserError("R1", "w", "e", "g", "f")
    text, _ = show([events.Started("3", "3", "KSampler"), events.Failed("3", "3", error, ("8",))], live)
    assert "3 Sampler  failed\n" in text


def test_a_node_that_runs_again_in_a_sub_graph_is_summed_up_and_not_called_cached():
    again = [events.Started("8", "8", "VAEDecode"), events.Finished("8", "8", 0.5, None)]
    text, view = show([events.Cached(("3", "8")), *again * 3, events.Ended("done", 2.0)], live=False)
    assert text.splitlines() == [
        "8 VAEDecode  0.50 s",
        "8 VAEDecode  1.50 s in 3 runs",
        "cached: 3 Sampler",
        "done in 2.00 s, 1 of 2 nodes from the cache",
    ]
    assert view.cached == ["3"]
