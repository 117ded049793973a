"""The keys of ComfyUI that users have in their fingers, as its own table of them lists them: left column, right column.

What other editors do with the same thing stands beside it.
"""

from contextlib import contextmanager

import pytest
from habits import SHARED, Table
from workbench import EMPTY, NODES, layer

KEYS = Table()
MUTED, BYPASSED = 2, 4


def comfy(keys, does):
    return KEYS.habit("ComfyUI", keys, does)


@contextmanager
def paused(bench):
    """Hold the queue meanwhile; what waits is taken away."""
    assert bench.server.ask("/api/loom/queue", {"pause": "after_job"})[0] == 200
    try:
        yield
    finally:
        ids = [job["id"] for job in jobs(bench, "state=pending")]
        bench.server.ask("/api/loom/queue", {"cancel": {"ids": ids}, "pause": "no"})


def jobs(bench, query):
    status, found = bench.server.ask(f"/api/loom/jobs?{query}")
    assert status == 200, found
    return found["jobs"]


# --- the table, left column


@comfy("Ctrl+Enter", "run")
def _(bench, keys):
    job = bench.run(keys)
    bench.wait_done(job)
    bench.until(lambda: bench.run_state("3") == "done")


@comfy("Ctrl+Shift+Enter", "queue at the front")
def _(bench, keys):
    with paused(bench):
        bench.press("Control+Enter")
        (first,) = bench.until(lambda: jobs(bench, "state=pending"))
        bench.press(keys)
        bench.until(lambda: len(jobs(bench, "state=pending")) == 2)
        assert [job["id"] for job in jobs(bench, "state=pending&sort=queue")][1] == first["id"]


@comfy("Ctrl+Alt+Enter", "interrupt")
def _(bench, keys):
    nodes = {"1": ("ProbeNumber", (60, 80)), "2": ("ProbeSleep", (440, 80)), "3": ("ProbeShow", (820, 80))}
    links = [("1", 0, "2", "value"), ("2", 0, "3", "value")]
    bench.fresh(layer(nodes, links, {"2": {"milliseconds": 600_000}}))
    job = bench.run()
    bench.until(lambda: bench.state("runs")["jobs"][job]["state"] == "running")
    bench.press(keys)
    bench.wait_done(job, expected="cancelled")


@comfy("Ctrl+Z", "undo")
def _(bench, keys):
    bench.select("1")
    bench.press("Delete")
    assert "1" not in bench.nodes()
    bench.press(keys)
    assert "1" in bench.nodes() and ("1", 0, "2", "a") in bench.links()


@comfy("Ctrl+Y", "redo")
@comfy("Ctrl+Shift+Z", "redo")
@KEYS.habit("InvokeAI", "Ctrl+Shift+Z", "redo")
def _(bench, keys):
    bench.select("1")
    bench.press("Delete", "Control+z")
    assert "1" in bench.nodes()
    bench.press(keys)
    assert "1" not in bench.nodes()


@comfy("Ctrl+S", "save")
def _(bench, keys):
    bench.press(keys)  # a document without a file asks for its name
    bench.dialog("saveAs").locator("input").fill("by key")
    bench.press("Enter")
    bench.until(lambda: bench.opened()["file"])
    bench.choose_items(("node", "5"))
    bench.press("Delete", keys)
    bench.until(lambda: bench.opened()["savedEdit"] == bench.opened()["edits"] == 1)
    status, saved = bench.server.ask("/api/loom/documents/by%20key")
    assert status == 200 and {str(node["id"]) for node in saved["document"]["nodes"]} == SHARED - {"5"}


@comfy("Ctrl+O", "open")
def _(bench, keys):
    bench.fresh(layer({}, []))
    with bench.page.expect_file_chooser() as chooser:
        bench.press(keys)
    prompt = b'{"7": {"class_type": "ProbeNumber", "inputs": {"value": 3}}}'
    chooser.value.set_files({"name": "opened.json", "mimeType": "application/json", "buffer": prompt})
    bench.until(lambda: bench.opened()["title"] == "opened")
    assert bench.nodes("ProbeNumber") == ["7"] and bench.value("7", "value") == 3


@comfy("Ctrl+A", "select all")
def _(bench, keys):
    bench.press(keys)
    assert set(bench.selected()) == SHARED


