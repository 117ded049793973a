"""
Measures how long a picture on its way takes from the sampler's hand to the screen: a real server and worker, the built
editor in Chromium, a node that hands over 20 detailed pictures a second with their time, and the frame after the one in
which the editor painted each. Prints JSON with a calibration loop of the same run; fails when the target is missed.

    python -P web/bench/bench_preview.py
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests" / "server"), str(ROOT / "tests" / "e2e")]
from browser_flags import FLAGS  # noqa: E402
from serving import Serving  # noqa: E402
from workbench import Workbench, layer  # noqa: E402

from latentloom.engine import editor_build  # noqa: E402

LIMIT_MS = 80.0
# The editor notes on its canvas when a picture was handed over, in the frame in which it paints it. What is drawn in
# one frame is on the screen before the next begins, so that is when the clock is read.
WATCH = """() => {
  let last = "";
  new MutationObserver(() => {
    const canvas = document.querySelector("canvas[data-preview]");
    const at = canvas?.dataset.at;
    if (at === undefined || at === last) return;
    last = at;
    const drawn = Date.now();
    requestAnimationFrame(() => window.painted.push([Number(at), drawn, Date.now()]));
  }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-at"] });
}"""
FRAMES = """() => new Promise(done => {
  const times = [];
  const next = now => { times.push(now); if (times.length < 60) requestAnimationFrame(next); else done(times); };
  requestAnimationFrame(next);
})"""


def calibrate() -> float:
    """Return the milliseconds of a fixed loop of plain Python."""
    began = time.perf_counter()
    total = 0
    for number in range(1_000_000):
        total += number & 7
    return (time.perf_counter() - began) * 1000


def frame_ms(page: Page) -> float:
    """Return the median time between two frames of a page that does nothing."""
    times = page.evaluate(FRAMES)
    return statistics.median(after - before for before, after in itertools.pairwise(times))


def spread(values: list[float]) -> dict[str, float]:
    """Return median, 95th percentile and the largest."""
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(len(ordered) * 0.95)], 1),
        "max": round(ordered[-1], 1),
    }


def measure(page: Page, server: Serving, side: int, seconds: int) -> dict[str, Any]:
    """Run the film once to warm everything up, and once to measure."""
    bench = Workbench(page, server)
    bench.open()
    page.evaluate(WATCH)
    nodes = {"1": ("ProbeNumber", (60, 80)), "2": ("ProbeFilm", (440, 80))}
    for length in (2, seconds):
        bench.fresh(layer(nodes, [("1", 0, "2", "value")], {"2": {"side": side, "seconds": length, "rate": 20}}))
        page.evaluate("window.painted = []")
        bench.wait_done(bench.run(), seconds=length + 60)
    rows = page.evaluate("window.painted")
    return {
        "pictures": seconds * 20,
        "painted": len(rows),
        "to_pixels_ms": spread([shown - at for at, _, shown in rows]),
        "to_drawn_ms": spread([drawn - at for at, drawn, _ in rows]),
        "idle_frame_ms": round(frame_ms(page), 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    given = parser.parse_args()
    editor_build.build(ROOT)
    before = calibrate()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as place,
        Serving(Path(place) / "data") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=given.chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("pageerror", lambda error: print("page error:", error, file=sys.stderr))
        found = measure(page, server, given.side, given.seconds)
        browser.close()
    found["calibration_ms"] = [round(before, 1), round(calibrate(), 1)]
    print(json.dumps(found))
    if found["painted"] < found["pictures"] / 2:
        print(f"missed: only {found['painted']} of {found['pictures']} pictures were painted")
        return 1
    if found["to_pixels_ms"]["p95"] > LIMIT_MS:
        print(f"missed: {found['to_pixels_ms']['p95']} ms to pixels at p95, more than {LIMIT_MS}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
