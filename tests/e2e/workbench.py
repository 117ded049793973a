"""The editor with a small workflow on its canvas, put there anew for every test in one and the same page.

Number 1 feeds Add 2 and Add 4, Add 2 feeds Show 3; Number 5 and Show 6 have no links. Places are those of the window,
as the view stands at the graph's origin without zoom. Knows no key and no habit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from editor_page import Editor

Json = Any
NODES = {
    "1": ("ProbeNumber", (60, 80)),
    "2": ("ProbeAdd", (440, 80)),
    "3": ("ProbeShow", (820, 78)),
    "4": ("ProbeAdd", (440, 260)),
    "5": ("ProbeNumber", (60, 440)),
    "6": ("ProbeShow", (820, 260)),
}
LINKS = [("1", 0, "2", "a"), ("1", 0, "4", "a"), ("2", 0, "3", "value")]
EMPTY = (440.0, 480.0)  # nothing lies here, nor 330 to the right and 200 below

# A document as `newDoc` makes it, with its first layer filled; all that tests may have opened or switched is put back.
FRESH = """root => {
  const { docs, ui, settings } = window.__latentloom;
  const id = crypto.randomUUID();
  const highest = things => Math.max(0, ...Object.keys(things).map(Number));
  const doc = {
    id, root, subs: {}, rest: {}, lastNode: highest(root.nodes), lastLink: highest(root.links),
    lastGroup: highest(root.groups), lastReroute: highest(root.reroutes),
  };
  const open = {
    id, title: "Probe", doc, past: [], future: [], file: null, savedEdit: 0, edits: 0, readOnly: false, report: [],
    missing: [],
  };
  settings.setState({ keyPreset: "comfy", customKeys: {}, snap: false, wheel: "zoom", linkStyle: "curve" });
  ui.setState({
    path: {}, selection: {}, views: { [`${id} `]: { x: 0, y: 0, zoom: 1 } }, panel: null, search: null, dialog: null,
    toasts: [], mode: "select", minimap: true, links: "shown", focus: null,
  });
  docs.setState({ order: [id], byId: { [id]: open }, active: id });
}"""
SEEN = "() => window.__latentloom.ui.getState().canvas.seen()"


def layer(
    nodes: dict[str, tuple[str, tuple[float, float]]],
    links: list[tuple[str, int, str, str]],
    values: dict[str, dict[str, Json]] | None = None,
) -> dict[str, Json]:
    """Return a layer of a document as the editor holds it."""
    return {
        "nodes": {
            key: {
                "id": key, "type": kind, "pos": list(pos), "size": [210, 60], "mode": 0, "inputs": [], "outputs": [],
                "values": (values or {}).get(key, {}),
            }
            for key, (kind, pos) in nodes.items()
        },
        "links": {
            str(at): {"id": str(at), "from": source, "out": out, "to": target, "input": name, "type": "INT"}
            for at, (source, out, target, name) in enumerate(links, 1)
        },
        "groups": {},
        "reroutes": {},
    }  # fmt: skip


class Workbench(Editor):
    """The page object with what habits need: a new document at once, places of the graph, keys that are held."""

    def fresh(self, root: dict[str, Json] | None = None) -> Workbench:
        """Put a new document in the place of all others and wait until it is seen; the canvas has the focus."""
        root = root or layer(NODES, LINKS)
        if self.page.url == "about:blank":
            self.open()
        self.page.mouse.move(*self.rest())
        self.page.evaluate(FRESH, root)
        self.settle()
        first = next(iter(root["nodes"]), None)
        self.page.wait_for_function(
            """first => window.__latentloom.ui.getState().canvas?.seen().x === 0 &&
              (first === null || document.querySelector(`[data-canvas] [data-node="${first}"]`) !== null)""",
            arg=first,
        )
        self.canvas.focus()
        self.settle()
        return self

    def rest(self) -> tuple[float, float]:
        """Return a place of the page that is not the canvas: the middle of its top bar."""
        return 640, 4

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the graph is in the window."""
        found = self.page.evaluate("at => window.__latentloom.ui.getState().canvas.graphToScreen(at)", [x, y])
        return found[0], found[1]

    def title(self, node: str) -> tuple[float, float]:
        """Return the middle of a node's title bar."""
        box = self.node(node).bounding_box()
        assert box is not None, f"node {node} is not on the screen"
        return box["x"] + box["width"] / 2, box["y"] + 12

    def half(self, source: str, target: str, name: str, share: float = 0.5) -> tuple[float, float]:
        """Return a place on the link from the first output of one node to an input of another."""
        start = self.center(self.socket(source, "out:0"))
        end = self.center(self.socket(target, f"in:{name}"))
        assert abs(start[1] - end[1]) < 1, "only of a link that is a straight line the way is known here"
        return start[0] + share * (end[0] - start[0]), start[1]

    @contextmanager
    def held(self, *keys: str) -> Iterator[None]:
        """Hold keys down meanwhile."""
        for key in keys:
            self.page.keyboard.down(key)
        try:
            yield
        finally:
            for key in reversed(keys):
                self.page.keyboard.up(key)

    def click(self, place: tuple[float, float], *keys: str, button: str = "left", count: int = 1) -> None:
        """Click at a place while keys are held."""
        with self.held(*keys):
            self.page.mouse.click(*place, button=button, click_count=count)
        self.settle()

    def pull(self, start: tuple[float, float], end: tuple[float, float], *keys: str, button: str = "left") -> None:
        """Drag while keys are held."""
        with self.held(*keys):
            self.drag(start, end, steps=3, button=button)

    def pos(self, node: str) -> tuple[float, float]:
        """Return where a node is, in the graph."""
        x, y = self.layer()["nodes"][node]["pos"]
        return x, y

    def view(self) -> dict[str, float]:
        """Return the part of the graph that is seen."""
        return self.page.evaluate(SEEN)

    def zoom(self) -> float:
        """Return how many pixels of the screen a pixel of the graph has."""
        return self.canvas.bounding_box()["width"] / self.view()["width"]

    def selection(self) -> set[tuple[str, str]]:
        """Return what is selected as (kind, id)."""
        items = self.state("ui")["selection"].get(self.opened()["id"], [])
        return {(item["kind"], item["id"]) for item in items}

    def choose_items(self, *items: tuple[str, str]) -> None:
        """Select without a pointer."""
        self.page.evaluate(
            """items => {
              const { docs, ui } = window.__latentloom;
              ui.setState({ selection: { [docs.getState().active]: items.map(([kind, id]) => ({ kind, id })) } });
            }""",
            [list(item) for item in items],
        )
        self.settle()

    def set_preset(self, name: str) -> None:
        """Take the keys of ComfyUI or of Blender."""
        self.page.evaluate("keyPreset => window.__latentloom.settings.setState({ keyPreset })", name)

    def menu(self) -> list[str]:
        """Wait for a menu; return the commands it offers."""
        found = self.page.locator("[data-menu]")
        found.wait_for()
        return [name for item in found.locator("[data-command]").all() if (name := item.get_attribute("data-command"))]

    def dialog(self, kind: str) -> Any:
        """Wait for a dialog; return it."""
        found = self.page.locator(f'[data-dialog="{kind}"]')
        found.wait_for()
        return found

    def search(self) -> list[str]:
        """Wait for the search; return the types that it offers, best first."""
        found = self.page.locator("[data-search]")
        found.wait_for()
        return [row.get_attribute("data-type") for row in found.locator("[data-type]").all()]


@contextmanager
def opened_workbench(browser: Any, server: Any, options: dict[str, Json]) -> Iterator[Workbench]:
    """Give a page for all tests of a module; the first document loads the editor into it."""
    context = browser.new_context(
        base_url=server.url, reduced_motion="reduce", locale="en-US", color_scheme="dark", **options
    )
    context.set_default_timeout(30_000)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    yield Workbench(context.new_page(), server)
    context.close()
