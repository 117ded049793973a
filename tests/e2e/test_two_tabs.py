"""Two tabs of one browser on one document, and two browsers on one file: nobody's work is written over in silence."""

import pytest
from editor_page import Editor

READ_ONLY = "wanted => Object.values(window.__latentloom.docs.getState().byId)[0].readOnly === wanted"
NODES = """count => {
  const { active, byId } = window.__latentloom.docs.getState();
  return Object.keys(byId[active].doc.root.nodes).length === count;
}"""
# Holds the journal's database, so that nothing that anybody writes gets into it until `letGo`.
HOLD = """() => new Promise((resolve, reject) => {
  const opening = indexedDB.open("latentloom");
  opening.onerror = reject;
  opening.onsuccess = () => {
    const transaction = opening.result.transaction([...opening.result.objectStoreNames], "readwrite");
    const again = () => {
      resolve();
      if (!window.letGo) transaction.objectStore("session").get("nothing").onsuccess = again;
    };
    transaction.oncomplete = () => opening.result.close();
    transaction.objectStore("session").get("nothing").onsuccess = again;
  };
})"""
# A page that hears nothing for so long, and then moves a node before it hears of anything.
SLEEP = """milliseconds => setTimeout(() => {
  for (const end = Date.now() + milliseconds; Date.now() < end;);
  const key = { key: "ArrowDown", code: "ArrowDown", bubbles: true, cancelable: true };
  document.querySelector("[data-canvas]").dispatchEvent(new KeyboardEvent("keydown", key));
}, 0)"""


@pytest.fixture
def first(editor):
    """A tab with one node, which is selected, and in the journal."""
    node = editor.add_node("ProbeNumber")
    editor.select(node)
    editor.wait_saved()
    return editor


@pytest.fixture
def second(first, context, server, faults):
    """Another tab of the same browser, with the same document in it."""
    page = context.new_page()
    faults.watch(page)
    opened = Editor(page, server).open(empty=False)
    bar(opened).wait_for()
    assert opened.opened()["readOnly"] and opened.opened()["id"] == first.opened()["id"]
    return opened


def bar(editor):
    """Return the line that says that another tab edits the document."""
    return editor.page.locator("[data-read-only]")


def wait_read_only(editor, wanted=True):
    editor.page.wait_for_function(READ_ONLY, arg=wanted)


def wait_nodes(editor, count):
    editor.page.wait_for_function(NODES, arg=count)


def duplicate(editor, times):
    """Double the selected node so often, and count on it."""
    before = len(editor.nodes())
    editor.canvas.focus()
    editor.press(*["Alt+d"] * times)
    wait_nodes(editor, before + times)


def refused(editor):
    """Try to edit; return whether nothing came of it."""
    editor.page.bring_to_front()  # behind another tab nothing is drawn, and every step takes a second
    before = editor.document()
    (node, *_) = editor.nodes()
    editor.canvas.focus()
    editor.press("Control+a", "Delete", "Control+z")
    editor.drag(editor.center(editor.node(node)), editor.free())
    return editor.document() == before


def test_the_second_tab_reads_follows_and_takes_over(first, second):
    assert refused(second)
    duplicate(first, 2)
    wait_nodes(second, 3)  # it follows
    second.command("file.takeOver")
    wait_read_only(second, False)
    wait_read_only(first)
    bar(first).wait_for()
    bar(second).wait_for(state="detached")
    first.until(lambda: second.document() == first.document())
    assert refused(first)
    second.page.bring_to_front()
    second.press("Control+z")  # what the first tab did can be undone here
    wait_nodes(second, 2)
    wait_nodes(first, 2)
    second.wait_saved()
    for tab in (first, second):  # the first to come back is the one that writes, and has what the other one did
        tab.reload()
        wait_nodes(tab, 2)
    first.until(lambda: [tab.opened()["readOnly"] for tab in (first, second)].count(False) == 1)
    assert len(first.state("docs")["order"]) == len(second.state("docs")["order"]) == 1


def test_a_copy_is_a_document_of_its_own(first, second):
    shared = first.opened()["id"]
    second.command("file.copy")
    second.page.locator("[data-tab]").nth(1).wait_for()
    bar(second).wait_for(state="detached")
    assert second.opened()["id"] != shared and not second.opened()["readOnly"]
    assert [node["type"] for node in second.layer()["nodes"].values()] == ["ProbeNumber"]
    second.select(*second.nodes())
    duplicate(second, 1)
    duplicate(first, 3)
    first.until(lambda: (len(first.nodes()), len(second.nodes())) == (4, 2))


