"""Executor: graph, registry and cache in, values and failures out. There is no second way to run a graph.

Holds what all runs share; each run is a `Job`. Checks no graph: validation comes first (`graph.validate`). Knows no
torch: gradients come through `guard`, tensors through `store` and `check`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from ..errors import LatentloomError, UserError, brief
from ..graph.graph import Graph, Link
from ..graph.subgraph import SubGraphValue
from ..graph.uncollected import uncollected
from ..graph.validate import effect_nodes, require_valid
from ..node.context import Files
from ..node.registry import Registry, unknown_node
from .cache import Cache, CacheStats
from .call import Call, Check, Guard, NoGuard
from .cancel import CancelToken
from .collector import set_aside
from .events import Cached, Ended, Event, Queued, Sink
from .fingerprint import Fingerprints
from .hashes import FileHashes
from .job import Job
from .key import Keyer
from .lanes import Lanes, processor_width
from .memo import Memo
from .plain import PlainStore, Store
from .provenance import Provenance
from .schedule import Schedule

__all__ = ["Executor", "RunResult", "RunStats"]

_MANY = 2000  # nodes from which the collector's walks cost more than setting the heap aside


@dataclass(frozen=True, slots=True)
class RunStats:
    """What a run did. `seconds`: time by node of those that ran. `cached`: nodes that did not need to run."""

    ran: int
    cached: int
    total_seconds: float
    seconds: Mapping[str, float]
    cache: CacheStats | None


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run gave. A failure is a value: other nodes went on.

    values: of each target that is done, by output name; a list that was handed on item by item is a list. failures: by
    node. blocked: nodes that could not run because of them. outputs: what nodes announced for the user, by node and
    kind. cancelled: the run was asked to stop.
    """

    values: Mapping[str, Mapping[str, Any]]
    failures: Mapping[str, LatentloomError]
    stats: RunStats
    outputs: Mapping[str, Mapping[str, list[dict[str, Any]]]] = field(default_factory=dict)
    blocked: tuple[str, ...] = ()
    cancelled: bool = False


