"""A process that tests may kill: it works on the store of a data folder and prints what was acknowledged.

`python -P job_process.py hold|work|migrate FOLDER [STATEMENT]`. Every line is printed after the change is on disk.
`start` and `kill` are for the test that kills it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from latentloom.engine.server.jobs import State, Submission
from latentloom.engine.server.schema import STEPS, connect, migrate
from latentloom.engine.server.store import Store

PROCESS = Path(__file__)
RESERVE = 2**16

NEXT_STEP = (
    "ALTER TABLE jobs ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'",
    "CREATE TABLE copies AS SELECT jobs.*, randomblob(400) AS noise FROM jobs, counters CROSS JOIN (VALUES (1), (2), (3))",
    "UPDATE jobs SET colour = 'blue'",
    "CREATE INDEX jobs_by_colour ON jobs (colour)",
)
"""A step that a later version might take: it touches every row and fills many pages."""


def start(what, folder, *more):
    command = [sys.executable, "-P", str(PROCESS), what, str(folder), *map(str, more)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROCESS.parent)


def kill(process):
    """Kill the process and return the lines it had printed."""
    process.kill()
    lines = process.stdout.read().splitlines()
    process.wait(30)
    process.stdin.close()
    process.stdout.close()
    return lines


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())  # one write: a kill leaves whole lines


class Interrupted:
    """The statements of a step; says so and stands still before the one with number `stop`."""

    def __init__(self, stop: int) -> None:
        self.stop = stop

    def __iter__(self):
        for number, statement in enumerate(NEXT_STEP):
            if number == self.stop:
                say("middle")
                time.sleep(600)
            yield statement


async def hold(store: Store) -> None:
    """Submit one job for each line read."""
    say("open")
    while await asyncio.to_thread(sys.stdin.readline):
        say((await store.submit(Submission({}))).id)


async def work(store: Store) -> None:
    """Submit without end from four tasks while a fifth runs what it finds."""
    store.recover()

    async def submit(who: int) -> None:
        while True:
            job = await store.submit(Submission({"1": {"inputs": {"text": "x" * 3000, "who": who}}}))
            say("submitted", job.id)

    async def execute() -> None:
        while True:
            job = await store.claim("cpu")
            if job is None:
                await asyncio.sleep(0.001)
                continue
            await store.finish(job.id, State.DONE, outputs={"1": {"images": [job.id]}})
            say("done", job.id)

    await asyncio.gather(*[submit(who) for who in range(4)], execute())


def main() -> None:
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "migrate":
        path = folder / "jobs.sqlite3"
        connection = connect(path)
        connection.execute("PRAGMA cache_size = 5")  # so that what is half done reaches the files
        migrate(connection, path, (*STEPS, Interrupted(int(sys.argv[3]))))
        return
    store = Store.open(folder, reserve_bytes=RESERVE)
    asyncio.run({"hold": hold, "work": work}[what](store))


if __name__ == "__main__":
    main()
