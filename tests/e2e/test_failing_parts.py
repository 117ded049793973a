"""A part of the page that cannot be fetched, as after an update of the server, costs that part and nothing else."""

import pytest


@pytest.mark.parametrize(("part", "keys"), [("Queue", "q"), ("Dialogs", "Control+f")], ids=["panel", "dialog"])
def test_the_page_outlives_a_part_that_cannot_be_fetched(editor, page, faults, part, keys):
    node = editor.add_node("ProbeNumber")
    faults.allow("Failed to fetch dynamically|net::ERR_FAILED|Failed to load resource")
    page.route(f"**/assets/{part}-*.js", lambda route: route.abort())
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
