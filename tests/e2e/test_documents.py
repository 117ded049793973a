"""Workflows as documents in the browser: saved without overwriting anybody, opened from files that are dropped, kept.

Nothing here needs a model: pictures are made of one color.
"""

import json
import urllib.parse

import pytest
from serving import chain

DROP = """([canvas, name, type, bytes]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const place = { clientX: left + width / 3, clientY: top + height / 3 };
  for (const kind of ["dragenter", "dragover", "drop"])
    canvas.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true, ...place }));
}"""


def drop(editor, name, kind, content):
    """Let a file fall on the canvas."""
    editor.page.evaluate(DROP, [editor.canvas.element_handle(), name, kind, list(content)])


def address(name):
    return "/api/loom/documents/" + urllib.parse.quote(name)


def save_as(editor, name):
    """Save for the first time: a name is asked for."""
    editor.canvas.focus()
    editor.press("Control+s")
    field = editor.page.locator("[data-dialog=saveAs]").get_by_role("textbox")
    field.fill(name)
    field.press("Enter")
    editor.page.locator(f'[data-tab="{editor.opened()["id"]}"]:not([data-changed])').wait_for()
    assert editor.opened()["file"]["name"] == name


def stored(server, name):
    """Return (revision, the values of the nodes by type) of a file on the server."""
    status, told = server.ask(address(name))
    assert status == 200, told
    return told["revision"], {node["type"]: node["widgets_values_named"] for node in told["document"]["nodes"]}


def changed_elsewhere(server, name, value):
    """Save another value under this name as another browser would; return its revision."""
    _, told = server.ask(address(name))
    document = told["document"]
    for node in document["nodes"]:
        node["widgets_values_named"], node["widgets_values"] = {"value": value}, [value]
    status, told = server.ask(address(name), {"document": document, "base": told["revision"]}, "PUT")
    assert status == 200, told
    return told["revision"]


@pytest.fixture
def conflict(editor, server, faults, request):
    """A workflow that was saved, changed elsewhere, changed here, and is being saved again: the question is open."""
    faults.allow("409")
    name = f"conflict {request.node.name}"
    number = editor.add_node("ProbeNumber")
    editor.set_value(number, "value", 1)
    save_as(editor, name)
    theirs = changed_elsewhere(server, name, 2)
    editor.set_value(number, "value", 3)
    editor.canvas.focus()
    editor.press("Control+s")
    editor.page.locator("[data-dialog=conflict]").wait_for()
    assert stored(server, name) == (theirs, {"ProbeNumber": {"value": 2}})  # asked, and nothing done yet
    return name, theirs


def test_a_conflict_can_be_left_alone(editor, server, conflict):
    name, theirs = conflict
    editor.press("Escape")
    editor.page.locator("[data-dialog=conflict]").wait_for(state="detached")
    assert stored(server, name) == (theirs, {"ProbeNumber": {"value": 2}})
    editor.until(lambda: editor.value(*editor.nodes(), "value") == 3 and editor.page.locator("[data-tab][data-changed]").count() == 1)


def test_a_conflict_keeps_both_unless_told_otherwise(editor, server, conflict):
    name, theirs = conflict
    editor.until(lambda: editor.page.evaluate("document.activeElement.dataset.choice") == "both")
    editor.press("Enter")
    editor.page.locator("[data-tab]:not([data-changed])").wait_for()
    assert stored(server, name) == (theirs, {"ProbeNumber": {"value": 2}})
    assert editor.opened()["file"]["name"] == f"{name} 2"
    assert stored(server, f"{name} 2")[1] == {"ProbeNumber": {"value": 3}}


def test_a_conflict_overwrites_when_told_to_and_only_what_was_seen(editor, server, conflict):
    name, _ = conflict
    newest = changed_elsewhere(server, name, 4)  # once more, while the question is open
    dialog = editor.page.locator("[data-dialog=conflict]")
    dialog.locator("[data-choice=overwrite]").click()
    editor.page.wait_for_function(
        "revision => window.__latentloom.ui.getState().dialog?.revision === revision", arg=newest
    )
    assert stored(server, name) == (newest, {"ProbeNumber": {"value": 4}})
    dialog.locator("[data-choice=overwrite]").click()
    editor.page.locator("[data-tab]:not([data-changed])").wait_for()
    assert stored(server, name)[1] == {"ProbeNumber": {"value": 3}}


