"""Every mouse habit of links that users of node editors have in their fingers, on a small workflow: ComfyUI's, the knife of
Houdini and Blender, and the search that a link let go on nothing opens.
"""

import pytest
from habits import SHARED
from workbench import EMPTY


def sockets(bench, *names):
    """Return the places of sockets, each "node in:name" or "node out:0"."""
    return [bench.center(bench.socket(*name.split(" "))) for name in names]


# --- search


def test_double_click_on_the_canvas_searches(bench):
    bench.page.mouse.dblclick(*bench.at(*EMPTY))
    assert len(bench.search()) > 20
    bench.choose("ProbeSleep")
    (new,) = bench.nodes("ProbeSleep")
    assert bench.pos(new) == pytest.approx(EMPTY, abs=2)


# --- links


def test_drag_from_an_output_to_an_input_connects(bench):
    bench.drag(*sockets(bench, "5 out:0", "6 in:value"))
    assert ("5", 0, "6", "value") in bench.links()


def test_drag_from_an_input_to_an_output_connects(bench):
    bench.drag(*sockets(bench, "6 in:value", "5 out:0"))
    assert ("5", 0, "6", "value") in bench.links()


def test_a_link_replaces_the_one_that_was_in_the_input(bench):
    bench.drag(*sockets(bench, "5 out:0", "2 in:a"))
    assert ("5", 0, "2", "a") in bench.links() and ("1", 0, "2", "a") not in bench.links()


def test_a_link_let_go_on_a_node_takes_its_best_socket(bench):
    (start,) = sockets(bench, "5 out:0")
    bench.drag(start, bench.title("6"))
    assert ("5", 0, "6", "value") in bench.links()
    # Of several: one that is free.
    bench.drag(start, bench.title("4"))
    assert {("5", 0, "4", "value"), ("1", 0, "4", "a")} <= bench.links()


def test_a_link_let_go_near_a_socket_snaps_to_it(bench):
    start, end = sockets(bench, "5 out:0", "6 in:value")
    bench.drag(start, (end[0] - 20, end[1] - 12))
    assert ("5", 0, "6", "value") in bench.links()


def test_no_link_closes_a_ring(bench):
    bench.drag(*sockets(bench, "2 out:0", "2 in:a"))
    bench.press("Escape")
    assert ("2", 0, "2", "a") not in bench.links() and len(bench.links()) == 3


def test_drag_from_a_connected_input_moves_that_link(bench):
    bench.drag(*sockets(bench, "3 in:value", "6 in:value"))
    assert bench.links() == {("1", 0, "2", "a"), ("1", 0, "4", "a"), ("2", 0, "6", "value")}


def test_drag_from_a_connected_input_to_nothing_takes_the_link_away(bench):
    (start,) = sockets(bench, "3 in:value")
    bench.drag(start, bench.at(*EMPTY))
    assert bench.links() == {("1", 0, "2", "a"), ("1", 0, "4", "a")} and bench.state("ui")["search"] is None


def test_shift_drag_from_an_output_moves_all_its_links(bench):
    bench.pull(*sockets(bench, "1 out:0", "5 out:0"), "Shift")
    assert bench.links() == {("5", 0, "2", "a"), ("5", 0, "4", "a"), ("2", 0, "3", "value")}
    bench.press("Control+z")
    assert bench.links() == {("1", 0, "2", "a"), ("1", 0, "4", "a"), ("2", 0, "3", "value")}


@pytest.mark.parametrize(
    ("socket", "left"),
    [("2 in:a", {("1", 0, "4", "a"), ("2", 0, "3", "value")}), ("1 out:0", {("2", 0, "3", "value")})],
)
def test_ctrl_alt_click_on_a_socket_disconnects(bench, socket, left):
    bench.click(*sockets(bench, socket), "Control", "Alt")
    assert bench.links() == left


def test_shift_drag_from_the_middle_of_a_link_branches(bench):
    (end,) = sockets(bench, "6 in:value")
    bench.pull(bench.half("2", "3", "value", 0.3), end, "Shift")
    assert ("2", 0, "3", "value") in bench.links() and ("2", 0, "6", "value") in bench.links()


def test_shift_drag_from_the_dot_of_a_link_branches(bench):
    (end,) = sockets(bench, "6 in:value")
    bench.pull(bench.half("2", "3", "value"), end, "Shift")
    assert ("2", 0, "3", "value") in bench.links() and ("2", 0, "6", "value") in bench.links()


def test_alt_click_on_a_link_adds_a_reroute_and_on_the_reroute_removes_it(bench):
    place = bench.half("2", "3", "value", 0.3)
    bench.click(place, "Alt")
    ((name, reroute),) = bench.layer()["reroutes"].items()
    assert bench.at(*reroute["pos"]) == pytest.approx(place, abs=2)
    (link,) = [link for link in bench.layer()["links"].values() if link["to"] == "3"]
    assert link["reroute"] == name
    bench.click(place, "Alt")
    assert bench.layer()["reroutes"] == {} and ("2", 0, "3", "value") in bench.links()


@pytest.mark.parametrize("share", [0.3, 0.5], ids=["beside its dot", "on its dot"])
def test_middle_click_on_a_link_puts_a_reroute_node_on_it(bench, share):
    place = bench.half("2", "3", "value", share)
    bench.click(place, button="middle")
    (node,) = bench.nodes("Reroute")
    whole = ("2", 0, "3", "value")
    assert {("2", 0, node, ""), (node, 0, "3", "value")} <= bench.links() and whole not in bench.links()
    assert bench.center(bench.node(node)) == pytest.approx(place, abs=2)
    bench.press("Control+z")
    assert bench.nodes("Reroute") == [] and ("2", 0, "3", "value") in bench.links()


