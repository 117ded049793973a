"""Small real nodes for the tests of the executor; every call is counted by whoever made the set."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

from latentloom.engine.graph.builder import GraphBuilder
from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.graph.subgraph import Expand
from latentloom.engine.node import ANY, Context, File, Hidden, Registry, Socket, SubGraph, node
from latentloom.engine.run.cache import Cache
from latentloom.engine.run.executor import Executor, RunResult

AnyValue = Annotated[Any, Socket(ANY)]
Number = Annotated[int, Socket("INT")]
Numbers = Annotated[list[int], Socket("INT", whole_list=True)]


class Pair(NamedTuple):
    """Two numbers."""

    low: int
    high: int


@dataclass
class Kit:
    """A registry of counting nodes and what they did."""

    calls: Counter[str] = field(default_factory=Counter)
    saved: list[Any] = field(default_factory=list)
    threads: dict[str, str] = field(default_factory=dict)
    live: Counter[str] = field(default_factory=Counter)
    registry: Registry = field(default_factory=Registry)

    def __post_init__(self) -> None:
        for function in _declare(self):
            self.registry.add(function)

    def builder(self) -> GraphBuilder:
        return GraphBuilder(self.registry)

    def executor(self, cache: Cache | None = None, **options: Any) -> Executor:
        return Executor(self.registry, cache, **options)

    def run(self, graph: Graph | GraphBuilder, targets: Any = None, cache: Cache | None = None, **options: Any) -> RunResult:
        """Run on a new executor; handles and wires are targets too."""
        if isinstance(graph, GraphBuilder):
            graph = graph.graph()
        return self.executor(cache).run(graph, ids(targets), **options)


def ids(targets: Any) -> Any:
    if targets is None:
        return None
    return [getattr(target, "node_id", target) for target in (targets if isinstance(targets, list) else [targets])]


def value(result: RunResult, handle: Any) -> Any:
    """Return the one output of a node, or raise what went wrong."""
    for error in result.failures.values():
        raise error
    (found,) = result.values[handle.node_id].values()
    return found


def chain(length: int, first: int = 0) -> Graph:
    """Return `length` Add nodes in a row; the last has id str(length - 1)."""
    nodes = [Node("0", "Add", {"a": first, "b": 1})]
    nodes += [Node(str(n), "Add", {"a": Link(str(n - 1), "INT"), "b": 1}) for n in range(1, length)]
    return Graph(nodes)


def _declare(kit: Kit) -> list[Any]:
    @node("Add", category="test", lane="cpu")
    def add(a: int = 0, b: int = 1) -> int:
        """Add two numbers."""
        kit.calls["Add"] += 1
        return a + b

    @node("Source", category="test", lane="io")
    def source(value: int = 7, name: str = "") -> int:
        """Hand on a number."""
        kit.calls["Source" + name] += 1
        return value

    @node("Split", category="test", lane="cpu")
    def split(a: int) -> Pair:
        """Return a number and the next."""
        kit.calls["Split"] += 1
        return Pair(a, a + 1)

    @node("Save", category="test", effect=True, lane="io")
    def save(*, value: AnyValue, prefix: str = "x", context: Context) -> None:
        """Keep a value."""
        kit.calls["Save"] += 1
        kit.saved.append(value)
        context.output("texts", [{"text": f"{prefix}{value}"}])

    @node("Dice", category="test", pure=False, lane="cpu")
    def dice() -> int:
        """Return another number each time."""
        kit.calls["Dice"] += 1
        return kit.calls["Dice"]

    @node("Fail", category="test", lane="cpu")
    def fail(a: int = 0, text: str = "no") -> int:
        """Raise."""
        kit.calls["Fail"] += 1
        raise ZeroDivisionError(text)

    @node("Sleep", category="test", lane="device")
    def sleep_device(a: int = 0, seconds: float = 0.1) -> int:
        """Sleep on the device lane."""
        return _sleep(kit, "device", a, seconds)

    @node("SleepCpu", category="test", lane="cpu")
    def sleep_cpu(a: int = 0, seconds: float = 0.1) -> int:
        """Sleep on the cpu lane."""
        return _sleep(kit, "cpu", a, seconds)

    @node("SleepIo", category="test", lane="io")
    def sleep_io(a: int = 0, seconds: float = 0.1) -> int:
        """Sleep on the io lane."""
        return _sleep(kit, "io", a, seconds)

    @node("SleepAsync", category="test")
    async def sleep_async(a: int = 0, seconds: float = 0.1) -> int:
        """Sleep without a thread."""
        kit.calls["SleepAsync"] += 1
        await asyncio.sleep(seconds)
        return a

    @node("FailAsync", category="test")
    async def fail_async(a: int = 0) -> int:
        """Raise later."""
        await asyncio.sleep(0.01)
        raise ValueError("late")

    @node("Steps", category="test")
    def steps(*, count: int = 1000, seconds: float = 0.01, context: Context) -> int:
        """Work in steps, as a sampler does."""
        for step in range(count):
            kit.calls["Steps"] += 1
            time.sleep(seconds)
            context.progress(step + 1, count, note="step")
        return count

    @node("Range", category="test", lane="cpu")
    def numbers(count: int = 3) -> Numbers:
        """Make a list that is handed on item by item."""
        return list(range(count))

    @node("Total", category="test", lane="cpu")
    def total(values: Numbers, scale: int = 1) -> int:
        """Add up a whole list."""
        kit.calls["Total"] += 1
        return sum(values) * scale

    @node("Wrong", category="test", lane="cpu")
    def wrong(kind: str = "type") -> Pair:
        """Return something else than declared."""
        return {"type": "text", "count": (1, 2, 3), "none": None}[kind]  # type: ignore[return-value]

    @node("Either", category="test", lane="cpu", needs=lambda flag, **_: ["yes"] if flag else ["no"])
    def either(
        flag: Annotated[Any, Socket("BOOLEAN,INT")],
        yes: Annotated[Any, Socket("INT", lazy=True)] = None,
        no: Annotated[Any, Socket("INT", lazy=True)] = None,
    ) -> int:
        """Choose."""
        kit.calls["Either"] += 1
        return yes if flag else no

    @node("Doubled", category="test", lane="cpu")
    def doubled(a: int, times: int = 2, save: bool = False) -> int:
        """Add a number to itself by expanding into a chain."""
        kit.calls["Doubled"] += 1
        inner = [Node("s", "Add", {"a": a, "b": 0})]
        for number in range(times):
            inner.append(Node(f"n{number}", "Add", {"a": Link(inner[-1].id, "INT"), "b": a}))
        last = inner[-1].id
        if save:
            inner.append(Node("save", "Save", {"value": Link(last, "INT")}))
        return Expand(Graph(inner), {"INT": Link(last, "INT")})  # type: ignore[return-value]

    @node("Hole", category="test", lane="cpu", placeholder=True)
    def hole() -> AnyValue:
        """Stand for a value."""
        raise RuntimeError("a placeholder has no value of its own")

    @node("Evaluate", category="test", lane="cpu")
    def evaluate(*, body: SubGraph, values: str = "1,2", context: Context) -> AnyValue:
        """Run a sub-graph for several values."""
        kit.calls["Evaluate"] += 1
        return [context.evaluate(body, {"Hole": int(text)}) for text in values.split(",")]

    @node("Whoami", category="test", lane="cpu")
    def whoami(
        *, me: Annotated[Any, Hidden("UNIQUE_ID")] = None, graph: Annotated[Any, Hidden("PROMPT")] = None, tag: str = ""
    ) -> str:
        """Return the own id."""
        return f"{me} of {len(graph)}"

    @node("ReadFile", category="test", lane="io")
    def read_file(*, name: Annotated[str, File("input")] = "a.txt", context: Context) -> str:
        """Read a file."""
        kit.calls["ReadFile"] += 1
        return context.files.find("input", name).read_text()

    @node("Bulk", category="test", lane="cpu")
    def bulk(count: int = 1000, tag: int = 0) -> AnyValue:
        """Make a value of `count` bytes."""
        kit.calls["Bulk"] += 1
        return bytes(count)

    return [value for value in locals().values() if hasattr(value, "__node__")]


def _sleep(kit: Kit, lane: str, a: int, seconds: float) -> int:
    kit.threads[f"{lane}{a}"] = threading.current_thread().name
    kit.live[lane] += 1
    kit.calls[f"most {lane}"] = max(kit.calls[f"most {lane}"], kit.live[lane])
    time.sleep(seconds)
    kit.live[lane] -= 1
    return a