def test_a_conflict_shows_theirs_beside_mine(editor, server, conflict):
    name, theirs = conflict
    mine = editor.opened()["id"]
    editor.page.locator("[data-dialog=conflict] [data-choice=theirs]").click()
    editor.page.locator("[data-tab]").nth(1).wait_for()
    assert editor.value(*editor.nodes(), "value") == 2 and editor.opened()["file"] == {"name": name, "revision": theirs}
    editor.page.locator(f'[data-tab="{mine}"] .tab-title').click()
    assert editor.value(*editor.nodes(), "value") == 3 and editor.opened()["file"] is None


def test_a_picture_brings_back_the_workflow_that_made_it(editor, server):
    empty = editor.add_node("EmptyImage", at=(200, 150))
    saver = editor.add_node("SaveImage", at=(520, 150))
    editor.connect(empty, 0, saver, "images")
    editor.set_value(empty, "width", 24)
    editor.set_value(empty, "color", 0x336699)
    made = editor.wait_done(editor.run())
    (picture,) = made["nodes"][saver]["outputs"]["images"]
    query = urllib.parse.urlencode({key: picture[key] for key in ("filename", "subfolder", "type")})
    _, png = server.ask(f"/view?{query}")
    sent = editor.document()

    # On an empty workflow it simply opens, and takes its place; nothing of another one is touched.
    first = editor.opened()["id"]
    editor.new()
    blank = editor.opened()["id"]
    assert editor.nodes() == []
    drop(editor, picture["filename"], "image/png", png)
    editor.until(lambda: editor.opened()["id"] not in (first, blank))
    assert editor.state("docs")["order"] == [first, editor.opened()["id"]]
    editor.node(saver).wait_for()
    back = editor.document()
    assert back["root"]["links"] == sent["root"]["links"] and editor.links() == {(empty, 0, saver, "images")}
    for name, node in sent["root"]["nodes"].items():
        now = back["root"]["nodes"][name]
        # The file has every value; the document only those that were given.
        assert (now["type"], now["pos"], {**now["values"], **node["values"]}) == (
            node["type"],
            node["pos"],
            now["values"],
        )
    assert editor.value(empty, "color") == 0x336699

    # With something open the user says where it goes: here it is put beside what is there.
    drop(editor, picture["filename"], "image/png", png)
    editor.page.locator("[data-dialog=openFile] [data-choice=insert]").click()
    editor.page.wait_for_function("() => document.querySelectorAll('[data-node]').length === 4")
    assert len(editor.links()) == 2
    editor.canvas.focus()
    editor.press("Control+z")
    assert editor.document()["root"] == back["root"]


def test_an_api_graph_is_laid_out_and_runs(editor):
    drop(editor, "api.json", "application/json", json.dumps(chain(4, first=38)).encode())
    editor.page.wait_for_function("() => document.querySelectorAll('[data-node]').length === 4")
    assert len(editor.links()) == 3
    boxes = [editor.node(node).bounding_box() for node in editor.nodes()]
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            assert apart or one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
    editor.canvas.focus()
    editor.wait_done(editor.run())
    (shown,) = editor.nodes("ProbeShow")
    editor.node(shown).get_by_text("40", exact=True).wait_for()


def test_a_workflow_is_exported_as_scripts_send_it(editor):
    graph = chain(3, first=7)
    drop(editor, "api.json", "application/json", json.dumps(graph).encode())
    editor.page.wait_for_function("() => document.querySelectorAll('[data-node]').length === 3")
    editor.command("menu.main")
    with editor.page.expect_download() as download:
        editor.page.locator('[data-menu] [data-command="file.exportApi"]').click()
    sent = json.loads(download.value.path().read_bytes())
    assert {name: (node["class_type"], node["inputs"]) for name, node in sent.items()} == {
        name: (node["class_type"], node["inputs"]) for name, node in graph.items()
    }


def test_a_file_that_is_none_is_refused_in_words(editor, faults):
    faults.allow("400")
    drop(editor, "notes.txt", "text/plain", b"no workflow at all")
    editor.page.locator("[data-toast=error]").wait_for()
    assert "notes.txt" in editor.toasts()[0] and editor.nodes() == []


FOREIGN = {
    "version": 0.4, "last_node_id": 9, "last_link_id": 4,
    "nodes": [
        {"id": 4, "type": "SomebodysNode", "pos": [80, 80], "size": [240, 120], "flags": {}, "order": 0, "mode": 0,
         "inputs": [], "outputs": [{"name": "INT", "type": "INT", "links": [4]}],
         "properties": {"cnr_id": "somebodys-pack", "ver": "1.2"}, "widgets_values": [0.5, "kept", None, [1, {"a": 2}]]},
        {"id": 9, "type": "ProbeShow", "pos": [420, 80], "size": [200, 60], "flags": {}, "order": 1, "mode": 0,
         "inputs": [{"name": "value", "type": "INT", "link": 4}], "outputs": [], "properties": {}, "widgets_values": []},
    ],
    "links": [[4, 4, 0, 9, 0, "INT"]], "groups": [], "config": {}, "extra": {"somebodys": {"thing": [1, 2]}},
}  # fmt: skip


