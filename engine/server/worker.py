"""A worker process: builds one Engine and runs jobs with it, one at a time, as the server asks.

Threads: this one listens; one runs jobs; a few answer calls beside it; one sends a beat. It listens before torch is
loaded, so that it can be stopped meanwhile, and it ends when the server does. Knows no queue and no client.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Cancelled, LatentloomError
from ..graph.codec import read_api
from ..run.cancel import CancelToken
from ..run.events import Event, Failed, Finished, Preview, Started
from ..settings import Settings
from .batch import EventBatch
from .orphan import apart, die_with, leave, resident_bytes
from .place import Memory, Place
from .previews import Previews
from .report import failure, of_result, out_of_memory
from .wire import decode, encode

if TYPE_CHECKING:
    from ..engine import Engine

__all__ = ["WorkerOptions", "main"]

BEAT_SECONDS = 1.0
CALLERS = 3  # calls answered side by side: thumbnails of a gallery, while one big picture is decoded


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What a worker is started with; plain values, as they cross to another process.

    output: another output folder. threads: of torch on the CPU; None leaves it to torch. parent: the server's process
    id. die_with_parent: also let the kernel see to it (Linux).
    """

    settings: Settings
    output: Path | None = None
    threads: int | None = None
    parent: int = 0
    die_with_parent: bool = True


def main(connection: Connection, options: WorkerOptions, memory: Memory) -> None:
    """Be a worker until the server says stop or is gone; never returns. memory: see `place`."""
    apart()
    if options.die_with_parent:
        die_with(options.parent)
    WorkerProcess(connection, options, Place(memory)).listen()


