"""Step: running one node, from its inputs to its outcome.

Gathers the values of its wires, asks for lazy inputs, hands on sub-graphs, calls it once per item of a list, checks
what it returns and remembers it. Everything a node can raise is an outcome. Holds no lock; knows nothing of lanes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import Cancelled, LatentloomError, NodeBug
from ..graph.graph import Link, Node
from ..graph.subgraph import Expand, SubGraphValue, cut, placeholder_types
from ..node.context import Files
from ..node.registry import Registry
from .cache import Cache
from .call import Call, Check, Guard, attempt, failure, shape
from .context import RunContext
from .expand import assemble
from .lists import Many, collect, spread
from .memo import Memo
from .plain import Store
from .provenance import Provenance

if TYPE_CHECKING:
    from .job import Job

__all__ = ["Memo", "Outcome", "Shared", "Step"]

Outcome = dict[str, Any] | LatentloomError | list[Any] | set[str] | None
"""Outputs; an error; answers of which some are expansions; ids of nodes to wait for; or None: it settles by itself."""


class Shared(Protocol):
    """What all jobs of an executor have in common."""

    registry: Registry
    files: Files | None
    device: str | None
    residence: Any
    preview_method: str
    allowed: frozenset[str]
    guard: Guard
    check: Check | None
    store: Store
    provenance: Provenance

    def call_of(self, kind: str) -> Call:
        """Return a node type ready to run. Raises UserError G001."""

    def evaluate(self, job: Job, graph: Any, inputs: Mapping[str, Any], differentiable: bool, memo: Memo) -> Any:
        """Run a sub-graph for a node of `job`; see `Context.evaluate`."""


class Step:
    """Runs the nodes of one job."""

    def __init__(self, job: Job, cache: Cache | None) -> None:
        self.pending: dict[str, list[dict[str, Any]]] = {}  # expanded nodes: outputs per call, with links to wait for
        self.mapped: set[str] = set()  # nodes called once per item
        self.unremembered: set[str] = set()  # their result is not all of their work
        self._job = job
        self._schedule = job.schedule
        self._cache = cache
        self._started: set[str] = set()
        self._began: dict[str, float] = {}  # when an expanded node began

    def run(self, node_id: str, start: float) -> Outcome:
        """Run a node, or go on with it. Raises Cancelled and what is no `Exception`."""
        schedule, job = self._schedule, self._job
        node = schedule.table[node_id]
        call = schedule.calls[node[1]]
        if self.pending and node_id in self.pending:
            return self._assembled(node, call)
        if not call.simple or job.grad:
            return self._run_rich(node, call, start)
        if job.sink is not None:
            job.tell_started(node_id, node[1])
        results = schedule.results
        arguments: dict[str, Any] = {}
        many = False
        for name, value in node[2].items():
            if type(value) is Link:
                value = results[value[0]][value[1]]  # the wire's value stands for the wire
                if type(value) is Many:
                    many = True
            arguments[name] = value
        if len(arguments) < call.full or call.floats:
            self._complete(call, arguments)
        if many:
            return self._called(node, call, arguments, {}, start)
        returned = attempt(call.function, arguments, node)
        if isinstance(returned, LatentloomError):
            return returned
        outcome = shape(call, returned, job.shared.check, node)
        if type(outcome) is dict:
            if self._cache is not None and call.cacheable and node_id not in schedule.tainted:
                self._cache.put(schedule.keys[node_id], outcome, perf_counter() - start, node[1])
            return outcome
        if isinstance(outcome, Expand):
            self._began[node_id] = start
            return [outcome]
        return outcome

    @contextmanager
    def origins_of(self, node_id: str) -> Iterator[None]:
        """Let literals of an expansion that are the node's own input values have the keys of those wires."""
        schedule = self._schedule
        origins = schedule.origins
        for value in schedule.table[node_id].inputs.values():
            if type(value) is Link and value.node in schedule.results:
                given = schedule.results[value.node][value.output]
                for item in given if type(given) is Many else (given,):
                    origins[id(item)] = f"{schedule.keys[value.node]}.{value.output}" + (
                        "" if item is given else f".{given.index(item)}"
                    )
        try:
            yield
        finally:
            origins.clear()

    @staticmethod
    def _complete(call: Call, arguments: dict[str, Any]) -> None:
        if len(arguments) < call.full:
            for name, default in call.fills:
                if name not in arguments:
                    arguments[name] = default
        for name in call.floats:
            if type(arguments.get(name)) is int:
                arguments[name] = float(arguments[name])

    def _run_rich(self, node: Node, call: Call, start: float) -> Outcome:
        """Run a node that needs more than plain values."""
        asked: set[str] = set()
        arguments = self._gather(node, call, asked)
        while call.lazy:
            # A value that happens to be there but was not asked for must make no difference: each is asked for.
            names = self._wanted(node, call, arguments)
            if isinstance(names, LatentloomError):
                return names
            if names <= asked:
                break
            asked |= names
            missing = {
                link.node
                for name, link in node.inputs.items()
                if name in asked and type(link) is Link and link.node not in self._schedule.results
            }
            if missing:
                return missing
            arguments = self._gather(node, call, asked)
        if call.lazy:
            for name in call.lazy & node.inputs.keys():
                arguments.setdefault(name, None)  # a branch not taken
        if node.id not in self._started:
            self._started.add(node.id)
            self._job.tell_started(node.id, node.type)
        return self._called(node, call, arguments, self._extras(node, call, arguments), start)

    def _gather(self, node: Node, call: Call, asked: set[str]) -> dict[str, Any]:
        """Return the inputs that are there. asked: the lazy ones that the node wants."""
        results = self._schedule.results
        arguments: dict[str, Any] = {}
        for name, value in node.inputs.items():
            if type(value) is not Link:
                arguments[name] = value
            elif name in call.raw:
                arguments[name] = self._above(value)
            elif name not in call.lazy or name in asked:
                arguments[name] = results[value.node][value.output]
        self._complete(call, arguments)
        return arguments

    def _above(self, link: Link) -> SubGraphValue:
        schedule = self._schedule
        return cut(schedule.graph(), link, placeholder_types(self._job.shared.registry))

    def _wanted(self, node: Node, call: Call, arguments: dict[str, Any]) -> set[str] | LatentloomError:
        """Return the lazy inputs that the node wants, given those it has."""

        def ask() -> set[str]:
            found: set[str] = set()
            for one in spread(arguments, call.whole) if _has_many(arguments) else [arguments]:
                found |= call.needs(one)
            return found

        names: set[str] | LatentloomError = attempt(ask, {}, node)
        if isinstance(names, LatentloomError):
            return names
        unknown = names - call.lazy
        if unknown:
            return NodeBug(
                "R005",
                f"{node.type} (node {node.id})",
                f"names of its lazy inputs: {', '.join(sorted(call.lazy))}",
                ", ".join(sorted(map(str, unknown))),
                "Report it to the node's author.",
                node_id=node.id,
            )
        return {name for name in names if type(node.inputs.get(name)) is Link}

    def _extras(self, node: Node, call: Call, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the engine itself gives a node beside its inputs."""
        job = self._job
        extras: dict[str, Any] = {}
        for name, kind in call.hidden:
            if kind == "PROMPT":
                extras[name] = job.prompt
            elif kind == "EXTRA_PNGINFO":
                extras[name] = job.extra
            else:
                extras[name] = node.id
        if call.spec.wants_context is not None:
            graphs = [value.graph for value in arguments.values() if isinstance(value, SubGraphValue)]
            extras[call.spec.wants_context] = RunContext(job, node.id, graphs)
        return extras

    def _called(
        self, node: Node, call: Call, arguments: dict[str, Any], extras: Mapping[str, Any], start: float
    ) -> Outcome:
        """Call the node once, or once per item."""
        many = _has_many({name: value for name, value in arguments.items() if name not in call.whole})
        if many:
            self.mapped.add(node.id)
        try:
            calls = spread(arguments, call.whole) if many or call.whole else [arguments]
        except LatentloomError as error:
            error.node_id = node.id
            return error
        calls = [{**one, **extras} for one in calls]
        if call.spec.is_async and not call.spec.trains:
            self._begin(node, call, calls, start)
            return None
        grad = call.spec.trains or (self._job.grad and node.id in self._schedule.tainted)
        returned: list[Any] = []
        with self._job.shared.guard.grad() if grad else nullcontext():
            for one in calls:
                self._job.cancel.check()
                answer = attempt(_in_own_loop(call) if call.spec.is_async else call.function, one, node)
                if isinstance(answer, LatentloomError):
                    return answer
                returned.append(answer)
        return self._shaped(node, call, returned, start)

    def _begin(self, node: Node, call: Call, calls: list[dict[str, Any]], start: float) -> None:
        """Start an async node."""

        async def one(arguments: dict[str, Any]) -> Any:
            return await call.function(**arguments)  # also an import that fails is this node's

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*(one(arguments) for arguments in calls), return_exceptions=True)

        def after(returned: list[Any]) -> Outcome:
            if any(isinstance(value, Cancelled) for value in returned):
                self._job.cancel.cancel()
                return None
            values = [failure(value, node) if isinstance(value, Exception) else value for value in returned]
            return self._shaped(node, call, values, start)

        self._job.run_async(node.id, all_of_them(), after)

    def _shaped(self, node: Node, call: Call, returned: list[Any], start: float) -> Outcome:
        answers: list[Any] = []
        for value in returned:
            answer = value if isinstance(value, LatentloomError) else shape(call, value, self._job.shared.check, node)
            if isinstance(answer, LatentloomError):
                return answer
            answers.append(answer)
        if any(isinstance(answer, Expand) for answer in answers):
            self._began[node.id] = start
            return answers
        return self._joined(node, call, answers, perf_counter() - start)

    def _assembled(self, node: Node, call: Call) -> Outcome:
        answers = assemble(self.pending.pop(node.id), self._schedule.results)
        return self._joined(node, call, answers, perf_counter() - self._began.pop(node.id))

    def _joined(self, node: Node, call: Call, answers: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
        mapped = node.id in self.mapped
        outputs = collect(call.spec, answers, mapped) if mapped or call.lists else answers[0]
        schedule = self._schedule
        forbidden = node.id in schedule.tainted or node.id in self.unremembered
        if self._cache is not None and call.cacheable and not forbidden:
            self._cache.put(schedule.keys[node.id], outputs, seconds, node.type)
        return outputs


def _in_own_loop(call: Call) -> Callable[..., Any]:
    """Return a plain function that runs an async node to its end: one that trains must not share a thread."""
    return lambda **arguments: asyncio.run(call.function(**arguments))


def _has_many(arguments: Mapping[str, Any]) -> bool:
    return any(type(value) is Many for value in arguments.values())
