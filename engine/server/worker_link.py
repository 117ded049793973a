"""Worker: one worker as the server sees it: its life, the job it runs, calls to it.

Its process is started again whenever it ends; a job that it did not survive ends with an outcome that says so. All of
it happens on the event loop. Knows no queue and no client; loads no torch.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import EngineBug, LatentloomError, NodeBug, UserError
from .child import Child
from .outcome import Limits, Outcome, died
from .wire import decode, encode
from .worker import WorkerOptions

__all__ = ["Worker", "WorkerState"]

log = logging.getLogger("latentloom.worker")

WorkerState = Literal["starting", "idle", "busy", "backing_off", "stopped"]
Events = Callable[[list[dict[str, Any]]], None]
Picture = Callable[[Mapping[str, Any], bytes], None]

_TICK_SECONDS = 1.0
_LATE_SECONDS = 3.0  # a tick that comes later than this says that the loop stood still


@dataclass(slots=True)
class _Run:
    job: str
    future: asyncio.Future[Outcome]
    on_events: Events
    on_preview: Picture
    last_event: float
    killer: asyncio.TimerHandle | None = None  # there once a stop was asked for


class Worker:
    """One worker. `start` it on a running loop; `stop` it before the loop ends."""

    def __init__(self, name: str, options: WorkerOptions, limits: Limits, on_idle: Callable[[], None]) -> None:
        """on_idle: called whenever the worker could take a job."""
        self.name = name
        self.device: str | None = options.settings.device
        self.state: WorkerState = "starting"
        self.last_beat: float | None = None
        """Epoch seconds of the last sign of life."""
        self.restarts = 0
        self.info: dict[str, Any] = {}
        """What the worker told of itself; "stalled" while its node makes no progress, "error" when it cannot start."""
        self._options = options
        self._limits = limits
        self._on_idle = on_idle
        self._child: Child | None = None
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._turn = asyncio.Lock()
        self._run: _Run | None = None
        self._unwanted: set[str] = set()  # jobs cancelled while they wait for their turn
        self._waiting: set[str] = set()
        self._calls: dict[int, asyncio.Future[tuple[Any, bytes]]] = {}
        self._number = 0
        self._why: str | None = None  # we killed the process
        self._useful = False  # it has ended a job in this life
        self._heard = 0.0
        self._life: asyncio.Task[None] | None = None

    # Jobs

    async def run(
        self,
        job_id: str,
        graph: Mapping[str, Any],
        targets: Sequence[str] | None,
        extra: Mapping[str, Any],
        previews: bool,
        on_events: Events,
        on_preview: Picture,
        *,
        checked: bool = False,
    ) -> Outcome:
        """Run a job as soon as the worker is free and return how it came out, whatever happens in it.

        checked: the graph was validated and is in canonical form, so the worker need not do it again.
        """
        self._waiting.add(job_id)
        async with self._turn:
            while self.state != "idle" and not self._stopping.is_set():
                await self._wait(self._ready)
            self._waiting.discard(job_id)
            if job_id in self._unwanted:
                self._unwanted.discard(job_id)
                return Outcome("cancelled")
            if self._stopping.is_set():
                return died(self.name, "the server is stopping", None)
            loop = asyncio.get_running_loop()
            self.state = "busy"
            self._ready.clear()
            self._run = _Run(job_id, loop.create_future(), on_events, on_preview, loop.time())
            message = {
                "do": "run",
                "job": job_id,
                "graph": graph,
                "targets": None if targets is None else list(targets),
                "extra": extra,
                "previews": previews,
                "checked": checked,
            }
            self._say(message)
            return await self._run.future

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop; if it has not within the grace time, the process is killed. Other jobs are not touched."""
        run = self._run
        if run is not None and run.job == job_id:
            if run.killer is None:
                self._say({"do": "cancel", "job": job_id})
                run.killer = asyncio.get_running_loop().call_later(self._limits.grace, self._kill_for, run)
        elif job_id in self._waiting:
            self._unwanted.add(job_id)

    def previews(self, on: bool) -> None:
        """Say whether anybody looks at the running job."""
        self._say({"do": "previews", "on": on})

    def free(self, models: bool = True, cache: bool = True) -> None:
        """Let go of what is held in memory, once no job runs."""
        self._say({"do": "free", "models": models, "cache": cache})

    async def call(self, name: str, blob: bytes = b"", **arguments: Any) -> tuple[Any, bytes]:
        """Ask something (see `calls`), beside a job; waits while the worker starts.

        Raises LatentloomError: what the call raises, W002 when the worker ends meanwhile.
        """
        if self._child is None:
            raise self._gone("it is not running")
        self._number += 1
        number = self._number
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        self._say({"do": "call", "id": number, "name": name, "arguments": arguments}, blob)
        try:
            return await answer
        finally:
            del self._calls[number]

    # Life

    def start(self) -> None:
        """Start the process, and again whenever it ends."""
        self._life = asyncio.get_running_loop().create_task(self._live())

    def restart(self) -> None:
        """End the process and start it anew at once, such as for packs that changed; a running job dies."""
        self._kill("it was restarted")

    async def stop(self, deadline: float) -> None:
        """End the process: asked at first, killed after `deadline` seconds."""
        self._stopping.set()
        self._say({"do": "stop"})
        if self._life is not None:
            _, late = await asyncio.wait([self._life], timeout=deadline)
            if late:
                self._kill("the server is stopping")
                await asyncio.wait([self._life])

    async def _live(self) -> None:
        delay = self._limits.backoff
        while not self._stopping.is_set():
            born = time.monotonic()
            self.state, self._why, self._useful = "starting", None, False
            try:
                await self._one_life()
            except OSError as error:  # no room for another process
                self.info["error"] = self._gone(str(error)).as_dict()
            if self._stopping.is_set():
                break
            self.restarts += 1
            if self._why is not None or self._useful or time.monotonic() - born > self._limits.settled:
                delay = self._limits.backoff
            if self._why is None:
                self.state = "backing_off"
                await self._wait(self._stopping, delay)
                delay = min(2 * delay, self._limits.backoff_most)
        self.state = "stopped"

    async def _one_life(self) -> None:
        loop = asyncio.get_running_loop()
        self._heard = loop.time()
        child = self._child = Child(self.name, self._options, self._on_frame)
        log.info("%s: process %s", self.name, child.pid)
        watch = loop.create_task(self._watch(child))
        try:
            await child.ended.wait()
        finally:
            watch.cancel()
        self._ready.clear()
        self._child = None
        cause = await child.bury()
        reason = self._why or cause
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(self._gone(f"the worker died ({reason})"))
        run, self._run = self._run, None
        if run is not None and run.killer is not None:
            run.killer.cancel()
            _settle(run.future, Outcome("cancelled", reason=f"the worker was ended: {reason}"))
        elif run is not None:
            _settle(run.future, died(self.name, reason, child.place))
        if not self._stopping.is_set():
            log.warning("%s: process %s ended: %s", self.name, child.pid, reason)

    async def _watch(self, child: Child) -> None:
        """Once a second: is the process there, does it answer, does its node get on."""
        loop = asyncio.get_running_loop()
        while True:
            asleep = loop.time()
            await asyncio.sleep(_TICK_SECONDS)
            now = loop.time()
            if now - asleep > _LATE_SECONDS:
                self._heard = now  # nothing could be heard meanwhile
            child.look()
            if now - self._heard > self._limits.silence:
                self._kill(f"no sign of life for {self._limits.silence:g} s")
            run = self._run
            if run is not None and now - run.last_event > self._limits.stall:
                node = child.place[0] if child.place else None
                self.info["stalled"] = {"job": run.job, "node": node, "seconds": round(now - run.last_event)}
            else:
                self.info.pop("stalled", None)

    def _kill_for(self, run: _Run) -> None:
        if self._run is run:
            self._kill(f"its node did not stop within {self._limits.grace:g} s")

    def _kill(self, why: str) -> None:
        if self._child is not None:
            self._why = why
            self._child.kill()

    # Frames

    def _say(self, message: dict[str, Any], blob: bytes = b"") -> None:
        if self._child is not None:
            self._child.send(encode(message, blob))

    def _on_frame(self, frame: bytes) -> None:
        self._heard = asyncio.get_running_loop().time()
        self.last_beat = time.time()
        message, blob = decode(frame)
        what = message["is"]
        if what in ("events", "preview", "done"):
            run = self._run
            if run is not None and run.job == message["job"]:
                self._of_job(run, what, message, blob)
        elif what == "answer":
            self._answered(message, bytes(blob))
        elif what == "beat":
            self.info["rss"] = message["rss"]
        elif what == "ready":
            self.info = {name: value for name, value in message.items() if name != "is"}
            self.device = message["device"]
            self._idle()
        elif what == "unfit":
            self.info["error"] = message["error"]
            log.error("%s: %s", self.name, message["error"]["message"])
        elif what == "log":
            log.log(getattr(logging, message["level"].upper(), logging.INFO), "%s: %s", self.name, message["text"])

    def _of_job(self, run: _Run, what: str, message: dict[str, Any], blob: memoryview) -> None:
        if what == "events":
            run.last_event = self._heard
            run.on_events(message["events"])
        elif what == "preview":
            run.on_preview(message, bytes(blob))
        else:
            if run.killer is not None:
                run.killer.cancel()
            self._run = None
            self._useful = True
            _settle(run.future, Outcome.of(message))
            self._idle()

    def _idle(self) -> None:
        self.state = "idle"
        self._ready.set()
        self._on_idle()

    def _answered(self, message: Mapping[str, Any], blob: bytes) -> None:
        answer = self._calls.get(message["id"])
        if answer is None or answer.done():
            return
        if message["error"] is None:
            answer.set_result((message["result"], blob))
        else:
            answer.set_exception(_error_of(message["error"]))

    def _gone(self, reason: str) -> UserError:
        return UserError("W002", f"worker {self.name}", "an answer", reason, "Try again in a moment.")

    async def _wait(self, event: asyncio.Event, timeout: float | None = None) -> None:
        """Wait for `event`, for the end of the server, or for `timeout` seconds."""
        waits = [asyncio.ensure_future(item.wait()) for item in {event, self._stopping}]
        try:
            await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _settle(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not future.done():  # who waited may have been cancelled
        future.set_result(outcome)


def _error_of(record: Mapping[str, Any]) -> LatentloomError:
    """Return the error that a record tells of, with the same code and parts."""
    kinds: dict[str, type[LatentloomError]] = {"EngineBug": EngineBug, "NodeBug": NodeBug}
    parts = (record["code"], record["where"], record["expected"], record["got"], record["fix"])
    return kinds.get(record["kind"], UserError)(*parts, node_id=record["node_id"], input=record["input"])
