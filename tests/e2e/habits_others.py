"""Keys of InvokeAI, chaiNNer, Houdini and Blender that do not collide with ComfyUI's, those of the preset "blender"
that do, and what this editor has beside.
"""

import pytest
from habits import SHARED, Table
from workbench import EMPTY, NODES

KEYS = Table()


# --- other editors' hands


@KEYS.habit("InvokeAI", "Shift+A", "add a node")
@KEYS.habit("Blender", "Shift+A", "add a node")
@KEYS.habit("InvokeAI", "Space", "add a node")
@KEYS.habit("Houdini", "Tab", "add a node")
def _(bench, keys):
    bench.click(bench.at(*EMPTY))
    bench.press(keys)
    bench.search()
    bench.choose("ProbeSleep")
    (new,) = bench.nodes("ProbeSleep")
    assert bench.pos(new) == pytest.approx(EMPTY, abs=2)


@KEYS.habit("chaiNNer", "Ctrl+Shift+D", "duplicate with inputs")
@KEYS.habit("Blender preset", "Ctrl+Shift+D", "duplicate with inputs")
def _(bench, keys):
    bench.select("2")
    bench.press(keys)
    (new,) = set(bench.nodes()) - SHARED
    assert ("1", 0, new, "a") in bench.links() and bench.selected() == [new]


@KEYS.habit("chaiNNer", "Alt+D", "duplicate (Ctrl+D is ComfyUI's)")
@KEYS.habit("Blender preset", "Ctrl+D", "duplicate")
@KEYS.habit("Blender preset", "Shift+D", "duplicate")
def _(bench, keys):
    bench.select("1", "2")
    bench.press(keys)
    new = set(bench.nodes()) - SHARED
    added = {link for link in bench.links() if link[2] in new}
    assert len(new) == 2 and len(added) == 1 and all(link[0] in new for link in added)


@KEYS.habit("chaiNNer", "Ctrl+Shift+F", "arrange")
def _(bench, keys):
    bench.press(keys)
    places = {node: bench.pos(node) for node in bench.nodes()}
    assert places != {node: pos for node, (_, pos) in NODES.items()}
    assert places["1"][0] < places["2"][0] < places["3"][0] and places["1"][0] < places["4"][0]


@KEYS.habit("Houdini", "Ctrl+X", "cut, and close the gap")
def _(bench, keys):
    bench.select("2")
    bench.press(keys)
    bench.until(lambda: "2" not in bench.nodes())
    assert bench.links() == {("1", 0, "3", "value"), ("1", 0, "4", "a")}
    bench.press("Control+v")
    bench.until(lambda: len(bench.nodes("ProbeAdd")) == 2)


@KEYS.habit("Houdini", "Shift+Delete", "delete, and close the gap")
@KEYS.habit("Blender preset", "Ctrl+X", "delete, and close the gap")
def _(bench, keys):
    bench.select("2")
    bench.press(keys)
    assert "2" not in bench.nodes() and bench.links() == {("1", 0, "3", "value"), ("1", 0, "4", "a")}


@KEYS.habit("Blender preset", "X", "delete")
def _(bench, keys):
    bench.select("2")
    bench.press(keys)
    assert "2" not in bench.nodes() and bench.links() == {("1", 0, "4", "a")}


@KEYS.habit("Blender preset", "A", "select all")
def _(bench, keys):
    bench.press(keys)
    assert set(bench.selected()) == SHARED


@KEYS.habit("Blender preset", "F3", "search the commands")
@KEYS.habit("the editor", "Ctrl+Shift+P", "list of commands")
def _(bench, keys):
    bench.press(keys)
    dialog = bench.dialog("commands")
    dialog.locator("input").fill("select all")
    bench.press("Enter")
    bench.until(lambda: set(bench.selected()) == SHARED)


# --- what this editor has beside


@KEYS.habit("the editor", "Ctrl+Shift+S", "save as")
def _(bench, keys):
    bench.press(keys)
    bench.dialog("saveAs")
    bench.press("Escape")
    bench.page.locator('[data-dialog="saveAs"]').wait_for(state="detached")


@KEYS.habit("the editor", "Ctrl+F", "find a node")
def _(bench, keys):
    bench.press(keys)
    bench.dialog("find").locator("input").fill("show")
    bench.press("Enter")
    bench.until(lambda: bench.selected() in (["3"], ["6"]))


@KEYS.habit("the editor", "F2", "rename")
def _(bench, keys):
    bench.select("2")
    bench.press(keys)
    bench.dialog("rename").locator("input").fill("Sum")
    bench.press("Enter")
    bench.until(lambda: bench.layer()["nodes"]["2"].get("title") == "Sum")


@KEYS.habit("the editor", "Alt+N", "new workflow")
def _(bench, keys):
    before = bench.opened()["id"]
    bench.press(keys)
    assert bench.opened()["id"] != before and bench.nodes() == []


@KEYS.habit("the editor", "Alt+W", "close the workflow")
def _(bench, keys):
    bench.press("Alt+n")
    new = bench.opened()["id"]
    bench.press(keys)
    assert new not in bench.state("docs")["order"] and set(bench.nodes()) == SHARED


@KEYS.habit("the editor", "Alt+PageDown", "next workflow")
@KEYS.habit("the editor", "Alt+PageUp", "previous workflow")
def _(bench, keys):
    first = bench.opened()["id"]
    bench.press("Alt+n", "Alt+n")
    second, third = bench.state("docs")["order"][1:]
    bench.press(keys)
    assert bench.opened()["id"] == (first if keys == "Alt+PageDown" else second)
    assert third in bench.state("docs")["order"]


@KEYS.habit("the editor", "Alt+Shift+PageDown", "move the workflow's tab right")
@KEYS.habit("the editor", "Alt+Shift+PageUp", "move the workflow's tab left")
def _(bench, keys):
    first = bench.opened()["id"]
    bench.press("Alt+n", "Alt+n", "Alt+PageUp")
    second, third = bench.state("docs")["order"][1:]
    assert bench.opened()["id"] == second
    bench.press(keys, keys)  # the second time there is no further place
    right = keys.endswith("Down")
    assert bench.state("docs")["order"] == ([first, third, second] if right else [second, first, third])
    assert bench.opened()["id"] == second


@KEYS.habit("the editor", "Shift+R", "run to this node")
def _(bench, keys):
    bench.select("3")
    job = bench.run(keys)
    bench.wait_done(job)
    bench.until(lambda: bench.run_state("3") == "done")
    assert bench.run_state("6") is None


@KEYS.habit("the editor", "Shift+F10", "menu of the selection")
def _(bench, keys):
    bench.select("2")
    bench.press(keys)
    assert "node.bypass" in bench.menu()
    bench.press("Escape")
    bench.page.locator("[data-menu]").wait_for(state="detached")


KEYS.panel("the editor", "?", "list of keys", "keys")
KEYS.panel("the editor", "I", "inspector", "inspector")
KEYS.panel("Blender preset", "N", "side panel: inspector", "inspector")