@comfy("Ctrl+C", "copy")
@comfy("Ctrl+V", "paste")
def _(bench, keys):
    bench.select("1", "2")
    bench.press("Control+c")
    bench.page.mouse.move(*bench.at(*EMPTY))
    bench.press("Control+v")
    new = bench.until(lambda: set(bench.nodes()) - SHARED)
    kinds = {bench.layer()["nodes"][node]["type"]: node for node in new}
    assert set(kinds) == {"ProbeNumber", "ProbeAdd"} and set(bench.selected()) == new
    assert (kinds["ProbeNumber"], 0, kinds["ProbeAdd"], "a") in bench.links()
    assert bench.pos(kinds["ProbeNumber"])[0] == pytest.approx(EMPTY[0], abs=2)


@comfy("Ctrl+Shift+V", "paste with the links that enter")
@KEYS.habit("InvokeAI", "Ctrl+Shift+V", "paste with the links that enter")
def _(bench, keys):
    bench.select("2")
    bench.press("Control+c")
    bench.page.mouse.move(*bench.at(*EMPTY))
    bench.press(keys)
    (new,) = bench.until(lambda: set(bench.nodes()) - SHARED)
    bench.page.wait_for_timeout(120)  # the browser's own paste, which may follow, is not a second one
    assert set(bench.nodes()) == SHARED | {new} and ("1", 0, new, "a") in bench.links()


@comfy("Delete", "delete")
@comfy("Backspace", "delete")
def _(bench, keys):
    bench.select("2")
    bench.press(keys)
    assert set(bench.nodes()) == SHARED - {"2"} and bench.links() == {("1", 0, "4", "a")}


@comfy("Space", "held while the mouse moves: pan")
def _(bench, keys):
    start = bench.at(*EMPTY)
    bench.page.mouse.move(*start)
    with bench.held(keys):
        bench.page.mouse.move(start[0] + 80, start[1] + 50, steps=3)
        bench.settle()
    assert (bench.view()["x"], bench.view()["y"]) == pytest.approx((-80, -50), abs=1)
    bench.page.wait_for_timeout(50)
    assert bench.state("ui")["search"] is None


@comfy("R", "refresh the node types")
def _(bench, keys):
    with bench.page.expect_response("**/api/loom/types"):
        bench.press(keys)


KEYS.panel("ComfyUI", "Q", "queue panel", "queue")
KEYS.panel("ComfyUI", "Shift+H", "history (H alone is the hand)", "queue")
KEYS.panel("ComfyUI", "W", "workflows panel", "workflows")
KEYS.panel("ComfyUI", "N", "nodes panel", "nodes")
KEYS.panel("ComfyUI", "M", "models panel", "models")
KEYS.panel("ComfyUI", "A", "assets panel", "gallery")
KEYS.panel("ComfyUI", "Ctrl+,", "settings", "settings")
KEYS.panel("ComfyUI", "Ctrl+Shift+K", "list of keys", "keys")


@comfy("F", "focus mode")
def _(bench, keys):
    bar = bench.page.locator(".topbar")
    bench.press(keys)
    bar.wait_for(state="hidden")
    bench.press(keys)
    bar.wait_for(state="visible")


@comfy("Alt+Shift+M", "minimap")
def _(bench, keys):
    bench.page.locator(".minimap").wait_for()
    bench.press(keys)
    bench.page.locator(".minimap").wait_for(state="detached")


# --- the table, right column


def mode(bench, node):
    return bench.layer()["nodes"][node]["mode"]


@comfy("Ctrl+B", "bypass")
@comfy("Ctrl+M", "mute")
@KEYS.habit("Blender preset", "M", "mute")
def _(bench, keys):
    wanted = BYPASSED if keys == "Control+b" else MUTED
    bench.select("2", "4")
    bench.press(keys)
    assert [mode(bench, node) for node in "124"] == [0, wanted, wanted]
    bench.press(keys)
    assert [mode(bench, node) for node in "124"] == [0, 0, 0]


@comfy("Alt+C", "collapse and expand")
@KEYS.habit("Blender preset", "H", "collapse and expand")
@KEYS.habit("Blender preset", "Ctrl+H", "collapse and expand")
def _(bench, keys):
    bench.select("2")
    height = bench.node("2").bounding_box()["height"]
    bench.press(keys)
    assert bench.layer()["nodes"]["2"]["collapsed"] is True
    bench.until(lambda: bench.node("2").bounding_box()["height"] < height)
    bench.press(keys)
    assert not bench.layer()["nodes"]["2"].get("collapsed")


@comfy("P", "pin")
def _(bench, keys):
    bench.select("2")
    bench.press(keys)
    x, y = bench.title("2")
    bench.drag((x, y), (x, y + 150))
    assert bench.pos("2") == NODES["2"][1]
    bench.press(keys)
    x, y = bench.title("2")
    bench.drag((x, y), (x, y + 150))
    assert bench.pos("2") != NODES["2"][1]


