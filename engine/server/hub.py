"""The server's one coordinator: takes jobs from the store to the workers and tells everybody what happens.

A job's end is recorded before it is announced, so that whoever hears of it can read it. Holds no HTTP and no SQL;
knows no torch.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from .. import library
from ..durable import remove_leftovers
from ..errors import LatentloomError, UserError
from ..folders import Folders
from ..node.registry import PackFailure, Registry
from ..settings import Settings
from .jobs import Job, State, Submission
from .journal import Journal
from .live import Live
from .protocol import ComfyMessage, ComfyRun
from .sessions import Sessions
from .store import Store
from .supervise import Outcome, Worker, Workers

__all__ = ["Hub", "Pause"]

Pause = Literal["no", "after_job", "after_node"]
SEQUENCES = 1 << 36  # event numbers a server may use before its next start; 2**17 starts fit a browser's integers
CALL_PATIENCE = 60.0  # seconds that a request waits for a worker that is still starting
LOSSES = 3  # workers that may end under a job before its first node, until that counts against the job as well
JOURNAL_EVENTS, JOURNAL_BYTES = 10_000, 8 << 20  # a thousand small jobs, or one of 5,000 nodes; memory stays flat
TIDY_AFTER, TIDY_EVERY = 15.0, 600.0  # seconds
AGAIN = 2.0  # seconds after which what a full disk refused is tried again
STATES = MappingProxyType({"done": State.DONE, "failed": State.FAILED, "cancelled": State.CANCELLED})

log = logging.getLogger("latentloom.server")


class Hub:
    """What routes see of the server (`request.app.state.hub`)."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        registry: Registry,
        store: Store,
        workers: Workers,
        version: str,
        *,
        plain_previews: bool = False,
    ) -> None:
        """plain_previews: as in `Sessions`."""
        self.settings = settings
        self.folders = folders
        self.registry = registry
        self.store = store
        self.workers = workers
        self.version = version
        self.started = time.time()
        self.paused: Pause = "no"
        self.draining = False
        self.journal = Journal(store.next_sequence_block(SEQUENCES), JOURNAL_EVENTS, JOURNAL_BYTES)
        self.sessions = Sessions(
            self.journal,
            current=self._current,
            queue_remaining=self.queue_remaining,
            on_subscribers_changed=self._previews_wanted,
            plain_previews=plain_previews,
        )
        self._lives: dict[str, Live] = {}
        self._running: dict[str, Worker] = {}
        self._clients: dict[str, str | None] = {}
        self._stopping: dict[str, str] = {}  # running jobs that were asked to stop, and why
        self._losses: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._nodes_known = asyncio.Event()
        if not registry.unread:
            self._nodes_known.set()

    # --- life

    async def start(self, *, paused: bool = False) -> None:
        """Put back what ran when the last server ended, start dispatching."""
        for job in self.store.recover():
            self._say_job(job, reason="the server ended while the job ran; it continues")
        if paused:
            self.paused = "after_job"
        self.workers.on_idle = self._wake.set
        self._spawn(self._dispatch())
        self._spawn(self._tidy())
        if not self._nodes_known.is_set():
            self._spawn(self._read_nodes())
        self.changed()

    async def drain(self, deadline: float) -> None:
        """Take no more jobs; give running ones `deadline` seconds, then put them back unharmed."""
        self.draining = True
        self._say("server", None, {"draining": True})
        patience = asyncio.get_running_loop().time() + deadline
        while self._running and asyncio.get_running_loop().time() < patience:
            await asyncio.sleep(0.05)
        for job_id in list(self._running):
            self._stopping.setdefault(job_id, "drain")  # what its user stopped does not come back
            self._running[job_id].cancel(job_id)  # a trainer writes its checkpoint when it is cancelled
        patience += 5.0
        while self._running and asyncio.get_running_loop().time() < patience:
            await asyncio.sleep(0.05)

    async def stop(self, seconds: float = 3.0) -> None:
        """End the dispatcher and the workers, which get `seconds`. Running jobs become pending at the next start."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.workers.stop(seconds)
        await self.sessions.close()
        self.store.close()

    # --- what routes ask for

    async def nodes_known(self) -> None:
        """Wait until every pack was read, which a first start leaves to a worker; return at once afterwards."""
        await self._nodes_known.wait()

    async def submit(self, submission: Submission) -> Job:
        """Queue a job; on disk when this returns. Raises UserError J002, J003, J010, J011."""
        return (await self.submit_many([submission]))[0]

    async def submit_many(self, submissions: list[Submission]) -> list[Job]:
        """Queue jobs, all or none. Raises as `submit`."""
        if self.draining:
            raise UserError("J011", "server", "a server that takes jobs", "one that is stopping", "Try again soon.")
        if len(submissions) == 1:
            jobs = [await self.store.submit(submissions[0])]
        else:
            jobs = await self.store.submit_many(submissions)
        for job in jobs:
            self._say_job(job)
        self.changed()
        return jobs

    async def cancel(self, ids: Iterable[str]) -> list[str]:
        """Cancel pending jobs and interrupt running ones; return the ids that were either."""
        wanted = list(dict.fromkeys(ids))
        running = [job_id for job_id in wanted if job_id in self._running]
        for job_id in running:
            self._stop_running(job_id)
        done = await self.store.cancel_pending([job_id for job_id in wanted if job_id not in running])
        for job in done:
            self._say_job(job)
        if done:
            self.changed()
        return [*running, *(job.id for job in done)]

    async def interrupt(self, job_id: str | None) -> None:
        """Interrupt that job if it runs; None interrupts whatever runs. Pending jobs stay."""
        for running in list(self._running):
            if job_id is None or running == job_id:
                self._stop_running(running)

    async def call(self, name: str, blob: bytes = b"", **arguments: Any) -> tuple[Any, bytes]:
        """Let a worker do something beside its job (see `calls`). Raises UserError W010 when none comes up in time."""
        worker = await self.workers.live(CALL_PATIENCE)
        if worker is None:
            fix = "See /health for what keeps the workers from starting."
            raise UserError("W010", "workers", "a live worker", "none", fix)
        return await worker.call(name, blob, **arguments)

    def free(self, models: bool, memory: bool) -> None:
        """Ask every worker to drop its models, or its cache, when it is idle next."""
        for worker in self.workers:
            worker.free(models=models, cache=memory)

    def set_paused(self, mode: Pause) -> None:
        """Stop taking jobs from the queue after the running job, or after its running node; "no" goes on."""
        self.paused = mode
        self._say("queue", None, {"paused": mode, "remaining": self.queue_remaining()})
        self.changed()

    def changed(self) -> None:
        """Tell clients how long the queue is and look whether a job can start."""
        self._wake.set()
        self.sessions.status()

    def told(self, job: Job) -> None:
        """Announce a job that a route changed (edit, reorder, hold, release)."""
        self._say_job(job)
        self.changed()

    def queue_remaining(self) -> int:
        """Return how many jobs wait or run."""
        counts = self.store.counts()
        return counts.get(State.PENDING, 0) + counts.get(State.RUNNING, 0)

    def running_view(self) -> list[tuple[Job, str | None]]:
        """Return the running jobs, each with the node that runs."""
        found = [(self.store.get(job_id), self._lives[job_id].node) for job_id in self._running]
        return [(job, node) for job, node in found if job is not None]

    def live(self, job_id: str) -> Live | None:
        """Return what is known of a running job."""
        return self._lives.get(job_id)

    # --- running

    async def _dispatch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self.paused == "no" and not self.draining and (worker := self._free_worker()) is not None:
                try:
                    job = await self.store.claim(worker.device or worker.name)
                except LatentloomError as error:  # a full disk: the job stays where it is
                    self._say("server", None, {"error": error.as_dict()})
                    asyncio.get_running_loop().call_later(AGAIN, self._wake.set)
                    break
                if job is None:
                    break
                self._begin(worker, job)

    def _begin(self, worker: Worker, job: Job) -> None:
        self._lives[job.id] = Live()
        self._running[job.id] = worker
        self._clients[job.id] = job.client_id
        self._say_job(job)
        self.sessions.status()
        self._spawn(self._run(worker, job))

    async def _run(self, worker: Worker, job: Job) -> None:
        live = self._lives[job.id]
        comfy = ComfyRun(job.id, job.client_id)
        self.sessions.publish_comfy(job.client_id, comfy.start(time.time()))

        def on_events(events: list[dict[str, Any]]) -> None:
            for event in events:
                live.feed(event)
            self.sessions.publish(self.journal.append_many(job.id, events))
            self.sessions.publish_comfy(job.client_id, comfy.feed(events), comfy)
            if self.paused == "after_node" and any(event["kind"] == "finished" for event in events):
                self._stopping.setdefault(job.id, "pause")
                worker.cancel(job.id)

        def on_preview(header: Mapping[str, Any], picture: bytes) -> None:
            self.sessions.preview(job.id, job.client_id, header, picture)

        try:
            wanted = self.sessions.wants_previews(job.id, job.client_id)
            outcome = await worker.run(job.id, job.graph, job.targets, job.extra, wanted, on_events, on_preview)
            await self._end(job, comfy, live, outcome)
        finally:
            for table in (self._running, self._lives, self._stopping, self._clients):
                table.pop(job.id, None)
            self.changed()

    async def _end(self, job: Job, comfy: ComfyRun, live: Live, outcome: Outcome) -> None:
        """Record how the job came out, then announce it."""
        why = self._stopping.get(job.id)
        stopped = outcome.status in ("cancelled", "died") and why is not None
        if stopped and why != "user":
            after = await self._lasting(lambda: self.store.back_to_pending(job.id, attempt=False))
            self._say_job(after, reason=f"put back by {why}; it continues from what was computed")
            return
        if outcome.status == "died" and not stopped:
            log.warning("%s", outcome.reason, extra={"job": job.id, "node": outcome.node})
            record = outcome.failures[0] if outcome.failures else outcome.reason
            counts = outcome.node is not None or self._lost(job.id) >= LOSSES
            after = await self._lasting(lambda: self.store.back_to_pending(job.id, attempt=counts, reason=record))
            if after.state is State.PENDING:
                self._say_job(after, reason=outcome.reason)
                return
            self._tell(job, comfy, comfy.end(outcome, time.time()), after)
            return
        state = State.CANCELLED if stopped else STATES[outcome.status]
        stats = {**outcome.stats, "curves": live.curves} if live.curves else dict(outcome.stats)
        messages = comfy.end(outcome, time.time())
        after = await self._lasting(
            lambda: self.store.finish(
                job.id,
                state,
                error=outcome.failures[0] if outcome.failures and state is State.FAILED else None,
                outputs=dict(outcome.outputs),
                meta=comfy.meta,
                messages=comfy.history,
                stats=stats,
            )
        )
        self._tell(job, comfy, messages, after)

    async def _lasting(self, record: Callable[[], Awaitable[Job]]) -> Job:
        """Record until it holds: what a job came to must not be lost because the disk is full for a while."""
        while True:
            try:
                return await record()
            except UserError as error:
                if error.code not in ("J010", "J016"):
                    raise
                log.error("%s", error)
                self._say("server", None, {"error": error.as_dict()})
                await asyncio.sleep(AGAIN)

    def _tell(
        self, job: Job, comfy: ComfyRun, messages: tuple[list[ComfyMessage], list[ComfyMessage]], after: Job
    ) -> None:
        """Announce an end that is on record. The table of running jobs lets go first, so that counts are right."""
        self._running.pop(job.id, None)
        self.sessions.publish_comfy(job.client_id, messages[0])
        self._say_job(after)
        self.sessions.publish_comfy(job.client_id, messages[1], comfy)

    # --- parts

    async def _tidy(self) -> None:
        """Remove half files of killed processes now and then, once none of the last server's can be left."""
        pause, age = TIDY_AFTER, TIDY_AFTER
        while True:
            await asyncio.sleep(pause)
            for kind in ("output", "temp", "input", "user"):
                for root in self.folders.roots(kind)[:1]:
                    await asyncio.to_thread(remove_leftovers, root, age)
            pause, age = TIDY_EVERY, TIDY_EVERY

    async def _read_nodes(self) -> None:
        """Take over what the first worker to come up has learnt of packs that nobody knew."""
        try:
            worker = await self.workers.live(CALL_PATIENCE)
            cache = self.settings.data_dir / "cache"
            found = await asyncio.to_thread(library.registry, cache, self.settings.node_folders, ask=False)
            failures = worker.info.get("pack_failures", ()) if worker is not None else ()
            known = [PackFailure(entry["name"], "", entry["error"], "") for entry in failures]
            found.failures = (*found.failures, *known)
            self.registry = found
        finally:
            self._nodes_known.set()

    def _free_worker(self) -> Worker | None:
        """Return a worker that can take a job and was not just given one."""
        taken = set(map(id, self._running.values()))
        return next((one for one in self.workers if one.state == "idle" and id(one) not in taken), None)

    def _lost(self, job_id: str) -> int:
        """Count the times that a worker ended before a node of the job ran, and return how often by now."""
        self._losses[job_id] = self._losses.get(job_id, 0) + 1
        return self._losses[job_id]

    def _stop_running(self, job_id: str) -> None:
        self._stopping[job_id] = "user"
        self._running[job_id].cancel(job_id)

    def _say_job(self, job: Job, **more: Any) -> None:
        data = {
            "state": str(job.state), "sequence": job.sequence, "title": job.title, "priority": job.priority,
            "held": job.held, "attempts": job.attempts, "error": job.error, "created": job.created,
            "started": job.started, "ended": job.ended, **more,
        }  # fmt: skip
        self._say("job", job.id, data)

    def _say(self, kind: str, job_id: str | None, data: Mapping[str, Any]) -> None:
        self.sessions.publish([self.journal.append(kind, job_id, data)])

    def _current(self, client_id: str) -> tuple[str, str] | None:
        for job_id, owner in self._clients.items():
            node = self._lives[job_id].node
            if owner == client_id and node is not None:
                return job_id, node
        return None

    def _previews_wanted(self, _anybody: bool) -> None:
        for job_id, worker in self._running.items():
            worker.previews(self.sessions.wants_previews(job_id, self._clients.get(job_id)))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a task of the server failed", exc_info=error)