class Executor:
    """Runs graphs; several may run at once, each in a thread of its own."""

    def __init__(
        self,
        registry: Registry,
        cache: Cache | None = None,
        files: Files | None = None,
        device: str | None = None,
        *,
        guard: Guard | None = None,
        check_value: Check | None = None,
        store: Store | None = None,
        allowed: Iterable[str] = (),
        versions: Callable[[], Mapping[str, str]] | None = None,
        residence: Any = None,
        preview_method: str = "auto",
    ) -> None:
        """cache: None remembers nothing between runs. device: handed to nodes, and part of every key. residence: handed
        to nodes that load weights, which it brings to the device.

        check_value: (types, value) -> what is wrong with an output, or None. allowed: what `Context.allows` says yes
        to; part of every key too, so that a value made under a permission is never found without it. versions: of the
        software that computes, for what is kept beside results. preview_method: handed to nodes; no result hangs on it.
        """
        self.registry = registry
        self.cache = cache
        self.files = files
        self.device = device
        self.residence = residence
        self.preview_method = preview_method
        self.allowed = frozenset(allowed)
        self.guard: Guard = guard or NoGuard()
        self.check = check_value
        self.store: Store = store or (cache.store if cache is not None else PlainStore())
        hashes = FileHashes(None if files is None else lambda: files.roots("cache")[0])
        self._fingerprints = Fingerprints(hashes.expect)
        self.provenance = Provenance(registry, files, self._fingerprints, hashes, device, versions)
        self._salt = " +".join([device or "", *sorted(self.allowed)])
        self._calls = f"calls on {self._salt}"  # shared by all executors of this registry
        self._cpu_width = processor_width()

    def call_of(self, kind: str) -> Call:
        """Return a node type ready to run. Raises UserError G001."""
        calls = self.registry.derived(self._calls)
        call: Call | None = calls.get(kind)
        if call is None:
            spec = self.registry.spec(kind)
            if spec is None:
                raise unknown_node(kind, self.registry.nearest(kind), self.registry.failures)
            call = calls[kind] = Call(self.registry, spec, self._salt)
        return call

    def run(
        self,
        graph: Graph,
        targets: Iterable[str | Link] | None = None,
        *,
        sink: Sink | None = None,
        cancel: CancelToken | None = None,
        extra: Mapping[str, Any] | None = None,
        order: Iterable[str] | None = None,
        previews: bool | Callable[[], bool] = False,
    ) -> RunResult:
        """Run what `targets` need; None means every node with an effect, or, if there is none, every last node.

        sink: receives the events. previews: whether they are made, or what says so at any time. extra: what nodes may
        write beside the prompt, e.g. {"workflow": {...}}. order: an order of the graph's nodes known to be right, saves
        finding one.
        Raises UserError for a graph that cannot be planned (G001 unknown type, G007 cycle, G010 link from nowhere,
        G015 unknown target); whatever goes wrong in a node is in the result.
        """
        begun = perf_counter()
        token = cancel or CancelToken()
        wanted = self._targets(graph, targets)
        lanes = Lanes(cpu=self._cpu_width)
        schedule = self._schedule(lanes, self.cache, {})
        with uncollected():
            ids = schedule.extend(graph, wanted, order)
            schedule.keep.update(wanted)
            schedule.want(wanted)
            skipped = schedule.skipped(ids)
        self._announce(sink, schedule.queued, skipped)
        job = Job(
            self, graph, schedule, lanes, self.cache,
            sink=sink, cancel=token, extra=extra or {},
            previews=previews if callable(previews) else lambda: previews,
        )  # fmt: skip
        if schedule.queued:
            with self._leased(self.cache, schedule), set_aside(len(schedule.queued) >= _MANY):
                job.run()
        seconds = perf_counter() - begun
        values = {target: schedule.results[target] for target in wanted if target in schedule.results}
        blocked = [node_id for node_id in schedule.failed() if node_id not in job.failures] if job.failures else []
        cancelled = token.cancelled and len(values) + len(job.failures) + len(blocked) < len(wanted)
        if sink is not None:
            job.emit(Ended("cancelled" if cancelled else "failed" if job.failures else "done", seconds))
        return RunResult(
            values=values,
            failures=job.failures,
            stats=RunStats(
                ran=len(job.seconds),
                cached=len(skipped),
                total_seconds=seconds,
                seconds=job.seconds,
                cache=self.cache.stats if self.cache is not None else None,
            ),
            outputs=job.outputs,
            blocked=tuple(blocked),
            cancelled=cancelled,
        )

    @staticmethod
    def _leased(cache: Cache | None, schedule: Schedule) -> AbstractContextManager[None]:
        return nullcontext() if cache is None else cache.lease(schedule.held)

    def evaluate(self, job: Job, graph: Any, inputs: Mapping[str, Any], differentiable: bool, memo: Memo) -> Any:
        """Run a sub-graph for a node of `job`; see `Context.evaluate`."""
        if not isinstance(graph, SubGraphValue):
            fix = "Annotate the input as SubGraph."
            raise UserError("R007", "evaluate", "a sub-graph", brief(graph), fix)
        target = graph.output.node
        if not any(known is graph.graph for known in memo.checked):
            require_valid(graph.graph, self.registry, files=self.files, targets=[target])
            memo.checked.append(graph.graph)
        lanes = Lanes(cpu=self._cpu_width)
        cache = self._cache_for(memo)
        given, keyer = self._given(job, graph.graph, inputs, differentiable)
        schedule = self._schedule(lanes, cache, given, keyer)
        # What feeds a given node is not needed: cut it off.
        table = {
            node_id: node._replace(inputs={}) if node_id in given else node
            for node_id, node in graph.graph.nodes.items()
        }
        pruned = Graph.of(table)
        ids = schedule.extend(pruned, [target])
        fed = {node_id for node_id in given if table[node_id].type in inputs}
        dependent, frontier = _dependence(pruned, ids, fed)
        if differentiable:
            schedule.tainted = frozenset(dependent)
        schedule.keep.update([target, *frontier])
        schedule.recall(memo.constant)
        inner = Job(
            self, pruned, schedule, lanes, cache,
            sink=job.sink, cancel=job.cancel, extra=job.extra, previews=job.previews,
            memo=memo, outer=job, grad=differentiable, threads=not differentiable,
        )  # fmt: skip
        with self._leased(cache, schedule):
            schedule.want([target])
            inner.run()
        job.cancel.check()
        for error in inner.failures.values():
            raise error
        for node_id in frontier:
            if node_id in schedule.results:
                memo.constant[schedule.keys[node_id]] = schedule.results[node_id]
        return schedule.results[target][graph.output.output]

    def _given(
        self, job: Job, graph: Graph, inputs: Mapping[str, Any], differentiable: bool
    ) -> tuple[dict[str, tuple[str, dict[str, Any]]], Keyer]:
        """Return key and outputs of the nodes that stand for given values; an enclosing evaluation's stay given."""
        keyer = self._keyer()
        given = {node_id: found for node_id, found in job.schedule.given.items() if node_id in graph}
        for kind, value in inputs.items():
            key = ""
            for node in graph:
                if node.type == kind:
                    # A hash would wait for the device; and what is not remembered needs no name for its content.
                    key = key or (keyer.fresh() if differentiable else keyer.value_key(value))
                    given[node.id] = (key, self._as_outputs(kind, value))
        return given, keyer

    def _as_outputs(self, kind: str, value: Any) -> dict[str, Any]:
        names = self.call_of(kind).names
        if len(names) == 1:
            return {names[0]: value}
        if not isinstance(value, tuple) or len(value) != len(names):
            fix = "Give one value per output."
            raise UserError("R007", f"value for {kind}", f"a tuple of {len(names)}", brief(value), fix)
        return dict(zip(names, value, strict=True))

    def _cache_for(self, memo: Memo) -> Cache | None:
        """Return the executor's cache, or one that lasts as long as the node that evaluates."""
        if self.cache is not None:
            return self.cache
        if memo.cache is None:
            memo.cache = Cache(self.store)
        return memo.cache

    def _keyer(self) -> Keyer:
        return Keyer(self.files, self._fingerprints, os.urandom(16).hex(), self.store.digest)

    def _schedule(
        self,
        lanes: Lanes,
        cache: Cache | None,
        given: Mapping[str, tuple[str, dict[str, Any]]],
        keyer: Keyer | None = None,
    ) -> Schedule:
        return Schedule(self.call_of, keyer or self._keyer(), cache, lanes, given)

    def _targets(self, graph: Graph, targets: Iterable[str | Link] | None) -> list[str]:
        if targets is None:
            effects = effect_nodes(graph, self.registry)
            if effects:
                return list(effects)
            used = {value.node for node in graph for value in node.inputs.values() if type(value) is Link}
            return [node_id for node_id in graph.nodes if node_id not in used]
        found = dict.fromkeys(target.node if isinstance(target, Link) else target for target in targets)
        for target in found:
            if target not in graph:
                raise UserError("G015", "targets", "nodes of the graph", brief(target), "Name a node that is there.")
        return list(found)

    @staticmethod
    def _announce(sink: Sink | None, queued: list[str], skipped: list[str]) -> None:
        if sink is None:
            return
        events: list[Event] = [Queued(tuple(queued))]
        if skipped:
            events.append(Cached(tuple(skipped)))
        for event in events:
            sink(event)


def _dependence(graph: Graph, order: Iterable[str], given: set[str]) -> tuple[set[str], list[str]]:
    """Return the nodes that depend on `given`, and those that do not but feed one that does."""
    dependent = set(given)
    frontier: dict[str, None] = {}
    for node_id in order:
        sources = [value.node for value in graph[node_id].inputs.values() if type(value) is Link]
        if node_id not in given and any(source in dependent for source in sources):
            dependent.add(node_id)
            frontier.update(dict.fromkeys(source for source in sources if source not in dependent))
    return dependent, list(frontier)
