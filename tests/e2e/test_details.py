"""Smaller things that hands do in the editor: tabs put in another order, part of a file taken, a mend of one press.

What needs no browser of it is tested beside the model, in `web/tests`.
"""

import json

from habits import SHARED
from test_documents import DROP
from workbench import EMPTY, layer

TWO_ENDS = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": 0}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "plain"}},
    "3": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "inverted"}},
    "5": {"class_type": "ProbeNumber", "inputs": {"value": 3}},
    "6": {"class_type": "ProbeShow", "inputs": {"value": ["5", 0]}},
}


def dropped(bench):
    """Let a file with three ends fall on the canvas; return the question about it."""
    content = list(json.dumps(TWO_ENDS).encode())
    bench.page.evaluate(DROP, [bench.canvas.element_handle(), "ends.json", "application/json", content])
    return bench.dialog("openFile")


def branch_of(dialog, text):
    """Choose the branch whose entry says this."""
    entry = dialog.locator("[data-branch] option", has_text=text)
    dialog.locator("[data-branch]").select_option(entry.get_attribute("value"))


def test_only_the_branch_that_made_a_picture_is_inserted(bench):
    dialog = dropped(bench)
    bench.until(lambda: dialog.locator("[data-branch] option").count() == 4)
    branch_of(dialog, "inverted")
    dialog.locator("[data-choice=insert]").click()
    bench.until(lambda: len(bench.nodes()) > len(SHARED))
    added = {bench.layer()["nodes"][node]["type"] for node in set(bench.nodes()) - SHARED}
    assert added == {"EmptyImage", "ImageInvert", "SaveImage"} and len(set(bench.nodes()) - SHARED) == 3
    (save,) = bench.nodes("SaveImage")
    assert bench.value(save, "filename_prefix") == "inverted" and len(bench.links()) == 5
    bench.canvas.focus()
    bench.press("Control+z")
    assert set(bench.nodes()) == SHARED


def test_a_branch_opens_in_a_tab_of_its_own_and_all_of_it_unless_told_otherwise(bench):
    first = bench.opened()["id"]
    dialog = dropped(bench)
    branch_of(dialog, "(6)")
    dialog.locator("[type=submit]").click()
    bench.until(lambda: bench.opened()["id"] != first)
    assert {node["type"] for node in bench.layer()["nodes"].values()} == {"ProbeNumber", "ProbeShow"}
    assert len(bench.links()) == 1
    dropped(bench).locator("[type=submit]").click()
    bench.until(lambda: len(bench.state("docs")["order"]) == 3)
    assert len(bench.nodes()) == len(TWO_ENDS)


def titles(bench):
    return [tab.get_attribute("data-tab") for tab in bench.page.locator("[data-tab]").all()]


def test_tabs_are_dragged_into_another_order(bench):
    first = bench.opened()["id"]
    bench.press("Alt+n", "Alt+n")
    bench.page.locator("[data-tab]").nth(2).wait_for()
    second, third = bench.state("docs")["order"][1:]
    place = {one: bench.page.locator(f'[data-tab="{one}"]').bounding_box() for one in (first, second, third)}
    middle = {one: (box["x"] + box["width"] / 2 - 20, box["y"] + box["height"] / 2) for one, box in place.items()}

    # Behind the last: a mark shows where, and nothing has moved before it is let go.
    bench.page.mouse.move(*middle[first])
    bench.page.mouse.down()
    bench.page.mouse.move(place[third]["x"] + place[third]["width"] - 5, middle[third][1], steps=4)
    bench.page.locator(f'[data-tab="{third}"][data-drag=after]').wait_for()
    assert titles(bench) == [first, second, third]
    bench.page.mouse.up()
    bench.until(lambda: titles(bench) == [second, third, first])
    bench.until(lambda: bench.page.locator("[data-drag]").count() == 0)

    # And before the first again, given up by Escape; a press without a drag only shows the tab.
    end = bench.center(bench.page.locator(f'[data-tab="{first}"] .tab-title'))
    bench.page.mouse.move(*end)
    bench.page.mouse.down()
    bench.page.mouse.move(place[first]["x"] + 4, end[1], steps=4)
    bench.page.locator(f'[data-tab="{second}"][data-drag=before]').wait_for()
    bench.press("Escape")
    bench.page.mouse.up()
    bench.until(lambda: titles(bench) == [second, third, first] and bench.page.locator("[data-drag]").count() == 0)
    bench.page.locator(f'[data-tab="{third}"] .tab-title').click()
    bench.until(lambda: bench.opened()["id"] == third and titles(bench) == [second, third, first])


def test_a_workflow_without_an_end_gets_one_by_one_press(bench):
    bench.fresh(layer({"1": ("EmptyImage", (60, 80))}, []))
    bench.press("Control+Enter")
    bench.page.locator("[data-toast=error]").wait_for()
    bench.panel("inspector").locator("[data-fix=G014]").click()
    (end,) = set(bench.nodes()) - {"1"}
    assert bench.links() == {("1", 0, end, "images")}
    bench.canvas.focus()
    bench.wait_done(bench.run())


def test_a_menu_bypasses_all_of_a_group(bench):
    bench.choose_items(("node", "1"), ("node", "5"))
    bench.press("Control+g")
    (group,) = bench.layer()["groups"].values()
    bench.settle()  # what is not painted yet is not under the pointer
    place = bench.at(group["box"]["x"] + 100, group["box"]["y"] + 12)
    for command, modes in (("bypass", "44"), ("mute", "22"), ("mute", "00")):
        bench.click(place, button="right")
        bench.page.locator(f'[data-menu] [data-command="group.{command}"]').click()
        assert [bench.layer()["nodes"][node]["mode"] for node in "152"] == [*map(int, modes), 0]


def test_a_subgraph_is_joined_through_another_node_as_often_as_one_likes(bench):
    nodes = {"1": ("ProbeNumber", (60, 80)), "2": ("ProbeAdd", (60, 300)), "3": ("ProbeAdd", (440, 80)),
             "4": ("ProbeAdd", (440, 300)), "5": ("ProbeShow", (820, 80))}  # fmt: skip
    bench.fresh(layer(nodes, [("1", 0, "2", "a"), ("2", 0, "3", "a"), ("3", 0, "4", "a"), ("4", 0, "5", "value")]))
    bench.choose_items(("node", "2"), ("node", "4"))
    bench.press("Control+Shift+e")
    bench.until(lambda: len(bench.nodes()) == 4)
    (host,) = set(bench.nodes()) - {"1", "3", "5"}
    bench.settle()
    (back,) = [name for start, _, end, name in bench.links() if (start, end) == ("3", host)]
    # Taken out, and put in again by hand: the host feeds node 3, but not with what comes back from it.
    bench.drag(bench.center(bench.socket(host, f"in:{back}")), bench.at(*EMPTY))
    assert ("3", 0, host, back) not in bench.links()
    bench.drag(bench.center(bench.socket("3", "out:0")), bench.center(bench.socket(host, f"in:{back}")))
    assert ("3", 0, host, back) in bench.links()
    # What enters before it would close a ring.
    (front,) = [name for start, _, end, name in bench.links() if (start, end) == ("1", host)]
    before = bench.links()
    bench.drag(bench.center(bench.socket("3", "out:0")), bench.center(bench.socket(host, f"in:{front}")))
    bench.press("Escape")
    assert ("1", 0, host, front) in bench.links() and bench.links() == before
    bench.canvas.focus()
    bench.wait_done(bench.run())
