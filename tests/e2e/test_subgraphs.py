"""Subgraphs in the browser: made of a selection, entered, a widget shown outside, run with previews, nested, unpacked."""

import pytest


def sub_of(editor, node):
    """Return the definition of a subgraph's node of the layer that is seen."""
    return editor.document()["subs"][editor.layer()["nodes"][node]["type"]]


def make(editor, *nodes):
    """Make a subgraph of nodes; return the id of its node."""
    editor.select(*nodes)
    editor.press("Control+Shift+E")
    editor.page.wait_for_function(
        "ids => ids.every(id => document.querySelector(`[data-node='${id}']`) === null)", arg=list(nodes)
    )
    (made,) = editor.selected()
    editor.node(made).wait_for()
    return made


def enter(editor, node):
    """Double-click on the body of a subgraph's node."""
    depth = len(editor.state("ui")["path"].get(editor.opened()["id"], []))
    box = editor.node(node).bounding_box()
    editor.page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] - 6)
    editor.page.locator(".breadcrumb li").nth(depth + 1).wait_for()


def expose(editor, host, label):
    """Check the box of an inner widget in the inspector of the subgraph's node."""
    editor.select(host)
    panel = editor.panel("inspector")
    panel.locator("summary").filter(has_text="Values shown").click()
    panel.get_by_role("checkbox", name=label).check()
    editor.settle()


def painted(editor, node):
    """Wait until a live preview stands on a node."""
    editor.node(node).locator("canvas[data-preview][data-painted]").wait_for(timeout=30_000)


@pytest.fixture
def graph(editor):
    """A number, an addition, and one that sends many pictures; where they are seen whole."""
    number = editor.add_node("ProbeNumber", at=(200, 200))
    add = editor.add_node("ProbeAdd", at=(480, 200))
    picture = editor.add_node("ProbePicture", at=(480, 420))
    editor.connect(number, 0, add, "a")
    editor.connect(add, 0, picture, "value")
    return number, add, picture


def test_a_subgraph_from_making_to_unpacking(editor, graph):
    number, add, picture = graph
    plain = editor.document()
    host = make(editor, add, picture)
    sub = sub_of(editor, host)
    assert editor.nodes() == sorted([number, host], key=int)
    assert sorted(sub["nodes"]) == sorted([add, picture]) and [slot["type"] for slot in sub["inputs"]] == ["INT"]
    assert editor.links() == {(number, 0, host, sub["inputs"][0]["name"])}

    # Into it and out again: the ends are nodes there, and what comes in from outside is wired to them.
    enter(editor, host)
    assert sorted(editor.nodes()) == sorted([add, picture])
    editor.until(lambda: ("-10", 0, add, "a") in editor.links() and editor.node("-10").is_visible())
    editor.canvas.focus()
    editor.press("Escape")
    editor.page.locator(".breadcrumb").wait_for(state="detached")
    assert editor.selected() == [host]

    # An inner value on the outside: what is set there is what the inner node runs with.
    expose(editor, host, "count")
    name = f"{picture}:count"
    assert editor.layer()["nodes"][host]["shown"] == [[picture, "count"]]
    editor.set_value(host, name, 120)
    job = editor.run()
    painted(editor, host)
    ended = editor.wait_done(job)
    assert ended["nodes"][f"{host}:{picture}"]["outputs"] and f"{host}:{add}" in ended["nodes"]
    editor.until(lambda: editor.run_state(host) == "done")
    _, told = editor.server.ask(f"/api/loom/jobs/{job}")
    assert told["job"]["graph"][f"{host}:{picture}"]["inputs"]["count"] == 120

    # Unpacked: as before, with the value that was set outside; and all of it can be undone.
    editor.node(host).click(button="right", position={"x": 60, "y": 8})
    editor.page.locator('[data-menu] [data-command="subgraph.unpack"]').click()
    editor.page.wait_for_function("id => document.querySelector(`[data-node='${id}']`) === null", arg=host)
    (inner,) = editor.nodes("ProbePicture")
    assert editor.value(inner, "count") == 120 and len(editor.links()) == 2 and editor.document()["subs"] == {}
    editor.canvas.focus()
    while editor.document()["root"] != plain["root"]:
        past = len(editor.opened()["past"])
        assert past > 0, "undo never leads back to the graph without a subgraph"
        editor.press("Control+z")
        editor.settle()
    assert editor.document()["subs"] == {} and sorted(editor.nodes()) == sorted(graph)


def test_previews_climb_through_nested_subgraphs(editor, graph):
    _, add, picture = graph
    editor.set_value(picture, "count", 200)
    middle = make(editor, picture)
    outer = make(editor, add, middle)
    job = editor.run()
    painted(editor, outer)
    enter(editor, outer)
    painted(editor, middle)
    enter(editor, middle)
    painted(editor, picture)
    assert editor.run_state(picture) == "running"
    ended = editor.wait_done(job)
    assert f"{outer}:{middle}:{picture}" in ended["nodes"]
    # A preview is of a run that goes on: none is left on any of them.
    editor.until(lambda: editor.page.locator("canvas[data-preview]").count() == 0)
    editor.canvas.focus()
    editor.press("Escape", "Escape")
    editor.node(outer).wait_for()
    editor.until(lambda: editor.run_state(outer) == "done" and editor.page.locator("canvas[data-preview]").count() == 0)


def test_copies_share_a_definition_until_one_is_made_independent(editor, graph):
    host = make(editor, graph[1], graph[2])
    editor.select(host)
    editor.press("Alt+d")
    (copy,) = editor.selected()
    nodes = editor.layer()["nodes"]
    assert copy != host and nodes[copy]["type"] == nodes[host]["type"] and len(editor.document()["subs"]) == 1
    editor.node(copy).click(button="right", position={"x": 60, "y": 8})
    editor.page.locator('[data-menu] [data-command="subgraph.independent"]').click()
    editor.page.wait_for_function(
        "() => Object.keys(Object.values(window.__latentloom.docs.getState().byId)[0].doc.subs).length === 2"
    )
    nodes = editor.layer()["nodes"]
    assert nodes[copy]["type"] != nodes[host]["type"]
