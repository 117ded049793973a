"""The editor as a test sees it: what a user does, by mouse or by keyboard, and what the document and the runs say then.

Written against the stable hooks (`data-node`, `data-socket`, `data-widget`, ...) and the stores that the page shows when
it is opened with `?test`. Knows no journey.
"""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = Any
SEARCH = "[role=combobox], input[type=search], input"
# Until what was asked for has been done: a command may have to fetch its part of the program first, or ask the server.
IDLE = """async patience => {
  const idle = () => document.querySelector("main")?.getAttribute("aria-busy") !== "true";
  for (const until = performance.now() + patience; !idle() && performance.now() < until; )
    await new Promise(done => setTimeout(done, 5));
}"""
# Stores as plain data, then: functions, pictures and maps do not cross over to Python.
READ = f"""async ([name, patience]) => {{
  await ({IDLE})(patience);
  return JSON.parse(JSON.stringify(window.__latentloom[name].getState()));
}}"""


class Editor:
    """The editor in one page. Positions are CSS pixels of the window; ids are those of the document."""

    def __init__(self, page: Any, server: Any) -> None:
        self.page = page
        self.server = server
        self.patience = 5000  # milliseconds for what is under way; a test that looks at just that has none

    # --- the page

    def open(self, address: str = "/?test", *, empty: bool = True) -> Editor:
        """Open the editor and wait until it knows the node types; with a new, empty document unless told otherwise."""
        address = self.server.url + address if address.startswith("/") else address
        self.page.goto(address)
        self.ready()
        if empty and self.state("docs")["active"] is None:
            self.new()
        return self

    def ready(self) -> None:
        """Wait until the page can be used."""
        # Keys are listened to once the page is drawn, which may be later than the node types are there.
        self.page.wait_for_function(
            "() => window.__latentloom?.types.getState().state === 'ready' && document.querySelector('.topbar') !== null"
        )

    def reload(self) -> None:
        """Load the page again, as F5 does."""
        self.page.reload()
        self.ready()

    def new(self) -> None:
        """Make a new document and wait for its canvas."""
        self.press("Alt+n")
        self.canvas.wait_for()
        self.page.wait_for_function("() => window.__latentloom.ui.getState().canvas !== null")

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is, each when the one before has done its work."""
        for key in keys:
            self.page.keyboard.press(key)
            self.settle()

    def idle(self) -> None:
        """Wait until nothing that was asked for is under way."""
        self.page.evaluate(IDLE, self.patience)

    def command(self, name: str) -> None:
        """Press the button of a command."""
        self.page.locator(f'[data-command="{name}"]').first.click()
        self.settle()

    def panel(self, name: str) -> Any:
        """Open a panel if it is not open; return it."""
        if self.state("ui")["panel"] != name:
            self.command(f"panel.{name}")
        found = self.page.locator(f'[data-panel="{name}"]')
        found.wait_for()
        return found

    def toasts(self) -> list[str]:
        """Return what was said to the user and is still shown."""
        return self.page.locator("[data-toast]").all_inner_texts()

    def screenshot(self, path: Path) -> None:
        """Save what is seen."""
        self.page.screenshot(path=path, animations="disabled")

    # --- what is so

    def state(self, store: str) -> dict[str, Json]:
        """Return the state of a store: docs, ui, runs, types or settings."""
        return self.page.evaluate(READ, [store, self.patience])

    def opened(self) -> dict[str, Json]:
        """Return the open document, as its store has it."""
        docs = self.state("docs")
        return docs["byId"][docs["active"]]

    def document(self) -> dict[str, Json]:
        """Return the document itself."""
        return self.opened()["doc"]

    def layer(self) -> dict[str, Json]:
        """Return the layer that is seen: the root, or the subgraph that was entered."""
        opened = self.opened()
        layer = opened["doc"]["root"]
        for node in self.state("ui")["path"].get(opened["id"], []):
            layer = opened["doc"]["subs"][layer["nodes"][node]["type"]]
        return layer

    def nodes(self, kind: str | None = None) -> list[str]:
        """Return the ids of the nodes that are seen, or of those of one type, oldest first."""
        found = [node for node in self.layer()["nodes"].values() if kind is None or node["type"] == kind]
        return [node["id"] for node in sorted(found, key=lambda node: int(node["id"]))]

    def links(self) -> set[tuple[str, int, str, str]]:
        """Return the links that are seen as (from, output, to, input)."""
        return {(link["from"], link["out"], link["to"], link["input"]) for link in self.layer()["links"].values()}

    def value(self, node: str, widget: str) -> Json:
        """Return the value a widget was given; None while it has its default."""
        return self.layer()["nodes"][node]["values"].get(widget)

    def selected(self) -> list[str]:
        """Return the ids of the selected nodes."""
        items = self.state("ui")["selection"].get(self.opened()["id"], [])
        return [item["id"] for item in items if item["kind"] == "node"]

    # --- where things are

    @property
    def canvas(self) -> Any:
        return self.page.locator("[data-canvas]").first

    def node(self, node: str) -> Any:
        return self.page.locator(f'[data-node="{node}"]').first

    def socket(self, node: str, name: str) -> Any:
        """Return a socket: "in:samples", "out:0"."""
        return self.node(node).locator(f'[data-socket="{name}"]').first

    def widget(self, node: str, name: str) -> Any:
        return self.node(node).locator(f'[data-widget="{name}"]').first

    def center(self, found: Any) -> tuple[float, float]:
        """Return the middle of what a locator finds."""
        box = found.bounding_box()
        assert box is not None, f"not on the screen: {found}"
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def free(self) -> tuple[float, float]:
        """Return a place of the canvas on which nothing lies."""
        place = self.page.evaluate(
            """() => {
              const canvas = document.querySelector("[data-canvas]");
              const { left, top, width, height } = canvas.getBoundingClientRect();
              const covered = (x, y) => {
                const hit = document.elementFromPoint(x, y);
                return !hit || !canvas.contains(hit) || hit.closest("[data-node], button, input, [role=menu]") !== null;
              };
              for (let y = 0.12; y < 0.9; y += 0.06)
                for (let x = 0.06; x < 0.9; x += 0.06) {
                  const [px, py] = [left + x * width, top + y * height];
                  const around = [[0, 0], [230, 0], [0, 150], [230, 150], [115, 75], [-12, -12]];
                  if (around.every(([dx, dy]) => !covered(px + dx, py + dy))) return [px, py];
                }
              return null;
            }"""
        )
        assert place is not None, "no free place on the canvas"
        return place[0], place[1]

    def fit(self) -> None:
        """Show the whole graph."""
        self.canvas.focus()
        self.page.evaluate("() => window.__latentloom.ui.getState().canvas.fit()")
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is under way, and then for two frames."""
        self.idle()
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def until(self, check: Callable[[], Json], seconds: float = 30) -> Json:
        """Wait until something is so; return it. What is drawn, or told by the server, is later than what was done."""
        end = time.monotonic() + seconds
        while not (found := check()):
            assert time.monotonic() < end, f"never became so: {inspect.getsource(check).strip()}"
            self.page.wait_for_timeout(10)
        return found

    # --- what is done

    def add_node(self, text: str, at: tuple[float, float] | None = None, *, keys: bool = False) -> str:
        """Search for a node and add the first that is found; return its id. keys: by Tab instead of a double-click."""
        before = set(self.nodes())
        if keys:
            self.canvas.focus()
            self.press("Shift+A")
        else:
            self.page.mouse.dblclick(*(at or self.free()))
        self.page.wait_for_function("() => window.__latentloom.ui.getState().search !== null")
        self.choose(text)
        (added,) = set(self.nodes()) - before
        return added

    def choose(self, text: str) -> None:
        """Type into the search that is open and take the first that is found."""
        field = self.page.locator("[role=dialog]").locator(SEARCH).first
        field.wait_for()
        field.fill(text)
        self.settle()
        field.press("Enter")
        self.page.wait_for_function("() => window.__latentloom.ui.getState().search === null")

    def connect(self, source: str, output: int, target: str, name: str) -> None:
        """Drag a link from an output to an input; fails unless it is there afterwards."""
        self.drag(self.center(self.socket(source, f"out:{output}")), self.center(self.socket(target, f"in:{name}")))
        assert (source, output, target, name) in self.links(), self.links()

    def drag(
        self, start: tuple[float, float], end: tuple[float, float], *, steps: int = 6, button: str = "left"
    ) -> None:
        """Drag with the mouse, over places between as a hand does."""
        self.page.mouse.move(*start)
        self.page.mouse.down(button=button)
        self.page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=steps)
        self.page.mouse.move(*end, steps=steps)
        self.settle()
        self.page.mouse.up(button=button)
        self.settle()

    def select(self, *nodes: str) -> None:
        """Click on the titles of nodes: these and no others are selected then."""
        for index, node in enumerate(nodes):
            box = self.node(node).bounding_box()
            assert box is not None
            held = ["Shift"] if index else []
            self.node(node).click(position={"x": box["width"] / 2, "y": 8}, modifiers=held)
        assert set(self.selected()) == set(nodes)

    def set_value(self, node: str, name: str, value: Json) -> None:
        """Give a widget a value as a user does; fails unless the document has it then."""
        row = self.widget(node, name)
        kind = row.get_attribute("data-kind")
        if kind in ("int", "float"):
            row.locator("[role=spinbutton], [role=slider]").first.focus()
            self.press("Enter", "ControlOrMeta+a")
            self.page.keyboard.type(str(value))
            self.press("Enter")
        elif kind == "bool":
            if (row.get_by_role("switch").get_attribute("aria-checked") == "true") != value:
                row.get_by_role("switch").click()
        elif kind in ("choice", "file"):
            row.locator("[role=combobox]").first.click()
            search = self.page.locator(".w-search input")
            if search.count():
                search.fill(str(value))
            self.page.locator(f"[data-option={json.dumps(str(value))}]").first.click()
        else:
            field = row.locator("textarea, input").first
            field.fill(value if isinstance(value, str) else json.dumps(value))
            field.blur()
        self.settle()
        now = self.value(node, name)
        assert now == value or (now is None and str(value) in row.inner_text()), (name, now, value)

    # --- running

    def run(self, keys: str = "Control+Enter") -> str:
        """Run the workflow; return the job's id once the server has taken it."""
        document = self.document()["id"]
        before = self.state("runs")["shown"].get(document)
        self.press(keys)
        self.page.wait_for_function(
            "([id, old]) => { const now = window.__latentloom.runs.getState().shown[id]; return now && now !== old; }",
            arg=[document, before],
        )
        return self.state("runs")["shown"][document]

    def wait_done(self, job: str, seconds: float = 60, expected: str = "done") -> dict[str, Json]:
        """Wait for a job to end; return it as the page knows it. Fails unless it ended as expected."""
        self.page.wait_for_function(
            "id => ['done', 'failed', 'cancelled'].includes(window.__latentloom.runs.getState().jobs[id]?.state)",
            arg=job,
            timeout=seconds * 1000,
        )
        ended = self.state("runs")["jobs"][job]
        assert ended["state"] == expected, (ended["state"], ended["error"], self.server.errors())
        return ended

    def run_state(self, node: str) -> str | None:
        """Return what a node shows of the run: queued, running, cached, done, failed, ..."""
        return self.node(node).get_attribute("data-state")

    def wait_saved(self) -> None:
        """Wait until every edit lies in the journal, so that the page may be closed or killed."""
        self.page.wait_for_timeout(250)  # the contract: at most the last 200 ms are missing
