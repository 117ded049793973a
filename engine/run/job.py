"""Job: one run under way: its threads, its events, its failures.

The caller's thread runs nodes itself, so that short ones cost no hand-over. Only when it has been busy with one node
for a while (`_TICK_SECONDS`) and other lanes could go on does a helper thread take one. Knows no node and no tensor.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from ..errors import Cancelled, LatentloomError
from ..graph.codec import write_api
from ..graph.graph import Graph
from .cache import Cache
from .cancel import CancelToken
from .coroutines import AsyncLane
from .events import Event, Failed, Finished, Sink, Started
from .expand import graft, links_of
from .lanes import Lanes
from .schedule import Schedule
from .step import Memo, Outcome, Shared, Step

__all__ = ["Job"]

_TICK_SECONDS = 0.002  # a node that runs longer than this is worth another thread beside it
_PROBE_SECONDS = 0.02  # memory is asked for after nodes that took longer than this; asking costs some 10 us


class Job:
    """The moving parts of one run; `run` returns when nothing is left to do. A nested evaluation is a job too."""

    def __init__(
        self,
        shared: Shared,
        graph: Graph,
        schedule: Schedule,
        lanes: Lanes,
        cache: Cache | None,
        *,
        sink: Sink | None,
        cancel: CancelToken,
        extra: Mapping[str, Any],
        previews: Callable[[], bool] | None = None,
        memo: Memo | None = None,
        outer: Job | None = None,
        grad: bool = False,
        threads: bool = True,
    ) -> None:
        """previews: says whether they are wanted. outer, memo: of the node that evaluates this graph. grad: the
        schedule's `tainted` nodes get gradients.
        """
        self.shared = shared
        self.graph = graph
        self.schedule = schedule
        self.sink = sink
        self.cancel = cancel
        self.extra = extra
        self.previews = previews if sink is not None else None
        self.outer = outer
        self.memo = memo
        self.grad = grad
        self.failures: dict[str, LatentloomError] = {}
        self.outputs: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self.seconds: dict[str, float] = {}
        self._lanes = lanes
        self._changed = threading.Condition(threading.RLock())
        self._sink_lock: Any = threading.RLock() if outer is None else outer._sink_lock
        self._display: dict[str, str] = {}  # expanded node -> node of the user's graph
        self._running = 0
        self._settled = 0
        self._waiters = 0
        self._helpers = 0
        self._most_helpers = lanes.threads - 1 if threads else 0
        self._watched = False  # a helper is looking for work that is left lying
        self._over = False
        self._broken: BaseException | None = None
        self._async: AsyncLane | None = None
        self._prompt: Mapping[str, Any] | None = None
        self._provenance: dict[str, Mapping[str, Any]] = {}
        self._later: list[Event] = []  # to be told once the lock is free, as a sink may ask for a stop
        self._step = Step(self, cache)

    # What contexts use

    def display_of(self, node_id: str) -> str:
        """Return the node of the user's graph that `node_id` belongs to."""
        return self._display.get(node_id, node_id)

    def emit(self, event: Event) -> None:
        """Hand an event to the sink, one at a time."""
        if self.sink is not None:
            with self._sink_lock:
                self.sink(event)

    def record_output(self, display: str, kind: str, items: list[dict[str, Any]]) -> None:
        """Keep what a node announced for the run's result."""
        job = self
        while job.outer is not None:
            job = job.outer
        with self._sink_lock:
            job.outputs.setdefault(display, {}).setdefault(kind, []).extend(items)

    @property
    def wants_previews(self) -> bool:
        """Whether somebody listens to previews now; that may change while the job runs."""
        return self.previews is not None and self.previews()

    @property
    def prompt(self) -> Mapping[str, Any]:
        """The graph as API data, made when first asked for."""
        if self.outer is not None:
            return self.outer.prompt
        if self._prompt is None:
            self._prompt = write_api(self.graph, self.shared.registry)
        return self._prompt

    def provenance_of(self, display: str) -> Mapping[str, Any]:
        """Return what the results of a node of the user's graph are made of, worked out when first asked for."""
        if self.outer is not None:
            return self.outer.provenance_of(self.outer.display_of(display))
        known = self._provenance.get(display)
        if known is None:
            known = self._provenance[display] = self.shared.provenance.of(self.graph, display)
        return known

    # Running

    def run(self) -> None:
        """Run what is ready and what becomes so. Raises what is no `Exception`, such as KeyboardInterrupt."""
        forget = self.cancel.watch(self._on_cancel)
        try:
            with self.shared.guard.thread():
                self._work(helper=False)
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()
            forget()
            if self._async is not None:
                self._async.close()
        if self._broken is not None:
            raise self._broken

    def _work(self, helper: bool) -> None:
        """Take nodes and run them until all is done; a helper leaves when nothing is left for it."""
        changed, lanes, schedule, step = self._changed, self._lanes, self.schedule, self._step
        cancel, sink = self.cancel, self.sink
        changed.acquire()
        try:
            while not self._over:
                if cancel.cancelled:
                    lanes.clear()
                took = lanes.take()
                if took is None:
                    if not self._running:
                        self._over = True
                        changed.notify_all()
                    elif helper:
                        return
                    else:
                        self._wait()
                    continue
                node_id, lane = took
                self._running += 1
                if lanes.open:
                    self._call_help()
                start = perf_counter()
                changed.release()
                sound = False
                try:
                    outcome = step.run(node_id, start)
                    sound = True
                except Cancelled:
                    outcome, sound = None, True
                    cancel.cancel()
                finally:
                    if not sound:  # not the node's doing: Ctrl-C, or a mistake of ours; `run` raises it
                        changed.acquire()
                        self._broken, self._over = sys.exception(), True
                        changed.notify_all()
                if type(outcome) is dict:
                    seconds = perf_counter() - start
                    self.seconds[node_id] = seconds
                    if sink is not None:
                        self._tell_finished(node_id, seconds)
                    changed.acquire()
                    schedule.done(node_id, outcome)
                    schedule.finish(node_id)
                else:
                    changed.acquire()
                    self._settle(node_id, outcome, perf_counter() - start)
                    if self._later:
                        self._tell_later()
                lane.busy -= 1
                self._running -= 1
                self._settled += 1
                if helper and perf_counter() - start < _TICK_SECONDS:
                    return  # nothing here is worth a second thread any more
        finally:
            changed.release()

    def _wait(self, timeout: float | None = None) -> None:
        self._waiters += 1
        self._changed.wait(timeout)
        self._waiters -= 1

    def _call_help(self) -> None:
        """See to it that somebody looks after the nodes that could run beside the one just taken."""
        if self._watched:
            if self._waiters:
                self._changed.notify()
        elif self._helpers < self._most_helpers:
            self._helpers += 1
            self._watched = True
            threading.Thread(target=self._help, name="latentloom-lane", daemon=True).start()
        elif self._waiters:
            self._changed.notify()

    def _help(self) -> None:
        """Watch for work left lying, and do it."""
        with self.shared.guard.thread(), self._changed:
            while not self._over:
                if not self._lanes.open:
                    self._wait()
                    continue
                seen = self._settled
                self._changed.wait(_TICK_SECONDS)
                if self._over or self._settled != seen or not self._lanes.open:
                    continue
                self._watched = False
                self._changed.release()  # the lock can be taken twice: held here, it would stay held while a node runs
                try:
                    self._work(helper=True)
                finally:
                    self._changed.acquire()
                if self._waiters and (self._lanes.open or not self._running):
                    self._changed.notify_all()  # what this one left: more to do, or the end, which the caller declares
                if self._watched:
                    break  # another one watches by now
                self._watched = True
            self._helpers -= 1

    def _on_cancel(self) -> None:
        with self._changed:
            self._lanes.clear()
            if self._async is not None:
                self._async.cancel()
            self._changed.notify_all()

    # Settling; the lock is held

    def _settle(self, node_id: str, outcome: Outcome, seconds: float) -> None:
        """Take note of how a node came out that has not simply returned."""
        if isinstance(outcome, LatentloomError):
            self._failed(node_id, outcome)
        elif isinstance(outcome, list):  # per call: outputs, or a graph to run for them
            try:
                self._expand(node_id, outcome)
            except LatentloomError as error:
                self._failed(node_id, error)
        elif isinstance(outcome, set):  # lazy inputs to wait for
            if not self.schedule.wait_for(node_id, outcome):
                self.schedule.fail(node_id)
        elif isinstance(outcome, dict):  # of an async node
            self.seconds[node_id] = seconds
            self.schedule.done(node_id, outcome)
            self.schedule.finish(node_id)

    def _failed(self, node_id: str, error: LatentloomError) -> None:
        blocked = self.schedule.fail(node_id)
        self.failures[node_id] = error
        self._later.append(Failed(node_id, self.display_of(node_id), error, tuple(blocked)))

    def _tell_later(self) -> None:
        events, self._later = self._later, []
        self._changed.release()
        for event in events:
            self.emit(event)
        self._changed.acquire()

    def _expand(self, node_id: str, answers: list[Any]) -> None:
        schedule = self.schedule
        node = schedule.table[node_id]
        call = schedule.calls[node.type]
        mapped = node_id in self._step.mapped
        calls: list[dict[str, Any]] = []
        effects: list[str] = []
        for number, answer in enumerate(answers):
            if isinstance(answer, dict):
                calls.append(answer)
                continue
            graph, outputs = graft(node, number if mapped else None, answer, call.names)
            calls.append(outputs)
            inner = [child.id for child in graph if self.shared.call_of(child.type).spec.effect]
            wanted = [link for link in links_of([outputs]) if link in graph]
            self._display.update(dict.fromkeys(graph.nodes, self.display_of(node_id)))
            with self._step.origins_of(node_id):
                schedule.extend(graph, [*wanted, *inner])
            effects += inner
        self._step.pending[node_id] = calls
        if effects:
            self._step.unremembered.add(node_id)
        schedule.want(effects)
        if not schedule.wait_for(node_id, links_of(calls), extra=True):
            schedule.fail(node_id)

    def _tell_finished(self, node_id: str, seconds: float) -> None:
        if self.sink is not None:
            memory = self.shared.store.memory() if seconds > _PROBE_SECONDS else None
            with self._sink_lock:
                self.sink(Finished(node_id, self._display.get(node_id, node_id), seconds, memory))

    def tell_started(self, node_id: str, kind: str) -> None:
        """Say that a node begins."""
        if self.sink is not None:
            with self._sink_lock:
                self.sink(Started(node_id, self._display.get(node_id, node_id), kind))

    # Async nodes

    def run_async(self, node_id: str, work: Any, after: Callable[[Any], Outcome]) -> None:
        """Start an async node; it settles by itself. `after` makes its outcome of what it returned."""
        start = perf_counter()

        def done(result: Any, ended: BaseException | None) -> None:
            outcome: Outcome = None
            if isinstance(ended, Cancelled):
                self.cancel.cancel()
            elif ended is None:
                outcome = after(result)
                if isinstance(outcome, dict):
                    self._tell_finished(node_id, perf_counter() - start)
            with self._changed:
                if ended is not None and not isinstance(ended, Cancelled):
                    self._broken, self._over = ended, True
                self._settle(node_id, outcome, perf_counter() - start)
                self._running -= 1
                self._settled += 1
                self._tell_later()
                self._changed.notify_all()

        with self._changed:
            if self._async is None:
                self._async = AsyncLane(self.shared.guard.thread)
            self._running += 1
        self._async.submit(work, done)
