"""Stopping a run between nodes, inside a node, and in every lane."""

from __future__ import annotations

import threading

import pytest

from latentloom.engine.errors import Cancelled
from latentloom.engine.run.cancel import CancelToken
from latentloom.engine.run.events import Progress

from .sample_nodes import Kit, chain


def cancel_after(seconds: float) -> CancelToken:
    token = CancelToken()
    threading.Timer(seconds, token.cancel).start()
    return token


def test_a_token_tells_its_watchers_once() -> None:
    token = CancelToken()
    seen: list[int] = []
    token.watch(lambda: seen.append(1))
    forget = token.watch(lambda: seen.append(2))
    forget()
    token.check()
    token.cancel()
    token.cancel()
    token.watch(lambda: seen.append(3))
    assert seen == [1, 3]
    with pytest.raises(Cancelled):
        token.check()


def test_cancelled_within_one_step_of_a_long_node() -> None:
    kit = Kit()
    token = CancelToken()
    b = kit.builder()
    end = b.Add(a=b.Steps(count=2000, seconds=0.0), b=1)

    def sink(event: object) -> None:
        if isinstance(event, Progress):
            token.cancel()

    result = kit.run(b, end, sink=sink, cancel=token)
    assert result.cancelled
    assert kit.calls["Steps"] == 2  # asked for at the end of the first step, heard at the end of the next
    assert (result.values, result.failures) == ({}, {})
    assert kit.calls["Add"] == 0


def test_cancelled_between_nodes_and_the_next_run_goes_on() -> None:
    kit = Kit()
    token = CancelToken()
    told: list[object] = []

    def sink(event: object) -> None:
        told.append(event)
        if type(event).__name__ == "Finished" and event.node == "4":  # type: ignore[attr-defined]
            token.cancel()

    result = kit.run(chain(10), ["9"], sink=sink, cancel=token)
    assert result.cancelled
    assert kit.calls["Add"] == 5
    assert told[-1].status == "cancelled"  # type: ignore[attr-defined]
    assert kit.run(chain(10)).values["9"]["INT"] == 10


def test_cancelled_before_the_start_runs_nothing() -> None:
    kit = Kit()
    token = CancelToken()
    token.cancel()
    assert kit.run(chain(3), cancel=token).cancelled
    assert kit.calls["Add"] == 0


def test_async_nodes_are_cancelled_at_once() -> None:
    kit = Kit()
    b = kit.builder()
    result = kit.run(b, [b.SleepAsync(a=n, seconds=1e6) for n in range(3)], cancel=cancel_after(0.1))
    assert result.cancelled  # and did not wait for them: they sleep for days


def test_a_sink_may_cancel_while_other_threads_work() -> None:
    kit = Kit()
    b = kit.builder()
    ends = [b.SleepCpu(a=n, seconds=0.01) for n in range(30)] + [b.SleepIo(a=n, seconds=0.01) for n in range(30)]
    token = CancelToken()
    seen = 0

    def sink(event: object) -> None:
        nonlocal seen
        seen += type(event).__name__ == "Finished"
        if seen == 10:
            token.cancel()

    result = kit.run(b, ends, sink=sink, cancel=token)
    assert result.cancelled
    assert 10 <= len(result.values) < 60


def test_a_run_that_was_through_already_is_not_cancelled() -> None:
    kit = Kit()
    token = CancelToken()

    def sink(event: object) -> None:
        if type(event).__name__ == "Finished":
            token.cancel()

    result = kit.run(chain(1), sink=sink, cancel=token)
    assert not result.cancelled
    assert result.values == {"0": {"INT": 1}}
