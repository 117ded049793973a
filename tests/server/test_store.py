"""The store: order, ends, control, what is refused, values that are hard to keep."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import pytest

from latentloom.engine.errors import EngineBug, UserError
from latentloom.engine.server.jobs import ENDED, Job, State

from .stores import ended_job, ids, opened, run, submission


@pytest.fixture
def store(data):
    kept = opened(data)
    yield kept
    kept.close()


# --- one job


def test_a_job_is_kept_with_everything_it_was_asked_with(store):
    asked = submission(
        "j", targets=("1",), extra={"extra_pnginfo": {"a": [1, None]}}, client_id="me", title="Ein Bild ✿",
        priority=2.5, held=True, idempotency_key="k", node_errors={"7": {"errors": []}},
    )  # fmt: skip
    job = run(store.submit(asked))
    assert store.get("j") == job
    assert (job.targets, job.extra, job.client_id, job.title) == (("1",), asked.extra, "me", "Ein Bild ✿")
    assert (job.priority, job.held, job.node_errors, job.state) == (2.5, True, asked.node_errors, State.PENDING)
    assert store.get("another") is None


def test_the_end_is_recorded_once_with_what_came_of_it(store):
    async def scenario():
        came = {"outputs": {"1": {"images": [{"filename": "a.png"}]}}, "meta": {"1": {}}, "messages": [["x", {}]],
                "stats": {"seconds": {"1": 0.5}}, "error": {"code": "R1"}}  # fmt: skip
        job = await ended_job(store, "j", State.FAILED, **came)
        assert store.get("j") == job
        assert {name: getattr(job, name) for name in came} == came
        assert job.created <= job.started <= job.ended
        for state in (State.DONE, State.FAILED, State.CANCELLED):
            with pytest.raises(UserError, match="J004"):
                await store.finish("j", state)
        assert store.get("j") == job

    run(scenario())


def test_of_many_who_record_the_end_at_once_one_succeeds(store):
    async def scenario():
        await store.submit(submission("j"))
        await store.claim("cpu")
        ends = [store.finish("j", State.DONE, outputs={"1": {"n": [n]}}) for n in range(20)]
        answers = await asyncio.gather(*ends, return_exceptions=True)
        (won,) = [answer for answer in answers if isinstance(answer, Job)]
        assert store.get("j") == won
        assert {getattr(answer, "code", "won") for answer in answers} == {"J004", "won"}

    run(scenario())


def test_a_job_that_does_not_run_cannot_end_and_an_unknown_one_is_named(store):
    async def scenario():
        await store.submit(submission("j"))
        with pytest.raises(EngineBug, match="J009"):
            await store.finish("j", State.DONE)
        for wrong in (store.finish("x", State.DONE), store.reorder("x", front=True), store.edit("x", title="")):
            with pytest.raises(UserError, match="J007 job x"):
                await wrong

    run(scenario())


def test_the_second_death_of_a_worker_ends_the_job_with_the_reason(store):
    async def scenario():
        await store.submit(submission("j"))
        await store.claim("cpu")
        again = await store.back_to_pending("j", attempt=True, reason="W001 died")
        assert (again.state, again.attempts, again.started, again.device) == (State.PENDING, 1, None, None)
        for _ in range(5):  # a drained server costs no attempt
            await store.claim("cpu")
            again = await store.back_to_pending("j", attempt=False)
            assert (again.state, again.attempts) == (State.PENDING, 1)
            assert store.get("j") == again
        await store.claim("cpu")
        over = await store.back_to_pending("j", attempt=True, reason="W001 the worker died (SIGKILL)")
        assert over == store.get("j")
        assert (over.state, over.attempts, over.error["code"]) == (State.FAILED, 2, "J008")
        assert "W001 the worker died (SIGKILL)" in over.error["message"]
        assert await store.claim("cpu") is None

    run(scenario())


def test_what_ran_at_a_restart_waits_again_in_its_place_without_an_attempt(data):
    async def first(store):
        for job_id in "abc":
            await store.submit(submission(job_id))
        await store.claim("cpu:0")
        await store.claim("cpu:1")

    store = opened(data)
    run(first(store))
    store.close()
    store = opened(data)
    assert ids(store.running()) == ["a", "b"]
    back = store.recover()
    assert ids(back) == ["a", "b"] and {job.attempts for job in back} == {0}
    assert back == store.pending()[:2] and ids(store.pending()) == ["a", "b", "c"]
    store.close()


# --- the queue


def test_the_queue_runs_by_priority_then_order_with_held_ones_left_out(store):
    async def scenario():
        for job_id, priority in [("a", 0), ("b", 5), ("c", -1), ("d", 0)]:
            await store.submit(submission(job_id, priority=priority))
        await store.submit(submission("h", priority=-9, held=True))
        assert ids(store.pending()) == ["h", "c", "a", "d", "b"]
        await store.submit(submission("f", front=True, priority=3))
        await store.submit(submission("g", front=True))
        assert ids(store.pending()) == ["g", "f", "h", "c", "a", "d", "b"]
        assert ids(store.pending(2)) == ["g", "f"]
        await store.reorder("b", front=True)
        await store.reorder("f", priority=1)
        assert ids(store.pending()) == ["b", "g", "h", "c", "a", "d", "f"]
        await store.edit("a", held=True)
        await store.edit("h", held=False)
        order = [(await store.claim("cpu")).id for _ in range(6)]
        assert order == ["b", "g", "h", "c", "d", "f"]
        assert await store.claim("cpu") is None and ids(store.pending()) == ["a"]
        assert ids(store.running()) == order

    run(scenario())


def test_front_works_beside_the_largest_priorities(store):
    async def scenario():
        await store.submit(submission("a", priority=-1e12))
        for job_id in "bcd":
            await store.submit(submission(job_id, front=True))
        assert ids(store.pending()) == ["d", "c", "b", "a"]

    run(scenario())


def test_only_what_waits_can_be_changed(store):
    async def scenario():
        await store.submit(submission("j"))
        edited = await store.edit("j", graph={"2": {}}, title="new")
        assert (edited.graph, edited.title, edited.extra) == ({"2": {}}, "new", {}) and store.get("j") == edited
        await store.claim("cpu")
        for state in ("running", "done"):
            if state == "done":
                await store.finish("j", State.DONE)
            for change in (store.edit("j", graph={}), store.reorder("j", priority=1), store.reorder("j", front=True)):
                with pytest.raises(UserError, match=f"J005 job j: .* got one that is {state}"):
                    await change
        assert store.get("j").graph == {"2": {}}

    run(scenario())


def test_cancelling_takes_what_waits_and_deleting_what_has_ended(store):
    async def scenario():
        await ended_job(store, "done")
        for job_id in ("run", "a", "b", "c"):
            await store.submit(submission(job_id))
        await store.claim("cpu")
        assert ids(await store.cancel_pending(["done", "run", "b", "x", "b"])) == ["b"]
        assert store.get("b").state is State.CANCELLED and store.get("b").ended is not None
        assert await store.delete(["done", "run", "a", "x", "b", "b"]) == ["done", "b"]
        assert ids(await store.clear_pending()) == ["a", "c"]
        assert store.counts() == {State.PENDING: 0, State.RUNNING: 1, State.DONE: 0, State.FAILED: 0, State.CANCELLED: 2}
        assert await store.clear_ended() == 2 and ids(store.find()) == ["run"]

    run(scenario())


def test_lists_are_paged_and_sorted(store):
    async def scenario():
        for job_id in "abcd":
            await ended_job(store, job_id, State.FAILED if job_id == "b" else State.DONE)
        await store.submit(submission("e", priority=-1))
        assert ids(store.ended()) == list("abcd") and ids(store.ended(newest_first=True)) == list("dcba")
        assert ids(store.ended(2, 1)) == ["b", "c"] and ids(store.ended(2, 1, newest_first=True)) == ["c", "b"]
        assert ids(store.find([State.DONE, State.PENDING], descending=True)) == list("edca")
        assert ids(store.find(limit=2, offset=3)) == ["d", "e"] and ids(store.find(sort="queue"))[0] == "e"
        lasting = store.find(list(ENDED), sort="duration")
        spans = [job.ended - job.started for job in lasting]
        assert len(spans) == 4 and spans == sorted(spans)
        assert store.find([]) == []
        with pytest.raises(UserError, match="J006"):
            store.find(sort="state; DROP TABLE jobs")

    run(scenario())


# --- what is refused


def test_an_id_is_taken_once_and_a_key_gives_the_earlier_job(store):
    async def scenario():
        first = await store.submit(submission("j", idempotency_key="k"))
        assert await store.submit(submission("other", idempotency_key="k", graph={})) == first
        assert await store.submit(submission("j", idempotency_key="k")) == first
        for key in (None, "k2"):
            with pytest.raises(UserError, match="J002 job j"):
                await store.submit(submission("j", idempotency_key=key))
        many = await asyncio.gather(*[store.submit(submission(idempotency_key="same")) for _ in range(20)])
        assert len({job.id for job in many}) == 1 and len(store.find()) == 2

    run(scenario())


def test_many_are_taken_all_or_none(store):
    async def scenario():
        await store.submit(submission("c"))
        with pytest.raises(UserError, match="J002"):
            await store.submit_many([submission("a"), submission("b"), submission("c")])
        assert ids(store.pending()) == ["c"]
        await store.submit_many([submission("a"), submission("b")])
        assert ids(store.pending()) == ["c", "a", "b"]

    run(scenario())


def test_a_full_queue_refuses_until_some_have_run(data):
    async def scenario(store):
        for job_id in "abc":
            await store.submit(submission(job_id, idempotency_key=job_id))
        with pytest.raises(UserError, match="J003 queue: expected at most 3"):
            await store.submit(submission("d"))
        assert (await store.submit(submission(idempotency_key="b"))).id == "b"  # nothing new
        await store.claim("cpu")
        await store.submit(submission("d"))
        with pytest.raises(UserError, match="J003"):
            await store.submit_many([submission("e")])

    store = opened(data, pending_cap=3)
    run(scenario(store))
    store.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"job_id": ""}, {"job_id": "a\nb"}, {"job_id": "x" * 201}, {"job_id": "\ud800"}, {"idempotency_key": "a\0"},
        {"client_id": "\ud800"}, {"title": "\udfff"}, {"priority": math.nan}, {"priority": math.inf},
        {"priority": 2e12}, {"graph": {"1": object()}}, {"extra": {"a": {1, 2}}},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_and_leaves_nothing(store, wrong):
    with pytest.raises(UserError, match="J006"):
        run(store.submit(replace(submission(), **wrong)))
    assert store.find() == []


def test_graphs_nested_beyond_all_reason_are_refused(store):
    deep = {}
    for _ in range(200_000):
        deep = {"a": deep}
    try:
        with pytest.raises(UserError, match="J006"):
            run(store.submit(submission(graph=deep)))
    finally:
        while deep:  # freed one by one: a deep chain would overflow the interpreter's stack
            deep = deep.pop("a")


def test_odd_but_legal_values_come_back_as_they_were(store):
    graph = {"1": {"inputs": {"text": "\ud800 ☃ \0 ' \" \\", "big": 10**40, "nan": "NaN", "long": "x" * 300_000}}}
    run(store.submit(submission("j' OR 1=1 --", graph=graph, client_id="'", title='"; DROP TABLE jobs')))
    job = store.get("j' OR 1=1 --")
    assert job.graph == graph and job.title == '"; DROP TABLE jobs'
    assert store.get("j") is None
