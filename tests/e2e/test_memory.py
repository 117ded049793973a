"""The page's memory stays where it is, however many workflows ran in it with pictures on their way."""

from typing import Any

import pytest
from workbench import layer

RUNS_AT_ONCE = 20
GRAPH = {"1": ("ProbeNumber", (60, 80)), "2": ("ProbePicture", (440, 80))}
# Counts pictures that are decoded, and those that are let go of.
COUNT = """(() => {
  window.decoded = window.letGo = 0;
  const decode = window.createImageBitmap;
  window.createImageBitmap = (...given) => { window.decoded += 1; return decode.apply(window, given); };
  const close = ImageBitmap.prototype.close;
  ImageBitmap.prototype.close = function () { window.letGo += 1; return close.apply(this); };
})()"""
# Counts jobs that end; the store itself forgets the oldest.
FOLLOW = """() => {
  window.ended = 0;
  window.__latentloom.runs.subscribe(({ jobs }, before) => {
    if (jobs === before.jobs) return;
    for (const id in jobs) if (jobs[id].ended !== null && !before.jobs[id]?.ended) window.ended += 1;
  });
}"""
ENDED = "count => window.ended >= count && Object.keys(window.__latentloom.runs.getState().previews).length === 0"


class Heap:
    """What the page's own objects take, after its garbage was thrown away."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.session = page.context.new_cdp_session(page)

    def used(self) -> float:
        """Return it in megabytes: the least of some looks, as answers on their way and code just compiled go away."""
        looks = []
        for _ in range(5):
            self.page.wait_for_timeout(300)
            self.session.send("HeapProfiler.collectGarbage")
            looks.append(self.session.send("Runtime.getHeapUsage")["usedSize"] / 1e6)
        return min(looks)


def run_until(bench: Any, count: int) -> None:
    """Run the workflow until it ran so often in this page."""
    done = bench.page.evaluate("() => window.ended")
    while done < count:
        done = min(count, done + RUNS_AT_ONCE)
        bench.canvas.focus()
        bench.press("Control+Enter")
        bench.page.wait_for_function(ENDED, arg=done, timeout=60_000)
    failed = [job["id"] for job in bench.state("runs")["jobs"].values() if job["state"] != "done"]
    assert failed == []


def start(bench: Any, muted: int = 0) -> Any:
    """Show a workflow that sends pictures, with so many more nodes that are muted; many runs at each press of the key.

    The queue is open beside it.
    """
    bench.page.add_init_script(COUNT)
    bench.page.reload()
    bench.ready()
    places = {str(at + 3): ("ProbeAdd", (60 + 260 * (at % 40), 300 + 120 * (at // 40))) for at in range(muted)}
    root = layer({**GRAPH, **places}, [("1", 0, "2", "value")], {"2": {"count": 6}})
    for name in places:
        root["nodes"][name]["mode"] = 2
    bench.fresh(root)
    bench.panel("queue")
    bench.page.locator(".run-count input").fill(str(RUNS_AT_ONCE))
    bench.page.wait_for_function("() => window.__latentloom.runs.getState().connection === 'open'")
    bench.page.evaluate(FOLLOW)
    return bench


def check_pictures(page: Any, at_least: int) -> None:
    """Every picture that was decoded has been let go of."""
    decoded, gone = page.evaluate("[window.decoded, window.letGo]")
    assert decoded >= at_least, f"only {decoded} pictures came"
    assert gone == decoded, f"{decoded - gone} of {decoded} pictures are still held"


def test_runs_leave_nothing_behind(bench):
    running = start(bench)
    heap = Heap(running.page)
    run_until(running, 40)
    before = heap.used()
    run_until(running, 100)
    after = heap.used()
    print(f"{before:.2f} MB after 40 runs, {after:.2f} MB after 100")
    check_pictures(running.page, 20)
    # A job in the list takes some kilobytes; what its nodes did and its pictures would take more.
    assert after - before < 0.6, f"{before:.2f} -> {after:.2f} MB in 60 runs"


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_with_2000_nodes_the_heap_is_flat_from_200_to_1000_runs(bench):
    running = start(bench, 1998)
    heap = Heap(running.page)
    told = []
    for count in (20, 200, 400, 600, 800, 1000):
        run_until(running, count)
        told.append(heap.used())
        print(f"{told[-1]:.2f} MB after {count} runs", flush=True)
    check_pictures(running.page, 200)
    assert told[-1] <= told[1] * 1.05 and max(told) <= 40, told
