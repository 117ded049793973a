"""A phone held upright, worked with fingers alone: look around, wire, change a value, open a menu, run.

Fingers are those of the browser itself (its touch events, with all that follows from them), not of a script in the page.
"""

import pytest
from workbench import layer

NODES = {"1": ("ProbeNumber", (30, 60)), "2": ("ProbeShow", (120, 260))}
EMPTY = (60, 480)


@pytest.fixture(scope="module")
def workbench_options():
    return {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@pytest.fixture
def phone(bench):
    return bench.fresh(layer(NODES, []))


class Fingers:
    """Fingers on the glass of a page."""

    def __init__(self, page):
        self._page = page
        self._glass = page.context.new_cdp_session(page)

    def _send(self, kind, *places):
        points = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(places)]
        self._glass.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def down(self, *places):
        self._send("touchStart", *places)

    def move(self, *places):
        self._send("touchMove", *places)

    def up(self):
        self._send("touchEnd")

    def tap(self, place):
        self.down(place)
        self.up()

    def slide(self, *ways):
        """Move one finger or two, each from one place to another, in steps as a hand does."""
        self.down(*(start for start, _ in ways))
        for step in range(1, 7):
            self.move(*((sx + (ex - sx) * step / 6, sy + (ey - sy) * step / 6) for (sx, sy), (ex, ey) in ways))
        self.up()


@pytest.fixture
def fingers(phone):
    return Fingers(phone.page)


def test_one_finger_on_nothing_pans(phone, fingers):
    x, y = phone.at(*EMPTY)
    fingers.slide(((x, y), (x + 120, y - 90)))
    phone.settle()
    assert (phone.view()["x"], phone.view()["y"]) == pytest.approx((-120, 90), abs=1)
    assert phone.state("ui")["dialog"] is None


@pytest.mark.parametrize("share", [0.5, 2.0], ids=["together", "apart"])
def test_two_fingers_pinch_around_their_middle(phone, fingers, share):
    x, y = phone.at(180, 430)
    reach = 60 / min(1, share)
    fingers.slide(((x - reach, y), (x - reach * share, y)), ((x + reach, y), (x + reach * share, y)))
    phone.settle()
    assert phone.zoom() == pytest.approx(share, rel=0.05)
    assert phone.at(180, 430) == pytest.approx((x, y), abs=3)


def test_two_fingers_that_move_together_pan(phone, fingers):
    x, y = phone.at(100, 430)
    fingers.slide(((x, y), (x + 50, y + 60)), ((x + 120, y), (x + 170, y + 60)))
    phone.settle()
    assert phone.zoom() == pytest.approx(1, rel=0.02)
    assert (phone.view()["x"], phone.view()["y"]) == pytest.approx((-50, -60), abs=2)


def test_a_tap_selects_and_a_tap_beside_selects_nothing(phone, fingers):
    fingers.tap(phone.title("2"))
    phone.until(lambda: phone.selected() == ["2"])
    fingers.tap(phone.at(*EMPTY))
    phone.until(lambda: phone.selected() == [])


def test_a_finger_drags_a_node(phone, fingers):
    x, y = phone.title("2")
    fingers.slide(((x, y), (x - 60, y + 90)))
    phone.until(lambda: phone.pos("2") != NODES["2"][1])
    assert phone.pos("2") == pytest.approx((60, 350), abs=1) and phone.pos("1") == NODES["1"][1]


@pytest.mark.parametrize("aside", [(0, 0), (17, 0), (12, -12)], ids=["on them", "beside them", "above them"])
def test_a_tap_on_a_socket_and_one_on_another_connect(phone, fingers, aside):
    """As far as 20 pixels away from the node, whatever the zoom; on the node a widget may lie beside."""
    for zoom in (1, 0.7):
        phone.page.evaluate("zoom => window.__latentloom.ui.getState().canvas.panTo([190, 300], zoom)", zoom)
        phone.settle()
        x, y = phone.center(phone.socket("1", "out:0"))
        fingers.tap((x + aside[0], y + aside[1]))
        phone.until(lambda: phone.socket("2", "in:value").get_attribute("data-fits") is not None)
        x, y = phone.center(phone.socket("2", "in:value"))
        fingers.tap((x - aside[0], y + aside[1]))
        phone.until(lambda: phone.links() == {("1", 0, "2", "value")})
        phone.press("Control+z")
        assert phone.links() == set()


