"""Measure reading and validating workflows and print the figures as JSON.

    python tests/bench/bench_check.py [--repeats 5]

`latentloom check` on 1,000 nodes, process start included (the bound is 0.3 s); `import latentloom` beyond bare Python
(60 ms) and reading the manifest of all built-in nodes (20 ms); reading, validating and both together
for chains and a fan, in microseconds a node; a calibration loop of the same run to compare machines by.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from latentloom.engine.graph.codec import read_api
from latentloom.engine.graph.validate import examine
from latentloom.engine.node import Registry, Repeat, Slider, Socket, node

Value = Annotated[Any, Socket("VALUE")]


@node("Source", category="bench")
def source(*, n: int = 0) -> Value:
    return n


@node("Pass", category="bench")
def pass_on(*, value: Value, factor: Annotated[float, Slider(0, 1)] = 0.5) -> Value:
    return value


@node("Join", category="bench", effect=True)
def join(**values: Annotated[Value, Repeat("value_{n}", maximum=1_000_000)]) -> None: ...


def chain(count: int) -> dict[str, Any]:
    """A source, count - 2 nodes in a row, and an end."""
    data: dict[str, Any] = {"0": {"class_type": "Source", "inputs": {"n": 3}}}
    for number in range(1, count - 1):
        data[str(number)] = {"class_type": "Pass", "inputs": {"value": [str(number - 1), 0], "factor": 0.25}}
    data[str(count - 1)] = {"class_type": "Join", "inputs": {"value_1": [str(count - 2), 0]}}
    return data


def fan(width: int) -> dict[str, Any]:
    """A source, `width` nodes side by side, and an end that takes them all."""
    data: dict[str, Any] = {"s": {"class_type": "Source", "inputs": {"n": 3}}}
    for number in range(width):
        data[str(number)] = {"class_type": "Pass", "inputs": {"value": ["s", 0], "factor": 0.25}}
    data["e"] = {"class_type": "Join", "inputs": {f"value_{n + 1}": [str(n), 0] for n in range(width)}}
    return data


def median(action: Callable[[], Any], repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the median time of `action` in seconds."""
    times = []
    for _ in range(repeats):
        start = clock()
        action()
        times.append(clock() - start)
    return statistics.median(times)


def calibration() -> float:
    """Return how long a fixed pure-Python loop takes, in milliseconds."""
    start = time.perf_counter()
    table: dict[int, int] = {}
    for number in range(500_000):
        table[number & 1023] = number
    return (time.perf_counter() - start) * 1e3


def picture_workflow(count: int) -> dict[str, Any]:
    """About `count` nodes of the built-in set, as a real large workflow is made of them."""
    data: dict[str, Any] = {
        "l": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}}
    }
    last = ["l", 0]
    for number in range(count - 1):
        inputs = {"samples1": last, "samples2": ["l", 0], "blend_factor": 0.5}
        data[str(number)] = {"class_type": "LatentBlend", "inputs": inputs}
        last = [str(number), 0]
    data["save"] = {"class_type": "SaveLatent", "inputs": {"samples": last, "filename_prefix": "x"}}
    return data


def check_command(repeats: int) -> dict[str, float]:
    """Measure `latentloom check` on 1,000 nodes, and the start of Python alone."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "thousand.json"
        file.write_text(json.dumps(picture_workflow(999)))
        command = [sys.executable, "-P", "-m", "latentloom", "check", str(file), "--data-dir", folder]

        def check() -> None:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise SystemExit(done.stderr)

        check()
        # In turns, so that a busy moment of the machine meets all three alike.
        turns = [
            [
                median(lambda: start_python("pass"), 1),
                median(lambda: start_python("import latentloom"), 1),
                median(check, 1),
            ]
            for _ in range(repeats)
        ]
        bare, imported, checked = (statistics.median(column) for column in zip(*turns, strict=True))
        return {
            "check_1000_s": round(checked, 3),
            "bare_python_s": round(bare, 3),
            "import_latentloom_ms_beyond_bare": round((imported - bare) * 1e3, 1),
        }


def start_python(code: str) -> None:
    """Run a line in a process of its own."""
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def manifest_load(repeats: int) -> float:
    """Return the milliseconds of reading all built-in nodes from their manifest."""
    from latentloom.engine.library import MANIFEST, built_in_packages, package_root
    from latentloom.engine.node.manifest import load

    return median(lambda: load(built_in_packages(), package_root() / MANIFEST), repeats) * 1e3


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    registry = Registry([source, pass_on, join])
    figures: dict[str, Any] = {"calibration_ms": round(calibration(), 1)}
    shapes = {f"chain_{count}": chain(count) for count in (10, 1_000, 30_000, 100_000)}
    shapes["fan_1000"] = fan(1_000)
    shapes["chain_30000_reversed"] = dict(reversed(chain(30_000).items()))
    for name, data in shapes.items():
        text = json.dumps(data)
        graph = read_api(text, registry)
        problems = examine(graph, registry).problems
        if problems:
            raise SystemExit(str(problems[0]))
        times = {
            "read": median(lambda text=text: read_api(text, registry), repeats),
            "validate": median(lambda graph=graph: examine(graph, registry), repeats),
            "both": median(lambda text=text: examine(read_api(text, registry), registry), repeats),
        }
        # On a busy machine the processor time says more than the clock.
        times["both_cpu"] = median(
            lambda text=text: examine(read_api(text, registry), registry), repeats, time.process_time
        )
        figures[name] = {f"{key}_us_a_node": round(value / len(data) * 1e6, 2) for key, value in times.items()}
    growth = figures["chain_100000"]["both_cpu_us_a_node"] / figures["chain_1000"]["both_cpu_us_a_node"]
    figures["cost_a_node_at_100000_over_1000"] = round(growth, 2)
    figures["manifest_load_ms"] = round(manifest_load(repeats), 2)
    figures.update(check_command(max(repeats, 5)))
    figures["calibration_after_ms"] = round(calibration(), 1)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