def test_the_second_tab_writes_when_the_first_is_closed(first, second):
    duplicate(first, 1)
    first.page.close()
    wait_read_only(second, False)
    assert len(second.nodes()) == 2 and not refused(second)


def test_a_takeover_waits_for_edits_that_are_on_their_way(first, second):
    second.page.evaluate(HOLD)
    second.patience = 0  # the takeover is under way while the test looks
    duplicate(first, 5)
    second.command("file.takeOver")
    second.page.wait_for_timeout(300)  # long enough for a takeover that does not wait
    assert second.opened()["readOnly"] and len(second.nodes()) == 1
    second.page.evaluate("() => { window.letGo = true; }")
    wait_read_only(second, False)
    assert len(second.nodes()) == 6
    wait_read_only(first)
    assert len(first.state("docs")["order"]) == 1
    first.until(lambda: first.document() == second.document())


def test_what_a_tab_that_slept_did_too_late_is_kept_as_a_copy(first, second):
    shared = first.opened()["id"]
    (node,) = first.nodes()
    before = first.layer()["nodes"][node]["pos"]
    first.page.evaluate(SLEEP, 4000)
    second.command("file.takeOver")
    wait_read_only(second, False)
    second.select(node)
    duplicate(second, 1)
    first.page.locator("[data-tab]").nth(1).wait_for()
    copy = first.opened()
    moved = copy["doc"]["root"]["nodes"][node]["pos"]
    assert copy["id"] != shared and moved[1] > before[1] and not copy["readOnly"]
    theirs = first.state("docs")["byId"][shared]
    wait_nodes(second, 2)
    assert second.layer()["nodes"][node]["pos"] == before and theirs["readOnly"]
    first.until(lambda: any("kept as a copy" in text for text in first.toasts()))
    first.page.locator(f'[data-tab="{shared}"] .tab-title').click()
    wait_nodes(first, 2)  # and follows the tab that has it now
    first.until(lambda: first.document() == second.document())


def test_of_two_browsers_that_save_one_file_the_later_is_asked(first, browser, server, faults, context_options):
    faults.allow("409")
    first.canvas.focus()
    first.press("Control+s")
    field = first.page.locator("[data-dialog=saveAs]").get_by_role("textbox")
    field.fill("two browsers")
    field.press("Enter")
    first.page.locator("[data-tab]:not([data-changed])").wait_for()
    elsewhere = browser.new_context(**context_options)
    elsewhere.set_default_timeout(30_000)
    page = elsewhere.new_page()
    faults.watch(page)
    other = Editor(page, server).open(empty=False)
    other.panel("workflows").get_by_text("two browsers", exact=True).first.click()
    other.canvas.wait_for()
    assert other.opened()["file"] == first.opened()["file"]
    (node,) = first.nodes()
    for editor, value in ((first, 11), (other, 22)):
        editor.set_value(node, "value", value)
        editor.canvas.focus()
    # Both at once, as far as one hand can: the second key is pressed before the first browser has its answer.
    first.page.keyboard.down("Control")
    other.page.keyboard.down("Control")
    first.page.keyboard.press("s")
    other.page.keyboard.press("s")
    over = "() => document.querySelector('[data-dialog=conflict]') !== null || !document.querySelector('[data-tab][data-changed]')"
    asked = []
    for editor in (first, other):
        editor.page.keyboard.up("Control")
        editor.page.wait_for_function(over)
        asked.append(editor.page.locator("[data-dialog=conflict]").count())
    assert sorted(asked) == [0, 1]
    saved = (11, 22)[asked.index(0)]
    _, told = server.ask("/api/loom/documents/two%20browsers")
    assert told["document"]["nodes"][0]["widgets_values_named"] == {"value": saved}
    loser = (first, other)[asked.index(1)]
    loser.page.locator("[data-choice=theirs]").click()
    loser.page.locator("[data-tab]").nth(1).wait_for()
    assert loser.value(node, "value") == saved and loser.opened()["file"]["revision"] == told["revision"]
    values = [open_["doc"]["root"]["nodes"][node]["values"]["value"] for open_ in loser.state("docs")["byId"].values()]
    assert sorted(values) == [11, 22]  # nothing of the other's own is lost by it
    elsewhere.close()
