"""Every mouse habit of nodes and of the view that users of node editors have in their fingers, on a small workflow.

Those of links stand in `test_habits_links.py`; the last test here is about both.
"""

import json
import re
from pathlib import Path

import pytest
from habits import SHARED
from workbench import EMPTY, NODES, layer

MIDDLE = (640.0, 560.0)
HELP = Path(__file__).parents[2] / "web" / "src" / "panels" / "Settings.tsx"


# --- nodes


def test_alt_drag_on_a_node_clones_it(bench):
    x, y = bench.title("1")
    bench.pull((x, y), (x, y + 200), "Alt")
    (new,) = set(bench.nodes()) - SHARED
    assert bench.pos("1") == NODES["1"][1] and bench.pos(new) == (60, 280)
    assert bench.selected() == [new]
    bench.press("Control+z")
    assert set(bench.nodes()) == SHARED


def test_alt_drag_on_one_of_several_selected_clones_them_with_their_links(bench):
    bench.select("1", "2")
    x, y = bench.title("1")
    bench.pull((x, y), (x, y + 420), "Alt")
    new = set(bench.nodes()) - SHARED
    assert len(new) == 2 and any(link[0] in new and link[2] in new for link in bench.links())


@pytest.mark.parametrize("key", ["Shift", "Control"])
def test_click_with_a_key_adds_to_the_selection_and_takes_away(bench, key):
    bench.click(bench.title("1"))
    bench.click(bench.title("2"), key)
    assert set(bench.selected()) == {"1", "2"}
    bench.click(bench.title("1"), key)
    assert bench.selected() == ["2"]


def test_drag_moves_all_that_is_selected_as_one_step(bench):
    bench.select("1", "2")
    x, y = bench.title("2")
    bench.drag((x, y), (x + 30, y + 170))
    assert bench.pos("1") == (90, 250) and bench.pos("2") == (470, 250)
    bench.press("Control+z")
    assert bench.pos("1") == NODES["1"][1] and bench.pos("2") == NODES["2"][1]


def test_escape_in_a_drag_puts_all_back(bench):
    x, y = bench.title("5")
    bench.page.mouse.move(x, y)
    bench.page.mouse.down()
    bench.page.mouse.move(x + 100, y + 50, steps=3)
    bench.press("Escape")
    bench.page.mouse.up()
    assert bench.pos("5") == NODES["5"][1] and bench.opened()["past"] == []


def test_shift_while_dragging_snaps_to_the_grid(bench):
    x, y = bench.title("5")
    bench.page.mouse.move(x, y)
    bench.page.mouse.down()
    with bench.held("Shift"):
        bench.page.mouse.move(x + 43, y + 27, steps=3)
        bench.settle()
        bench.page.mouse.up()
    assert bench.pos("5") == (100, 470)
    x, y = bench.title("5")
    bench.drag((x, y), (x + 43, y + 27))
    assert bench.pos("5") == (143, 497)


def test_a_node_let_go_on_a_link_is_inserted(bench):
    bench.fresh(layer({**NODES, "7": ("ProbeSleep", (440, 480))}, [("5", 0, "6", "value")]))
    link = bench.center(bench.socket("5", "out:0")), bench.center(bench.socket("6", "in:value"))
    middle = (link[0][0] + link[1][0]) / 2, (link[0][1] + link[1][1]) / 2
    box = bench.node("7").bounding_box()
    x, y = bench.title("7")
    to = (x + middle[0] - box["x"] - box["width"] / 2, y + middle[1] - box["y"] - box["height"] / 2)
    bench.drag((x, y), to)
    assert bench.links() == {("5", 0, "7", "value"), ("7", 0, "6", "value")}
    bench.press("Control+z")
    assert bench.links() == {("5", 0, "6", "value")}


def test_double_click_on_a_title_renames(bench):
    bench.page.mouse.dblclick(*bench.title("2"))
    field = bench.node("2").locator("input.node-rename")
    field.fill("Sum")
    field.press("Enter")
    assert bench.layer()["nodes"]["2"]["title"] == "Sum" and bench.state("ui")["search"] is None


def test_the_corner_of_a_node_resizes_it(bench):
    box = bench.node("5").bounding_box()
    corner = box["x"] + box["width"] - 4, box["y"] + box["height"] - 4
    bench.drag(corner, (corner[0] + 60, corner[1] + 40))
    now = bench.node("5").bounding_box()
    assert (now["width"], now["height"]) == pytest.approx((box["width"] + 60, box["height"] + 40), abs=2)


def test_double_click_on_a_subgraph_goes_in(bench):
    bench.choose_items(("node", "2"), ("node", "3"))
    bench.press("Control+Shift+e")
    (host,) = bench.selected()
    box = bench.node(host).bounding_box()
    bench.page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] - 6)
    bench.until(lambda: bench.state("ui")["path"][bench.opened()["id"]] == [host])
    assert len(bench.nodes("ProbeAdd")) == 1