@comfy("Ctrl+G", "group the selection")
@KEYS.habit("Blender", "Ctrl+J", "frame the selection")
def _(bench, keys):
    bench.select("1", "5")
    bench.press(keys)
    ((name, group),) = bench.layer()["groups"].items()
    assert bench.selection() == {("group", name)}
    box = group["box"]
    assert box["x"] < 60 and box["y"] < 50 and box["y"] + box["height"] > 500 and box["x"] + box["width"] < 440


@comfy("Ctrl+Shift+E", "subgraph of the selection")
def _(bench, keys):
    bench.select("2", "3")
    bench.press(keys)
    ((name, sub),) = bench.document()["subs"].items()
    assert {node["type"] for node in sub["nodes"].values()} == {"ProbeAdd", "ProbeShow"}
    (host,) = bench.nodes(name)
    assert bench.selected() == [host] and any(link[:3] == ("1", 0, host) for link in bench.links())


@comfy("Escape", "leave the subgraph")
def _(bench, keys):
    bench.select("2", "3")
    bench.press("Control+Shift+e")
    (host,) = bench.selected()
    bench.node(host).locator(".node-enter").click()
    bench.until(lambda: bench.state("ui")["path"][bench.opened()["id"]] == [host])
    bench.canvas.focus()
    bench.press(keys)
    assert bench.state("ui")["path"][bench.opened()["id"]] == []


@comfy(".", "fit the selection, or all")
@KEYS.habit("Blender preset", "Home", "fit the selection, or all")
def _(bench, keys):
    bench.select("5")
    bench.press(keys)
    view = bench.view()
    x, y = NODES["5"][1]
    assert view["x"] + view["width"] / 2 == pytest.approx(x + 105, abs=2)
    assert view["y"] < y - 30 and view["y"] + view["height"] > y + 60
    bench.choose_items()
    bench.press(keys)
    view = bench.view()
    assert view["x"] + view["width"] / 2 == pytest.approx((60 + 820 + 210) / 2, abs=2)


@comfy("Alt+=", "zoom in")
@comfy("Alt++", "zoom in")
def _(bench, keys):
    middle = bench.view()["x"] + bench.view()["width"] / 2
    bench.press(keys)
    assert bench.zoom() > 1.1
    assert bench.view()["x"] + bench.view()["width"] / 2 == pytest.approx(middle, abs=1)


@comfy("Alt+-", "zoom out")
def _(bench, keys):
    bench.press(keys)
    assert bench.zoom() < 0.9


@comfy("H", "hand: what is dragged is the view")
def _(bench, keys):
    bench.press(keys)
    x, y = bench.title("2")
    bench.drag((x, y), (x + 60, y + 40))
    assert bench.pos("2") == NODES["2"][1] and bench.view()["x"] == pytest.approx(-60, abs=1)


@comfy("V", "select: what is dragged is the node")
def _(bench, keys):
    bench.press("h", keys)
    x, y = bench.title("2")
    bench.drag((x, y), (x + 60, y + 150))
    assert bench.pos("2") == (NODES["2"][1][0] + 60, NODES["2"][1][1] + 150) and bench.view()["x"] == 0


@comfy("Alt+M", "form of the workflow")
def _(bench, keys):
    bench.select("1")
    bench.press(keys)
    panel = bench.page.locator('[data-panel="inspector"]')
    panel.wait_for()
    panel.locator('[data-widget="value"]').nth(1).wait_for()  # widgets of more than one node
    bench.press(keys)
    panel.wait_for(state="detached")


@comfy("Ctrl+`", "log")
def _(bench, keys):
    bench.press(keys)
    bench.dialog("log")
    bench.press("Escape")
    bench.page.locator('[data-dialog="log"]').wait_for(state="detached")


@comfy("ArrowLeft", "move by a grid step")
@comfy("ArrowRight", "move by a grid step")
@comfy("ArrowUp", "move by a grid step")
@comfy("ArrowDown", "move by a grid step")
def _(bench, keys):
    step = {"ArrowLeft": (-10, 0), "ArrowRight": (10, 0), "ArrowUp": (0, -10), "ArrowDown": (0, 10)}[keys]
    bench.select("2", "4")
    bench.press(keys, keys)
    for node in "24":
        x, y = NODES[node][1]
        assert bench.pos(node) == (x + 2 * step[0], y + 2 * step[1])
    assert bench.pos("1") == NODES["1"][1]


@comfy("Ctrl+D", "load the default workflow")
def _(bench, keys):
    before = bench.opened()["id"]
    bench.press(keys)
    bench.until(lambda: bench.opened()["id"] != before)
    assert len(bench.nodes()) > 1 and bench.opened()["file"] is None
