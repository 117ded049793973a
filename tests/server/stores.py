"""What the tests of the store share: short submissions, stores with jobs in them, a writer that is held."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import asynccontextmanager

from latentloom.engine.server.jobs import State, Submission
from latentloom.engine.server.store import Store

GRAPH = {"1": {"class_type": "EmptyLatentImage", "inputs": {"width": 64}}}
RESERVE = 2**16


def opened(folder, **options):
    return Store.open(folder, **{"reserve_bytes": RESERVE, **options})


def submission(job_id=None, **given):
    return Submission(given.pop("graph", GRAPH), job_id=job_id, **given)


def ids(jobs):
    return [job.id for job in jobs]


def run(coroutine):
    return asyncio.run(coroutine)


@asynccontextmanager
async def writer_held(store):
    """Keep the writer busy, so that what is asked meanwhile waits and becomes one batch."""
    begun, go = threading.Event(), threading.Event()

    def hold(connection):
        begun.set()
        assert go.wait(30)

    held = store._writer.ask(hold)
    while not begun.is_set():
        await asyncio.sleep(0.001)
    yield
    await asyncio.sleep(0.02)  # lets tasks made just now ask
    go.set()
    await held


async def ended_job(store, job_id, state=State.DONE, **came):
    await store.submit(submission(job_id))
    claimed = await store.claim("cpu")
    assert claimed is not None and claimed.id == job_id
    return await store.finish(job_id, state, **came)


def some_jobs(folder, count=300):
    """Make a store with jobs that wait and five that are done; return them as they are kept."""

    async def fill(store):
        graph = {"1": {"inputs": {"text": "x" * 500}}}
        await store.submit_many([submission(f"j{n}", graph=graph) for n in range(count)])
        for _ in range(5):
            job = await store.claim("cpu")
            await store.finish(job.id, State.DONE, outputs={"1": {"images": [job.id]}})
        return store.find(limit=-1)

    store = opened(folder)
    jobs = run(fill(store))
    store.close()
    return jobs


def integrity(folder):
    connection = sqlite3.connect(folder / "jobs.sqlite3")
    try:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()
