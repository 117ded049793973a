"""Measure what the engine itself costs and print the figures as JSON.

    python tests/bench/bench_engine.py [--repeats 5]

Microseconds a node from JSON text to result: reading, validating, planning, keys, running or finding the values in the
cache, with an event sink. Nodes are trivial and torch-free. Cold: an empty cache. Cached: the same text parsed again,
so that nothing is shared with the first run but the cache. Bounds: 25 cold, 12 cached, growth linear. The calibration
loop of the same run tells how busy the machine was; the processor's time is beside the clock's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from typing import Annotated, Any, NamedTuple

from latentloom.engine.graph.codec import read_api
from latentloom.engine.graph.validate import require_valid
from latentloom.engine.node import Registry, Repeat, node
from latentloom.engine.run.cache import Cache
from latentloom.engine.run.executor import Executor


@node("Source", category="bench", lane="cpu")
def source(*, n: int = 0) -> int:
    return n


@node("Pass", category="bench", lane="cpu")
def pass_on(*, value: int, add: int = 1) -> int:
    return value + add


@node("Join", category="bench", lane="cpu")
def join(**values: Annotated[int, Repeat("value_{n}", maximum=1_000_000)]) -> int:
    return sum(values.values())


def chain(count: int) -> tuple[dict[str, Any], str, int]:
    """Return a source and count - 1 nodes in a row, the id of the last, and its value."""
    data: dict[str, Any] = {"0": {"class_type": "Source", "inputs": {"n": 3}}}
    for number in range(1, count):
        data[str(number)] = {"class_type": "Pass", "inputs": {"value": [str(number - 1), 0], "add": number % 7}}
    return data, str(count - 1), 3 + sum(number % 7 for number in range(1, count))


def fan(width: int) -> tuple[dict[str, Any], str, int]:
    """Return a source, `width` different nodes side by side, and an end that adds them all up."""
    data: dict[str, Any] = {"s": {"class_type": "Source", "inputs": {"n": 3}}}
    for number in range(width):
        data[str(number)] = {"class_type": "Pass", "inputs": {"value": ["s", 0], "add": number}}
    data["e"] = {"class_type": "Join", "inputs": {f"value_{n + 1}": [str(n), 0] for n in range(width)}}
    return data, "e", 3 * width + sum(range(width))


def calibration() -> float:
    """Return how long a fixed pure-Python loop takes, in milliseconds."""
    start = time.perf_counter()
    table: dict[int, int] = {}
    for number in range(500_000):
        table[number & 1023] = number
    return (time.perf_counter() - start) * 1e3


class Times(NamedTuple):
    """Seconds of one whole run, by the clock, by the processor, and of the executor's share."""

    clock: float
    processor: float
    executor: float


def once(executor: Executor, text: str, target: str, expected: int, ran: int) -> Times:
    """Run a workflow from its text and hold the result against what it must be."""
    told: Counter[type] = Counter()

    def sink(event: object) -> None:
        told[type(event)] += 1

    clock, processor = time.perf_counter(), time.process_time()
    checked = require_valid(read_api(text, executor.registry), executor.registry, targets=[target])
    middle = time.perf_counter()
    result = executor.run(checked.graph, [target], sink=sink, order=checked.order)
    end = time.perf_counter()
    times = Times(end - clock, time.process_time() - processor, end - middle)
    if result.values[target] != {"INT": expected} or result.stats.ran != ran or not told:
        raise SystemExit(f"wrong result: {result.values}, ran {result.stats.ran}, events {told}")
    return times


def measure(data: dict[str, Any], target: str, expected: int, repeats: int) -> dict[str, float]:
    """Return microseconds a node, cold and cached; medians of `repeats`."""
    text, count = json.dumps(data), len(data)
    registry = Registry([source, pass_on, join])
    found: dict[str, list[Times]] = {"cold": [], "cached": []}
    inner = max(1, 2000 // count)  # a run of 10 nodes is too short to time alone
    for _ in range(repeats):
        executors = [Executor(registry, Cache()) for _ in range(inner)]
        for kind, ran in (("cold", count), ("cached", 0)):
            times = [once(executor, text, target, expected, ran) for executor in executors]
            found[kind].append(Times(*(sum(column) / inner for column in zip(*times, strict=True))))
    return {
        f"{kind}_{field}_us": round(statistics.median(getattr(entry, field) for entry in times) / count * 1e6, 2)
        for kind, times in found.items()
        for field in Times._fields
    }


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    figures: dict[str, Any] = {"calibration_ms": round(calibration(), 1)}
    for count in (10, 1_000, 30_000):
        figures[f"chain_{count}"] = measure(*chain(count), repeats)
    figures["fan_1000"] = measure(*fan(1_000), repeats)
    small, large = figures["chain_1000"], figures["chain_30000"]
    for kind in ("cold", "cached"):
        name = f"{kind}_processor_us"
        figures[f"{kind}_a_node_at_30000_over_1000"] = round(large[name] / small[name], 2)
    figures["calibration_after_ms"] = round(calibration(), 1)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
