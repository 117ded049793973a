"""What `/api/loom` needs of a server, over a real store, real folders and a real registry; no worker runs.

Jobs are put into other states by asking the store, as the real hub does. Also the application with its errors.
"""

from __future__ import annotations

import time
from collections import namedtuple
from pathlib import Path
from typing import Annotated

from starlette.applications import Starlette
from starlette.testclient import TestClient

from latentloom.engine.errors import LatentloomError, UserError
from latentloom.engine.folders import Folders
from latentloom.engine.node.context import Context
from latentloom.engine.node.declare import node
from latentloom.engine.node.registry import Registry
from latentloom.engine.node.socket import Socket
from latentloom.engine.node.widget import Int
from latentloom.engine.server.jobs import State
from latentloom.engine.server.live import Live
from latentloom.engine.server.problems import problem_response
from latentloom.engine.server.routes_loom import routes
from latentloom.engine.server.store import Store

Worker = namedtuple("Worker", "name device state restarts last_beat info")
Journal = namedtuple("Journal", "last")

Wired = Annotated[int, Socket("INT")]


@node("DeskNumber", category="desk")
def number(value: Annotated[int, Int(0, 1000)] = 0) -> Wired:
    """Give a number."""
    return value


@node("DeskAdd", category="desk")
def add(a: Wired, value: Annotated[int, Int(0, 1000)] = 1) -> Wired:
    """Add a number."""
    return a + value


@node("DeskShow", category="desk", effect=True)
def show(value: Wired, context: Context) -> None:
    """Show a number."""
    context.output("text", [{"text": str(value)}])


class Desk:
    """The hub's side of the contract with its routes."""

    def __init__(self, folder: Path, cap: int = 10_000) -> None:
        self.folders = Folders(folder)
        self.registry = Registry([number, add, show])
        self.store = Store.open(folder / "server", pending_cap=cap)
        self.workers = []
        self.journal = Journal(7)
        self.started = time.time()
        self.version = "0.0.1"
        self.paused = "no"
        self.draining = False
        self.lives = {}
        self.announced = []

    async def nodes_known(self):
        """Nothing to wait for: the registry is whole."""

    async def submit(self, submission):
        return (await self.submit_many([submission]))[0]

    async def submit_many(self, submissions):
        if self.draining:
            raise UserError("J011", "server", "one that takes jobs", "one that is stopping", "Try again soon.")
        return await self.store.submit_many(submissions)

    async def cancel(self, ids):
        running = [job.id for job in self.store.running() if job.id in ids]
        for job_id in running:
            await self.store.finish(job_id, State.CANCELLED)
        return [*running, *(job.id for job in await self.store.cancel_pending(ids))]

    async def call(self, name, blob=b"", **arguments):
        if not self.workers:
            raise UserError("W010", "workers", "a live worker", "none", "Wait.")
        return {"asked": name, **arguments}, b""

    def set_paused(self, mode):
        self.paused = mode

    def told(self, job):
        self.announced.append(job)

    def live(self, job_id):
        return self.lives.get(job_id)

    def running_view(self):
        return [(job, None) for job in self.store.running()]


class Client(TestClient):
    """A client of an application of its own; `hub` is its desk."""

    def __init__(self, folder: Path, **given: int) -> None:
        self.hub = Desk(folder, **given)
        app = Starlette(routes=routes(), exception_handlers={LatentloomError: lambda _, error: problem_response(error)})
        app.router.redirect_slashes = False
        app.state.hub = self.hub
        super().__init__(app)

    def __exit__(self, *given):
        super().__exit__(*given)
        self.hub.store.close()

    def submit(self, graph=None, **fields):
        """Submit a job and return it as the server shows it."""
        answer = self.post("/api/loom/jobs", json={"graph": graph or chain(), **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()["job"]

    def claim(self):
        """Let the next job run, as a worker's dispatcher would; returns it."""
        job = self.portal.call(self.hub.store.claim, "cpu")
        self.hub.lives[job.id] = Live()
        return job

    def finish(self, job_id, state="done", **made):
        """Record the end of a running job."""
        self.hub.lives.pop(job_id, None)

        async def work():
            await self.hub.store.finish(job_id, State(state), **made)

        self.portal.call(work)

    def code(self, method, path, status, **given):
        """Ask, expect the status of an error, and return its code."""
        answer = self.request(method, path, **given)
        assert answer.status_code == status, answer.text
        return answer.json()["error"]["code"]


def chain(first=0, length=3):
    """A graph: a number, additions, and a node that shows the sum."""
    graph = {"0": {"class_type": "DeskNumber", "inputs": {"value": first}}}
    for index in range(1, length - 1):
        graph[str(index)] = {"class_type": "DeskAdd", "inputs": {"a": [str(index - 1), 0], "value": 1}}
    graph[str(length - 1)] = {"class_type": "DeskShow", "inputs": {"value": [str(length - 2), 0]}}
    return graph