def test_a_tap_beside_gives_a_begun_link_up(phone, fingers):
    fingers.tap(phone.center(phone.socket("1", "out:0")))
    phone.until(lambda: phone.socket("2", "in:value").get_attribute("data-fits") is not None)
    fingers.tap(phone.at(*EMPTY))
    phone.until(lambda: phone.socket("2", "in:value").get_attribute("data-fits") is None)
    fingers.tap(phone.center(phone.socket("2", "in:value")))
    phone.settle()
    assert phone.links() == set()


def test_a_finger_draws_a_link(phone, fingers):
    fingers.slide((phone.center(phone.socket("1", "out:0")), phone.center(phone.socket("2", "in:value"))))
    phone.until(lambda: phone.links() == {("1", 0, "2", "value")})


def test_a_long_press_opens_the_menu_of_what_is_there(phone, fingers):
    fingers.down(phone.title("2"))
    offered = phone.menu()
    fingers.up()
    assert "node.bypass" in offered and phone.selected() == ["2"]
    phone.settle()
    item = phone.page.locator('[data-menu] [data-command="node.bypass"]')
    assert item.bounding_box()["height"] >= 40
    fingers.tap(phone.center(item))
    phone.until(lambda: phone.layer()["nodes"]["2"]["mode"] == 4)


def test_a_long_press_on_nothing_leads_to_the_search(phone, fingers):
    fingers.down(phone.at(*EMPTY))
    assert "search.open" in phone.menu()
    fingers.up()
    fingers.tap(phone.center(phone.page.locator('[data-menu] [data-command="search.open"]')))
    phone.search()
    phone.choose("ProbeSleep")
    assert len(phone.nodes("ProbeSleep")) == 1


def test_a_finger_that_moves_is_no_long_press(phone, fingers):
    x, y = phone.at(*EMPTY)
    fingers.down((x, y))
    fingers.move((x + 40, y))
    phone.page.wait_for_timeout(650)
    fingers.move((x + 60, y))
    fingers.up()
    phone.settle()
    assert phone.state("ui")["dialog"] is None and phone.view()["x"] == pytest.approx(-60, abs=1)


def test_a_finger_drags_a_number(phone, fingers):
    x, y = phone.center(phone.widget("1", "value").locator("[role=spinbutton]"))
    fingers.slide(((x, y), (x + 60, y)))
    phone.until(lambda: (phone.value("1", "value") or 0) > 0)
    assert phone.pos("1") == NODES["1"][1] and phone.view()["x"] == 0


def test_the_workflow_is_run_from_the_bar(phone, fingers):
    phone.fresh(layer(NODES, [("1", 0, "2", "value")]))
    button = phone.page.locator('[data-command="run.queue"]')
    box = button.bounding_box()
    assert box["height"] >= 40 and box["y"] > 600, "the thumb does not reach it"
    view = phone.page.locator(".canvas-bar").bounding_box()
    assert view["x"] + view["width"] < phone.page.locator(".run-bar").bounding_box()["x"], "one lies on the other"
    phone.until(button.is_enabled)
    shown = lambda: phone.state("runs")["shown"].get(phone.opened()["id"])  # noqa: E731
    fingers.tap(phone.center(button))
    phone.wait_done(phone.until(shown))
    phone.until(lambda: phone.run_state("2") == "done")


@pytest.mark.parametrize("on", ["nothing", "a number"])
def test_a_tap_right_after_a_flick_is_taken(phone, fingers, on):
    """The browser spends the tap after a flick on ending the scrolling that it thinks goes on, if it is let."""
    number = phone.widget("1", "value").locator("[role=spinbutton]")
    x, y = phone.center(number) if on == "a number" else phone.at(*EMPTY)
    fingers.slide(((x, y), (x + 60, y)))
    fingers.tap(phone.center(phone.page.locator('.rail [data-command="panel.queue"]')))
    phone.page.locator('[data-panel="queue"]').wait_for()


def test_panels_are_sheets_that_are_opened_and_closed_by_taps(phone, fingers):
    fingers.tap(phone.center(phone.page.locator('.rail [data-command="panel.queue"]')))
    panel = phone.page.locator('[data-panel="queue"]')
    panel.wait_for()
    box = panel.bounding_box()
    assert box["width"] > 380 and box["x"] >= 0 and box["x"] + box["width"] <= 391
    close = panel.get_by_role("button", name="Close").first
    fingers.tap(phone.center(close))
    panel.wait_for(state="detached")
