"""The second copy of documents, in files: what a killed browser still has when its database is behind, or gone."""

from __future__ import annotations

import shutil
import time

import pytest
from browser_flags import FLAGS
from editor_page import Editor
from killed import STATES, started

# Whether so many documents have a copy.
COPIED = """async count => {
  const root = await navigator.storage.getDirectory();
  const begun = new Set();
  try {
    for await (const [name, file] of await root.getDirectoryHandle("copies"))
      if ((await file.getFile()).size > 0) begun.add(name.split("~")[0]);
  } catch (error) {
    if (error.name !== "NotFoundError") throw error;
  }
  return begun.size >= count;
}"""
PAST = """count => {
  const { active, byId } = window.__latentloom.docs.getState();
  return byId[active].past.length === count;
}"""
# Holds the journal's database, so that nothing more gets into it.
HOLD = """() => new Promise(resolve => {
  indexedDB.open("latentloom").onsuccess = ({ target }) => {
    const store = target.result.transaction([...target.result.objectStoreNames], "readwrite").objectStore("session");
    const again = () => {
      resolve();
      store.get("nothing").onsuccess = again;
    };
    store.get("nothing").onsuccess = again;
  };
})"""
OPEN = "count => window.__latentloom.docs.getState().order.length === count"
SOON = 0.2  # seconds after which an edit is promised to survive


@pytest.fixture
def live(playwright, server, faults, chromium, tmp_path):
    """Does something in an editor of a browser that is killed afterwards; returns what documents were open, by id."""

    def life(work):
        with started(chromium, tmp_path / "profile", FLAGS) as browser:
            context = playwright.chromium.connect_over_cdp(browser.address()).contexts[0]
            context.set_default_timeout(15_000)
            faults.watch(context.pages[0])
            work(Editor(context.pages[0], server).open(empty=False))
            states = {state["id"]: state for state in context.pages[0].evaluate(STATES)}
            time.sleep(SOON)
            browser.kill()
        return states

    return life


@pytest.fixture
def lose(tmp_path):
    """Delete the database of the browser, as Chromium does when it takes it for corrupt."""

    def database():
        (folder,) = (tmp_path / "profile" / "Default" / "IndexedDB").glob("*.leveldb")
        shutil.rmtree(folder)

    return database


def begin(editor):
    """Make a document, and wait until there is a copy of it."""
    editor.new()
    editor.select(editor.add_node("ProbeNumber"))
    editor.page.wait_for_function(COPIED, arg=len(editor.state("docs")["order"]))


def move(editor, times=10):
    """Move the selected node, with an undo in between."""
    editor.canvas.focus()
    for step in range(times):
        editor.page.keyboard.press("Alt+d" if step % 3 == 0 else "ArrowDown")
    editor.page.keyboard.press("Control+z")


def look(editor, count=1):
    """Wait until so many documents are there."""
    editor.canvas.wait_for()
    editor.page.wait_for_function(OPEN, arg=count)


def take_back(editor):
    """Undo everything."""
    editor.canvas.wait_for()
    editor.canvas.focus()
    for past in reversed(range(len(editor.opened()["past"]))):
        editor.page.keyboard.press("Control+z")
        editor.page.wait_for_function(PAST, arg=past)
    assert editor.nodes() == []


def test_all_documents_are_there_though_the_database_is_gone(live, lose):
    def work(editor):
        for _ in range(3):
            begin(editor)
            move(editor)

    before = live(work)
    assert len(before) == 3
    for _ in range(2):  # the second time nothing was edited since: the copies of the life before are still there
        lose()
        assert live(lambda editor: look(editor, 3)) == before
    live(take_back)


def test_edits_are_there_that_the_database_did_not_get(live):
    def work(editor):
        begin(editor)
        move(editor)
        editor.wait_saved()
        editor.page.evaluate(HOLD)
        move(editor)

    before = live(work)
    assert live(look) == before
    assert live(move) != before
    live(take_back)


def test_a_torn_tail_costs_the_last_edit(live, lose, tmp_path):
    def work(editor):
        begin(editor)
        move(editor)

    ((name, before),) = live(work).items()
    lose()
    files = [path for path in (tmp_path / "profile" / "Default").glob("File System/*/t/00/*") if path.stat().st_size]
    for path in files:
        path.write_bytes(path.read_bytes()[:-3])
    ((found, after),) = live(look).items()
    assert files and (found, after["edits"], after["future"]) == (name, before["edits"] - 1, 0)
    live(take_back)


def test_a_page_without_files_says_nothing_of_it(page, server):
    page.add_init_script("StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'))")
    editor = Editor(page, server).open()
    editor.select(editor.add_node("ProbeNumber"))
    move(editor)
    editor.wait_saved()
    before = editor.document()
    editor.reload()
    look(editor)
    assert editor.document() == before and editor.toasts() == []
