"""What ComfyUI's routes need of a server, over a real store, registry and folders; no worker runs.

What a worker would do is done by asking the store.
"""

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from latentloom.engine.errors import LatentloomError, UserError
from latentloom.engine.folders import Folders
from latentloom.engine.library import registry as built_in
from latentloom.engine.server.jobs import State
from latentloom.engine.server.problems import problem_response
from latentloom.engine.server.routes_comfy import routes
from latentloom.engine.server.store import Store
from latentloom.engine.settings import Settings

GRAPH = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}
FILE = {"filename": "a_00001_.png", "subfolder": "", "type": "temp"}
REGISTRY = built_in()


class Features:
    features = {"supports_preview_metadata": True}


class Desk:
    """The hub's side of its contract with these routes."""

    def __init__(self, folder, cap=10_000):
        self.settings = Settings(folder)
        self.folders = Folders(folder)
        self.registry = REGISTRY
        self.store = Store.open(folder / "server", pending_cap=cap)
        self.workers = []
        self.sessions = Features()
        self.version = "9.9"
        self.draining = False
        self.told_of, self.interrupted, self.freed = [], [], []

    async def nodes_known(self):
        """Nothing to wait for: the registry is whole."""

    async def submit(self, submission):
        if self.draining:
            raise UserError("J011", "server", "one that takes jobs", "one that is stopping", "Try again soon.")
        return await self.store.submit(submission)

    async def cancel(self, ids):
        running = [job.id for job in self.store.running() if job.id in ids]
        for job_id in running:
            await self.store.finish(job_id, State.CANCELLED)
        return [*running, *(job.id for job in await self.store.cancel_pending(ids))]

    async def interrupt(self, job_id):
        self.interrupted.append(job_id)

    def free(self, models, memory):
        self.freed.append((models, memory))

    def told(self, job):
        self.told_of.append(job.id)

    def queue_remaining(self):
        counts = self.store.counts()
        return counts[State.PENDING] + counts[State.RUNNING]


class Client(TestClient):
    """A client of an application of its own, with the twins under /api as the real one has them."""

    def __init__(self, folder, **given):
        self.hub = Desk(folder, **given)
        once = routes()
        twins = [Route(f"/api{r.path}", r.endpoint, methods=sorted(r.methods)) for r in once if r.path[:5] != "/api/"]
        app = Starlette(
            routes=[*once, *twins],
            exception_handlers={LatentloomError: lambda _, error: problem_response(error)},
        )
        app.state.hub = self.hub
        super().__init__(app)

    def __exit__(self, *given):
        super().__exit__(*given)
        self.hub.store.close()

    def submit(self, graph=None, **fields):
        answer = self.post("/prompt", json={"prompt": graph or GRAPH, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()["prompt_id"]

    def run(self, state="done", **made):
        """Let the next job run to its end, as a worker would; return its id."""

        async def work():
            job = await self.hub.store.claim("cpu")
            await self.hub.store.finish(job.id, State(state), **made)
            return job.id

        return self.portal.call(work)

    def claim(self):
        return self.portal.call(self.hub.store.claim, "cpu").id
