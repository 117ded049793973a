"""The store: many changes at once, giving up, closing; what is kept and for how long."""

from __future__ import annotations

import asyncio

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.server import changes
from latentloom.engine.server.jobs import State
from latentloom.engine.server.store import Retention

from .stores import ended_job, ids, opened, run, submission, writer_held


@pytest.fixture
def store(data):
    kept = opened(data)
    yield kept
    kept.close()


# --- many at once


def test_changes_that_wait_together_are_one_commit_with_a_full_flush(store):
    async def scenario():
        said = []
        store._writer._connection.set_trace_callback(said.append)
        async with writer_held(store):
            tasks = [asyncio.create_task(store.submit(submission(f"j{n}"))) for n in range(200)]
        jobs = await asyncio.gather(*tasks)
        assert said.count("COMMIT") == 2  # the one that held the writer, and all of them
        assert [job.sequence for job in jobs] == list(range(1, 201)) and len(store.pending()) == 200
        said.clear()
        await store.claim("cpu")  # may be lost with the machine's power: it waits for no flush
        assert said[0] == "PRAGMA synchronous = NORMAL"
        said.clear()
        await store.finish("j0", State.DONE)
        assert said[0] == "PRAGMA synchronous = FULL" and said.count("COMMIT") == 1

    run(scenario())


def test_sixteen_submitters_share_commits(store):
    async def scenario():
        before = store._writer.commits

        async def submitter():
            for _ in range(20):
                await store.submit(submission())

        await asyncio.gather(*[submitter() for _ in range(16)])
        assert len(store.pending()) == 320
        assert store._writer.commits - before <= 160

    run(scenario())


def test_a_change_that_fails_takes_none_of_its_batch_along(store):
    async def scenario():
        await store.submit(submission("taken"))
        async with writer_held(store):
            wanted = [submission("a"), submission("taken"), submission("b")]
            tasks = [asyncio.create_task(store.submit(one)) for one in wanted]

            def broken(connection):
                connection.execute("DELETE FROM jobs")
                return {}["a bug"]

            bug = store._writer.ask(broken)
        answers = await asyncio.gather(*tasks, bug, return_exceptions=True)
        assert answers[0].id == "a" and answers[1].code == "J002" and answers[2].id == "b"
        assert isinstance(answers[3], KeyError)
        assert ids(store.pending()) == ["taken", "a", "b"]

    run(scenario())


def test_a_claim_that_nobody_waits_for_any_more_is_given_back(store):
    async def scenario():
        await store.submit(submission("j"))
        async with writer_held(store):
            claim = asyncio.create_task(store.claim("cpu"))
            await asyncio.sleep(0.01)
            claim.cancel()
        with pytest.raises(asyncio.CancelledError):
            await claim
        await store.submit(submission("k"))
        await store.submit(submission("l"))
        assert ids(store.pending()) == ["j", "k", "l"] and store.running() == []

    run(scenario())


def test_a_closed_store_says_so_and_has_made_what_was_asked_before(data):
    store = opened(data)

    async def scenario():
        task = asyncio.create_task(store.submit(submission("j")))
        await asyncio.sleep(0)
        store.close()
        store.close()
        assert (await task).id == "j"
        with pytest.raises(UserError, match="J011"):
            await store.submit(submission("k"))
        with pytest.raises(UserError, match="J011"):
            store.get("j")

    run(scenario())
    again = opened(data)
    assert ids(again.pending()) == ["j"]
    again.close()
    assert not list(data.glob("*-wal"))


# --- what is kept


def test_the_oldest_ends_are_dropped_beyond_the_retention(data):
    async def scenario(store):
        await store.submit_many([submission(f"j{n}") for n in range(150)])
        while (job := await store.claim("cpu")) is not None:
            await store.finish(job.id, State.DONE)
        await store.submit(submission("waits"))
        await store.submit(submission())  # its commit comes after the housekeeping's
        return ids(store.ended())

    store = opened(data, retention=Retention(jobs=10))
    kept = run(scenario(store))
    assert kept == [f"j{n}" for n in range(150 - len(kept), 150)] and 10 <= len(kept) < 10 + 65
    assert store.get("waits") is not None
    store.close()


def test_ends_older_than_the_retention_are_dropped(data):
    async def scenario(store):
        await ended_job(store, "old")
        await store._writer.ask(lambda connection: connection.execute("UPDATE jobs SET ended = ended - 3 * 86400").rowcount)
        await store.submit(submission("waits"))

    store = opened(data)
    run(scenario(store))
    store.close()

    async def later(store):
        await store.claim("cpu")
        await store.finish("waits", State.DONE)
        await store.submit(submission("x"))
        assert store.get("old") is None and store.get("waits") is not None

    store = opened(data, retention=Retention(days=2))
    run(later(store))
    store.close()


def test_large_retentions_are_dropped_in_pieces(store):
    async def scenario():
        await store.submit_many([submission(f"j{n}") for n in range(1200)])
        await store.clear_pending()
        first = await store._writer.ask(lambda connection: changes.prune(connection, 0, None))
        assert first and len(store.ended()) == 700

    run(scenario())


def test_sequence_blocks_and_job_numbers_are_never_given_twice(data):
    store = opened(data)
    assert [store.next_sequence_block(10), store.next_sequence_block(5)] == [1, 11]
    first = run(store.submit(submission()))
    run(store.clear_pending())
    run(store.clear_ended())
    store.close()
    store = opened(data)
    assert store.next_sequence_block(1) == 16
    assert run(store.submit(submission())).sequence == first.sequence + 1
    store.close()


def test_progress_is_kept_while_the_job_runs_only(store):
    async def scenario():
        await store.submit(submission("j"))
        await store.note_progress("j", {"ran": 1})
        await store.note_progress("x", {"ran": 1})
        assert store.get("j").stats == {}
        await store.claim("cpu")
        await store.note_progress("j", {"ran": 2})
        assert store.get("j").stats == {"ran": 2}
        await store.finish("j", State.DONE, stats={"ran": 3})
        await store.note_progress("j", {"ran": 4})
        assert store.get("j").stats == {"ran": 3}

    run(scenario())


def test_a_record_damaged_within_a_sound_page_costs_itself_only(store):
    async def scenario():
        await store.submit_many([submission(job_id) for job_id in "ab"])
        await store._writer.ask(lambda connection: connection.execute("UPDATE jobs SET asked = x'ff00' WHERE id = 'a'").rowcount)
        assert store.get("a").error["code"] == "J013" and ids(store.pending()) == ["a", "b"]
        assert (await store.claim("cpu")).id == "b"
        assert store.get("a").state is State.FAILED and store.get("a").error["code"] == "J013"

    run(scenario())