# --- widgets


def test_drag_on_a_number_changes_it(bench):
    field = bench.widget("1", "value").locator("[role=spinbutton]")
    x, y = bench.center(field)
    bench.drag((x, y), (x + 60, y))
    much = bench.value("1", "value")
    assert much > 0 and bench.pos("1") == NODES["1"][1]
    bench.drag((x, y), (x - 120, y))
    assert bench.value("1", "value") < 0
    bench.press("Control+z")
    assert bench.value("1", "value") == much


# --- the view


def test_ctrl_drag_selects_what_its_box_touches(bench):
    bench.pull(bench.at(20, 30), bench.at(460, 130), "Control")
    assert set(bench.selected()) == {"1", "2"} and bench.view()["x"] == 0


def test_ctrl_drag_that_begins_on_a_node_selects_too(bench):
    bench.pull(bench.title("1"), bench.at(460, 330), "Control")
    assert set(bench.selected()) == {"1", "2", "4"} and bench.pos("1") == NODES["1"][1]


def test_ctrl_shift_drag_downward_or_upward_zooms(bench):
    start = bench.at(*MIDDLE)
    bench.pull(start, (start[0], start[1] + 80), "Control", "Shift")
    out = bench.zoom()
    assert out < 0.7 and bench.selected() == []
    assert bench.at(*MIDDLE) == pytest.approx(start, abs=1)
    bench.pull(start, (start[0], start[1] - 160), "Control", "Shift")
    assert bench.zoom() > 1.5


@pytest.mark.parametrize("start", [EMPTY, (545, 65)], ids=["on nothing", "on a node"])
def test_middle_drag_pans(bench, start):
    x, y = bench.at(*start)
    bench.drag((x, y), (x - 70, y + 40), button="middle")
    assert (bench.view()["x"], bench.view()["y"]) == pytest.approx((70, -40), abs=1)
    assert bench.pos("2") == NODES["2"][1]


def test_drag_on_the_canvas_pans_and_keeps_the_selection(bench):
    bench.select("2")
    x, y = bench.at(*EMPTY)
    bench.drag((x, y), (x + 50, y - 30))
    assert (bench.view()["x"], bench.view()["y"]) == pytest.approx((-50, 30), abs=1)
    assert bench.selected() == ["2"]
    bench.click((x, y))
    assert bench.selected() == []


def test_space_and_drag_pans_from_a_node_too(bench):
    x, y = bench.title("2")
    bench.page.mouse.move(x, y)
    bench.pull((x, y), (x + 50, y + 30), "Space")
    assert bench.view()["x"] == pytest.approx(-50, abs=1) and bench.pos("2") == NODES["2"][1]
    assert bench.state("ui")["search"] is None


def test_the_wheel_zooms_at_the_pointer(bench):
    place = bench.at(*EMPTY)
    bench.page.mouse.move(*place)
    bench.page.mouse.wheel(0, -200)
    bench.until(lambda: bench.zoom() > 1.1)
    bench.settle()
    assert bench.at(*EMPTY) == pytest.approx(place, abs=2)
    bench.page.mouse.wheel(0, 900)
    bench.until(lambda: bench.zoom() < 0.9)


# --- menus


@pytest.mark.parametrize("what", ["canvas", "node", "link", "reroute", "group", "socket"])
def test_right_click_opens_the_menu_of_what_is_there(bench, what):
    bench.choose_items(("node", "5"))
    bench.press("Control+g")
    bench.choose_items()
    bench.click(bench.half("2", "3", "value", 0.2), "Alt")
    place = {
        "canvas": bench.at(*EMPTY),
        "node": bench.title("2"),
        "link": bench.half("2", "3", "value", 0.7),
        "reroute": bench.half("2", "3", "value", 0.2),
        "group": bench.at(60, 385),
        "socket": bench.center(bench.socket("1", "out:0")),
    }[what]
    bench.click(place, button="right")
    offered = bench.menu()
    wanted = {"canvas": "search.open", "node": "node.bypass", "reroute": "edit.delete", "group": "group.bypass"}
    if what in wanted:
        assert wanted[what] in offered
    else:
        assert offered == [] and bench.page.locator("[data-menu] [role=menuitem]").count() > 1
    if what in ("node", "link", "reroute", "group"):
        ((kind, _),) = bench.selection()
        assert kind == what
    bench.press("Escape")
    bench.page.locator("[data-menu]").wait_for(state="detached")


def test_a_menu_does_what_it_says_to_the_whole_selection(bench):
    bench.select("2", "4")
    bench.click(bench.title("4"), button="right")
    bench.page.locator('[data-menu] [data-command="node.bypass"]').click()
    assert [bench.layer()["nodes"][node]["mode"] for node in "124"] == [0, 4, 4]


