"""Run every bundled workflow small, each in a process of its own, and print the seconds as JSON.

    python tests/bench/bench_workflows.py [--repeats 1] [NAME ...]

The bound is 10 s each with the smoke values. `run_s` is the run alone, as the command reports it; `process_s` includes
starting Python and loading torch. A calibration loop of the same run tells how busy the machine was.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from latentloom.engine.library import package_root


def calibration() -> float:
    """Return how long a fixed pure-Python loop takes, in milliseconds."""
    start = time.perf_counter()
    table: dict[int, int] = {}
    for number in range(500_000):
        table[number & 1023] = number
    return (time.perf_counter() - start) * 1e3


def run_small(file: Path, data: str) -> tuple[float, float]:
    """Return the seconds of one run, as the command reports them and with the start of its process."""
    command = [sys.executable, "-P", "-m", "latentloom", "run", str(file), "--smoke", "--json", "--data-dir", data]
    start = time.perf_counter()
    done = subprocess.run([*command, "--device", "cpu", "--cache", "off"], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return float(json.loads(done.stdout)["seconds"]), seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="workflows; all when left out")
    parser.add_argument("--repeats", type=int, default=1)
    args = parser.parse_args()
    files = sorted(
        path.with_suffix("").with_suffix(".json") for path in (package_root() / "workflows").glob("*.smoke.json")
    )
    figures: dict[str, Any] = {"calibration_ms": round(calibration(), 1)}
    for file in files:
        if args.names and file.stem not in args.names:
            continue
        with tempfile.TemporaryDirectory() as data:
            times = [run_small(file, data) for _ in range(args.repeats)]
        run, process = (statistics.median(column) for column in zip(*times, strict=True))
        figures[file.stem] = {"run_s": round(run, 2), "process_s": round(process, 2)}
    figures["calibration_after_ms"] = round(calibration(), 1)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