class WorkerProcess:
    """The worker's side of the connection."""

    def __init__(self, connection: Connection, options: WorkerOptions, place: Place) -> None:
        self._connection = connection
        self._options = options
        self._place = place
        self._writing = threading.Lock()
        self._batch = EventBatch(self._send)
        self._previews = Previews(self._send, self._batch.flush)
        self._wants_previews = False
        self._runner = ThreadPoolExecutor(1, "latentloom-run")
        self._callers = ThreadPoolExecutor(CALLERS, "latentloom-call")
        self._tokens: dict[str, CancelToken] = {}  # of jobs that run or wait to
        self._busy: str | None = None
        self._engine: Future[Engine] = Future()

    def listen(self) -> None:
        """Obey until the connection ends."""
        logging.getLogger().addHandler(_Told(self._send))
        self._engine = self._runner.submit(self._load)
        self._engine.add_done_callback(self._loaded)
        threading.Thread(target=self._beat, name="latentloom-beat", daemon=True).start()
        try:
            while True:
                message, blob = decode(self._connection.recv_bytes())
                if message["do"] == "stop":
                    break
                self._obey(message, blob)
        except (EOFError, OSError):
            leave(0)  # the server is gone: nobody would hear how the job ends
        if not self._engine.done():
            leave(0)
        for token in list(self._tokens.values()):
            token.cancel()
        self._runner.submit(self._close).add_done_callback(lambda _: leave(0))
        threading.Event().wait()  # the server ends us if a node does not give way

    def _obey(self, message: dict[str, Any], blob: memoryview) -> None:
        what = message["do"]
        if what == "run":
            token = self._tokens[message["job"]] = CancelToken()
            self._wants_previews = message["previews"]
            running = self._runner.submit(self._run, message, token)
            running.add_done_callback(partial(self._ended, message["job"]))
        elif what == "cancel":
            token_of = self._tokens.get(message["job"])
            if token_of is not None:
                token_of.cancel()
        elif what == "previews":
            self._wants_previews = message["on"]
        elif what == "free":
            self._runner.submit(self._free, message["models"], message["cache"])
        elif what == "call":
            asked = self._callers.submit(self._call, message["name"], message["arguments"], blob)
            asked.add_done_callback(partial(self._answer, message["id"]))

    # The runner's thread. What it raises is kept in the future, whatever it is, so that no job can end the worker.

    def _load(self) -> Engine:
        import torch

        from ..engine import Engine
        from ..folders import Folders
        from ..model_paths import read_extra_paths

        settings = self._options.settings
        if self._options.threads is not None:
            torch.set_num_threads(self._options.threads)
        extra = read_extra_paths(settings.extra_model_paths)
        return Engine(settings=settings, folders=Folders(settings.data_dir, extra, output=self._options.output))

    def _loaded(self, engine: Future[Engine]) -> None:
        from .calls import describe

        error = engine.exception()
        if error is None:
            self._send(encode({"is": "ready", **describe(engine.result())}))
        else:
            self._send(encode({"is": "unfit", "error": failure(_noted(error))}))
            leave(1)

    def _run(self, message: dict[str, Any], token: CancelToken) -> dict[str, Any]:
        engine = self._engine.result()
        token.check()
        self._busy = message["job"]
        self._batch.begin(message["job"])
        self._previews.begin(message["job"])
        graph = read_api(message["graph"], engine.registry)
        kinds: dict[str, str] = {}
        memory: dict[str, Any] = {}
        result = (engine.executor.run if message.get("checked") else engine.execute)(
            graph,
            message["targets"],
            sink=self._sink(kinds, memory),
            cancel=token,
            extra=message["extra"],
            previews=lambda: self._wants_previews,
        )
        outcome = of_result(result, graph, kinds, memory)
        if any(out_of_memory(error) for error in result.failures.values()):
            del result
            self._free(True, True)
        return outcome

    def _sink(self, kinds: dict[str, str], memory: dict[str, Any]) -> Callable[[Event], None]:
        place, add = self._place, self._batch.add

        def sink(event: Event) -> None:
            if isinstance(event, Started):
                place.enter(event.node, event.display, event.type)
                kinds[event.node] = event.type
            elif isinstance(event, Finished):
                place.leave(event.node)
                if event.memory:
                    memory[event.display] = event.memory
            elif isinstance(event, Preview):
                if event.whole:
                    self._previews.send_whole(event)
                elif self._wants_previews:
                    self._previews.add(event)
                return
            elif isinstance(event, Failed):
                place.leave(event.node)
            add(event)

        return sink

    def _ended(self, job: str, running: Future[dict[str, Any]]) -> None:
        error = running.exception()
        if error is None:
            outcome = running.result()
        elif isinstance(error, Cancelled):
            outcome = {"status": "cancelled", "outputs": {}, "failures": [], "stats": {}}
        else:
            outcome = {"status": "failed", "outputs": {}, "failures": [failure(_noted(error))], "stats": {}}
        self._tokens.pop(job, None)
        self._place.clear()
        self._previews.end()
        self._batch.flush()
        self._busy = None
        self._send(encode({"is": "done", "job": job, **outcome}))

    def _free(self, models: bool, cache: bool) -> None:
        self._engine.result().free(models=models, cache=cache)

    def _close(self) -> None:
        self._engine.result().close()  # the disk tier is written to its end

    # Calls

    def _call(self, name: str, arguments: dict[str, Any], blob: memoryview) -> tuple[Any, bytes]:
        from .calls import answer

        return answer(name, self._engine.result(), arguments, blob)

    def _answer(self, number: int, asked: Future[tuple[Any, bytes]]) -> None:
        error = asked.exception()
        result, blob = (None, b"") if error is not None else asked.result()
        told = None if error is None else failure(_noted(error))
        self._send(encode({"is": "answer", "id": number, "result": result, "error": told}, blob))

    # Sending

    def _beat(self) -> None:
        while True:
            beat = {"is": "beat", "busy": self._busy, "node": self._place.node, "rss": resident_bytes()}
            self._send(encode(beat))
            time.sleep(BEAT_SECONDS)

    def _send(self, data: bytes) -> None:
        try:
            with self._writing:
                self._connection.send_bytes(data)
        except OSError:
            leave(0)  # the server is gone


class _Told(logging.Handler):
    """Hands warnings and errors of the worker to the server's log."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        super().__init__(logging.WARNING)
        self._pass_on = send

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self._pass_on(encode({"is": "log", "level": record.levelname.lower(), "text": text}))


def _noted(error: BaseException) -> BaseException:
    """Return `error` with its traceback as text, and without the frames, which would keep values alive."""
    if not isinstance(error, LatentloomError) or not getattr(error, "__notes__", ()):
        error.add_note("".join(traceback.format_exception(error)))
    error.__traceback__ = None
    return error