# --- groups


def test_a_group_takes_its_nodes_along_and_is_renamed_by_double_click(bench):
    bench.choose_items(("node", "1"), ("node", "5"))
    bench.press("Control+g")
    (group,) = bench.layer()["groups"].values()
    x, y = bench.at(group["box"]["x"] + 100, group["box"]["y"] + 12)
    bench.drag((x, y), (x + 30, y + 20))
    assert bench.pos("1") == (90, 100) and bench.pos("5") == (90, 460) and bench.pos("2") == NODES["2"][1]
    bench.page.mouse.dblclick(x + 30, y + 20)
    bench.dialog("rename").locator("input").fill("Inputs")
    bench.press("Enter")
    bench.until(lambda: [one["title"] for one in bench.layer()["groups"].values()] == ["Inputs"])


# --- far away, where nodes have no elements


def test_far_away_the_same_hands_select_drag_and_draw_boxes(bench):
    x, y = bench.at(*MIDDLE)
    bench.pull((x, y), (x, y + 140), "Control", "Shift")
    assert bench.zoom() < 0.3
    bench.page.locator("[data-node]").first.wait_for(state="detached")
    zoom = bench.zoom()
    spot = bench.at(545, 90)
    bench.drag(spot, (spot[0] + 40, spot[1] + 100))
    assert bench.selected() == ["2"]
    assert bench.pos("2") == pytest.approx((440 + 40 / zoom, 80 + 100 / zoom), abs=6)
    bench.pull(bench.at(20, 30), bench.at(300, 600), "Control")
    assert set(bench.selected()) == {"1", "5"}
    bench.click(bench.at(545, 300), button="right")
    assert "node.bypass" in bench.menu()


# --- files


def test_a_file_dropped_on_the_canvas_is_opened_or_inserted(bench):
    prompt = json.dumps({"7": {"class_type": "ProbeNumber", "inputs": {"value": 3}}})
    bench.page.evaluate(
        """([text, x, y]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([text], "dropped.json", { type: "application/json" }));
          const init = { dataTransfer: transfer, clientX: x, clientY: y, bubbles: true, cancelable: true };
          const target = document.elementFromPoint(x, y);
          target.dispatchEvent(new DragEvent("dragover", init));
          target.dispatchEvent(new DragEvent("drop", init));
        }""",
        [prompt, *bench.at(*EMPTY)],
    )
    bench.dialog("openFile").locator('[data-choice="insert"]').click()
    (new,) = bench.until(lambda: set(bench.nodes()) - SHARED)
    assert bench.value(new, "value") == 3


# --- the list that users read


SHOWN = {
    "add": "test_double_click_on_the_canvas_searches",
    "moveLink": "test_drag_from_a_connected_input_moves_that_link",
    "moveAll": "test_shift_drag_from_an_output_moves_all_its_links",
    "disconnect": "test_ctrl_alt_click_on_a_socket_disconnects",
    "clone": "test_alt_drag_on_a_node_clones_it",
    "reroute": "test_alt_click_on_a_link_adds_a_reroute_and_on_the_reroute_removes_it",
    "rerouteNode": "test_middle_click_on_a_link_puts_a_reroute_node_on_it",
    "branch": "test_shift_drag_from_the_middle_of_a_link_branches",
    "linkMenu": "test_click_on_the_dot_of_a_link_opens_its_menu",
    "boxSelect": "test_ctrl_drag_selects_what_its_box_touches",
    "addToSelection": "test_click_with_a_key_adds_to_the_selection_and_takes_away",
    "pan": "test_middle_drag_pans",
    "zoom": "test_the_wheel_zooms_at_the_pointer",
    "zoomDrag": "test_ctrl_shift_drag_downward_or_upward_zooms",
    "menu": "test_right_click_opens_the_menu_of_what_is_there",
    "rename": "test_double_click_on_a_title_renames",
    "number": "test_drag_on_a_number_changes_it",
    "snap": "test_shift_while_dragging_snaps_to_the_grid",
    "knife": "test_the_knife_cuts_the_links_it_crosses",
}


def test_every_mouse_habit_that_the_editor_lists_has_a_test():
    table = re.search(r"const MOUSE = \[\n(.*?)\n\];", HELP.read_text(encoding="utf-8"), re.S)
    assert table is not None
    assert set(re.findall(r'"(\w+)"', table[1])) == set(SHOWN)
    here = Path(__file__)
    there = here.with_name("test_habits_links.py")
    written = re.findall(r"^def (\w+)", here.read_text(encoding="utf-8") + there.read_text(encoding="utf-8"), re.M)
    assert set(SHOWN.values()) <= set(written)