@pytest.mark.parametrize("links", ["hidden", "selected"])
def test_links_that_are_not_shown_are_neither_hit_nor_cut(bench, links):
    place = bench.half("2", "3", "value", 0.3)
    bench.choose_items(("node", "1"))
    around = {"x": place[0] - 5, "y": place[1] - 5, "width": 10, "height": 10}
    drawn = bench.page.screenshot(clip=around)
    for _ in range({"selected": 1, "hidden": 2}[links]):
        bench.press("Control+Shift+p")
        bench.page.locator("[data-dialog=commands]").get_by_role("combobox").fill("Links:")
        bench.press("Enter")
    bench.until(lambda: bench.state("ui")["links"] == links)
    bench.canvas.focus()
    bench.settle()
    bench.until(lambda: bench.page.screenshot(clip=around) != drawn)
    bench.click(place, button="middle")
    bench.pull(bench.at(350, 60), bench.at(350, 330), "y")  # across those of 1, which is selected
    bench.pull((place[0], place[1] - 30), (place[0], place[1] + 30), "y")
    cut = {("1", 0, "2", "a"), ("1", 0, "4", "a")} if links == "selected" else set()
    assert bench.links() == {("1", 0, "2", "a"), ("1", 0, "4", "a"), ("2", 0, "3", "value")} - cut
    assert bench.nodes("Reroute") == []


def test_a_reroute_is_dragged_and_branched_from(bench):
    place = bench.half("2", "3", "value", 0.3)
    bench.click(place, "Alt")
    low = (place[0], place[1] + 90)
    bench.drag(place, low)
    ((name, reroute),) = bench.layer()["reroutes"].items()
    assert bench.at(*reroute["pos"]) == pytest.approx(low, abs=2)
    (end,) = sockets(bench, "6 in:value")
    bench.pull(low, end, "Shift")
    (link,) = [link for link in bench.layer()["links"].values() if link["to"] == "6"]
    assert link["from"] == "2" and link["reroute"] == name


def test_alt_drag_on_a_link_adds_a_reroute_and_takes_it_along(bench):
    place = bench.half("2", "3", "value", 0.3)
    bench.pull(place, (place[0], place[1] + 70), "Alt")
    (reroute,) = bench.layer()["reroutes"].values()
    assert bench.at(*reroute["pos"]) == pytest.approx((place[0], place[1] + 70), abs=2)


def test_click_on_the_dot_of_a_link_opens_its_menu(bench):
    bench.click(bench.half("2", "3", "value"))
    bench.page.locator("[data-menu]").get_by_role("menuitem").last.click()
    assert bench.links() == {("1", 0, "2", "a"), ("1", 0, "4", "a")}


def test_click_on_a_link_selects_it(bench):
    bench.click(bench.half("2", "3", "value", 0.25))
    ((kind, link),) = bench.selection()
    assert kind == "link" and bench.layer()["links"][link]["to"] == "3"
    assert bench.page.locator("[data-menu]").count() == 0
    bench.press("Delete")
    assert ("2", 0, "3", "value") not in bench.links()


@pytest.mark.parametrize(("button", "keys"), [("right", ["Control"]), ("left", ["y"])], ids=["Ctrl+right", "Y"])
def test_the_knife_cuts_the_links_it_crosses(bench, button, keys):
    bench.pull(bench.at(350, 60), bench.at(350, 330), *keys, button=button)
    assert bench.links() == {("2", 0, "3", "value")}
    assert bench.page.locator("[data-menu]").count() == 0
    bench.press("Control+z")
    assert len(bench.links()) == 3


def test_a_link_let_go_on_nothing_offers_only_what_fits(bench):
    (start,) = sockets(bench, "5 out:0")
    bench.drag(start, bench.at(*EMPTY))
    offered = bench.search()
    known = bench.server.ask("/object_info")[1]
    takes = {
        name
        for name, node in known.items()
        for kind in node["input"].values()
        for spec in kind.values()
        if spec[0] in ("INT", "*") or (isinstance(spec[0], str) and "INT" in spec[0].split(","))
    }
    takes.add("Reroute")  # which the file format has, and takes anything
    assert set(offered) <= takes and "ProbeShow" in takes and "ProbeShow" in {*offered, *filtered(bench, "ProbeShow")}
    assert "ProbeNumber" in known and len(takes) < len(known)
    bench.choose("ProbeShow")
    (new,) = set(bench.nodes()) - SHARED
    assert ("5", 0, new, "value") in bench.links()


def filtered(bench, text):
    """Type into the search that is open; return what it offers then."""
    bench.page.locator("[data-search] input").fill(text)
    bench.settle()
    return bench.search()


def test_an_input_let_go_on_nothing_offers_only_what_feeds_it(bench):
    (start,) = sockets(bench, "6 in:value")
    bench.drag(start, bench.at(*EMPTY))
    assert "ProbeShow" not in filtered(bench, "ProbeShow")
    assert filtered(bench, "ProbeNumber")[0] == "ProbeNumber"
    bench.choose("ProbeNumber")
    (new,) = set(bench.nodes()) - SHARED
    assert (new, 0, "6", "value") in bench.links()


def test_a_link_let_go_on_nothing_with_shift_opens_a_menu(bench):
    (start,) = sockets(bench, "5 out:0")
    bench.page.mouse.move(*start)
    bench.page.mouse.down()
    bench.page.mouse.move(*bench.at(*EMPTY), steps=4)
    with bench.held("Shift"):
        bench.page.mouse.up()
    menu = bench.page.locator("[data-menu]")
    menu.get_by_role("menuitem").last.click()
    (new,) = bench.nodes("Reroute")
    assert ("5", 0, new, "") in bench.links()
