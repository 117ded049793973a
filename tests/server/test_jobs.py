"""Jobs as data: which steps are allowed, what they change, how the queue is ordered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.errors import EngineBug, UserError
from latentloom.engine.server.jobs import ENDED, Job, State, order_key, transition

JOB = Job("a", 1, State.PENDING, 0.0, True, {"1": {}}, None, {}, None, "", 10.0)

ALLOWED = {
    (State.PENDING, State.RUNNING),
    (State.PENDING, State.CANCELLED),
    (State.RUNNING, State.PENDING),
    (State.RUNNING, State.DONE),
    (State.RUNNING, State.FAILED),
    (State.RUNNING, State.CANCELLED),
}


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_only_the_allowed_steps_are_taken(before, after):
    job = replace(JOB, state=before)
    if (before, after) in ALLOWED:
        assert transition(job, after).state is after
    elif before in ENDED:
        with pytest.raises(UserError, match=f"J004 job a: .* got one that is {before}"):
            transition(job, after)
    else:
        with pytest.raises(EngineBug, match="J009"):
            transition(job, after)


def test_a_step_carries_changes_and_leaves_the_old_job_alone():
    running = transition(JOB, State.RUNNING, started=11.0, device="cpu")
    assert (running.started, running.device, running.held) == (11.0, "cpu", False)
    back = transition(running, State.PENDING, attempts=1)
    assert (back.started, back.device, back.attempts, back.created) == (None, None, 1, 10.0)
    done = transition(running, State.DONE, ended=12.0, outputs={"1": {"images": []}})
    assert (done.started, done.ended, done.outputs) == (11.0, 12.0, {"1": {"images": []}})
    assert JOB.state is State.PENDING and JOB.held and running.ended is None


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=30))
def test_smaller_priorities_go_first_and_equal_ones_keep_their_order(priorities):
    jobs = [replace(JOB, sequence=number, priority=value) for number, value in enumerate(priorities)]
    in_order = sorted(jobs, key=lambda job: job.priority)  # stable
    jobs.reverse()
    assert sorted(jobs, key=order_key) == in_order
