"""Measure checking a safetensors header and print the figures as JSON.

    python tests/bench/bench_header.py [--repeats 5]

Milliseconds for headers of 1,000 and 10,000 tensors, beside parsing the same JSON alone (the ratio is what the check
costs), and for a file whose length field claims 2**62 bytes, which must be refused without reading that much.
"""

from __future__ import annotations

import argparse
import json
import statistics
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from latentloom.engine.errors import UserError
from latentloom.engine.models.header import read_header


def median_ms(action: Callable[[], Any], repeats: int) -> float:
    """Return the median time of `action` in milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def refused(path: Path) -> None:
    """Open a malformed file."""
    try:
        read_header(path)
    except UserError:
        return
    raise SystemExit("a malformed file was accepted")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.safetensors"
        for count in (1_000, 10_000):
            entries = {
                f"model.diffusion_model.block.{n}.weight": {
                    "dtype": "F32",
                    "shape": [2],
                    "data_offsets": [8 * n, 8 * n + 8],
                }
                for n in range(count)
            }
            text = json.dumps(entries).encode()
            path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8 * count))
            checked = median_ms(lambda: read_header(path), repeats)
            parsed = median_ms(lambda text=text: json.loads(text), repeats)
            figures[f"tensors_{count}"] = {
                "check_ms": round(checked, 2), "json_ms": round(parsed, 2), "ratio": round(checked / parsed, 2)
            }  # fmt: skip
        path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
        figures["length_of_2_to_62_ms"] = round(median_ms(lambda: refused(path), repeats), 3)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
