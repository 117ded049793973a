"""A part of the page that cannot be fetched, as after an update of the server, costs that part and nothing else."""

import pytest
from editor_page import Editor


@pytest.mark.parametrize(("part", "keys"), [("Queue", "q"), ("Dialogs", "Control+f")], ids=["panel", "dialog"])
def test_the_page_outlives_a_part_that_cannot_be_fetched(server, page, faults, part, keys):
    faults.allow("Failed to fetch dynamically|net::ERR_FAILED|Failed to load resource")
    # From the beginning: the page fetches parts beforehand when it has nothing to do.
    page.route(f"**/assets/{part}-*.js", lambda route: route.abort())
    editor = Editor(page, server).open()
    node = editor.add_node("ProbeNumber")
    editor.canvas.focus()
    editor.press(keys)
    page.locator("[data-toast]").get_by_role("button", name="Load again").wait_for()
    assert editor.nodes() == [node] and editor.canvas.is_visible()
    state = editor.state("ui")
    assert state["panel"] is None and state["dialog"] is None
    page.unroute_all()
    with page.expect_navigation():
        page.locator("[data-toast]").get_by_role("button", name="Load again").click()
    editor.ready()
    assert editor.nodes() == [node]


def test_the_page_says_that_something_is_under_way(server, page):
    editor = Editor(page, server).open()
    held = []
    page.route("**/api/loom/templates/*", lambda route: held.append(route))
    editor.canvas.focus()
    editor.patience = 0
    editor.press("Control+d")
    page.locator("main[aria-busy=true]").wait_for()
    editor.until(lambda: held)
    assert editor.nodes() == []
    held[0].continue_()
    page.locator("main[aria-busy=false]").wait_for()
    assert len(editor.nodes()) > 1