def test_nodes_of_an_unknown_type_stay_with_all_they_have(editor, server, faults):
    drop(editor, "foreign.json", "application/json", json.dumps(FOREIGN).encode())
    editor.node("4").wait_for()
    editor.until(lambda: "unknown" in editor.node("4").get_attribute("class") and "SomebodysNode" in editor.node("4").inner_text())
    assert editor.links() == {("4", 0, "9", "value")}

    # It cannot run, and says at which node and why.
    editor.canvas.focus()
    editor.press("Control+Enter")
    editor.page.locator("[data-toast=error]").wait_for()
    assert "SomebodysNode" in editor.toasts()[0] and editor.selected() == ["4"]
    (problem,) = editor.state("runs")["problems"][editor.opened()["id"]]
    assert (problem["code"], problem["node_id"]) == ("G001", "4")

    # Moved and saved, it is still what it was.
    editor.press("ArrowDown")
    save_as(editor, "foreign")
    _, told = server.ask(address("foreign"))
    node = next(node for node in told["document"]["nodes"] if node["id"] == 4)
    was = FOREIGN["nodes"][0]
    assert {key: node[key] for key in ("type", "properties", "widgets_values", "size")} == {
        key: was[key] for key in ("type", "properties", "widgets_values", "size")
    }
    assert node["pos"] != was["pos"] and told["document"]["extra"]["somebodys"] == {"thing": [1, 2]}


def titles(editor):
    return editor.page.locator("[data-tab] .tab-title > .clip").all_inner_texts()


def test_workflows_in_tabs(editor):
    page = editor.page
    number = editor.add_node("ProbeNumber")
    editor.set_value(number, "value", 5)
    first = editor.opened()["id"]
    editor.new()
    second = editor.opened()["id"]
    editor.until(lambda: editor.nodes() == [] and len(titles(editor)) == 2)
    show = editor.add_node("ProbeShow")

    # Each has its own graph, selection and undo.
    page.locator(f'[data-tab="{first}"] .tab-title').click()
    editor.node(number).wait_for()
    assert editor.nodes("ProbeNumber") == [number] and editor.nodes("ProbeShow") == []
    editor.canvas.focus()
    editor.press("Alt+PageDown")
    assert editor.opened()["id"] == second and editor.nodes("ProbeShow") == [show]
    editor.press("Control+z")
    assert editor.nodes() == []
    editor.press("Alt+PageUp")
    assert editor.value(number, "value") == 5

    # Renamed by a double-click on the tab.
    page.locator(f'[data-tab="{first}"] .tab-title').dblclick()
    field = page.locator("[data-dialog=rename]").get_by_role("textbox")
    field.fill("kept numbers")
    field.press("Enter")
    page.locator("[data-dialog=rename]").wait_for(state="detached")
    editor.until(lambda: titles(editor)[0] == "kept numbers")

    # Closed, and had again with its values and its undo.
    page.locator(f'[data-tab="{first}"] .tab-close').click()
    page.locator(f'[data-tab="{first}"]').wait_for(state="detached")
    assert editor.opened()["id"] == second
    editor.wait_saved()
    editor.reload()
    editor.until(lambda: len(titles(editor)) == 1)
    page.locator('[data-command="menu.main"]').click()
    page.locator('[data-menu] [data-command="file.recent"]').click()
    page.locator("[data-dialog=recent]").get_by_role("button", name="kept numbers").click()
    page.locator(f'[data-tab="{first}"]').wait_for()
    assert editor.opened()["id"] == first and editor.value(number, "value") == 5
    editor.node(number).wait_for()
    editor.canvas.focus()
    editor.press("Control+z")
    assert editor.value(number, "value") in (None, 0)


def test_saved_workflows_are_found_opened_and_never_twice(editor, server):
    number = editor.add_node("ProbeNumber")
    editor.set_value(number, "value", 77)
    save_as(editor, "shelf/numbers")
    first = editor.opened()["id"]
    editor.page.locator(f'[data-tab="{first}"] .tab-close').click()
    editor.page.locator("[data-first-run]").wait_for()
    panel = editor.panel("workflows")
    panel.get_by_role("button", name="numbers").first.click()
    editor.node(number).wait_for()
    assert editor.value(number, "value") == 77 and editor.opened()["file"]["name"] == "shelf/numbers"
    panel.get_by_role("button", name="numbers").first.click()
    editor.settle()
    assert editor.page.locator("[data-tab]").count() == 1
