"""What of the editor is looked at as a whole: panels, menus, dialogs, the canvas, with something in each of them.

Prepares a server with jobs of every state and a page with a graph, and shows one scene after the other. Knows nothing of
what is looked for in them.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from editor_page import Editor
from serving import chain

ROOT = Path(__file__).resolve().parents[2]
PANELS = (
    "queue", "gallery", "nodes", "workflows", "models", "templates", "inspector", "settings", "training", "keys",
)  # fmt: skip
MENUS = {"main": {}, "run": {}, "canvas": {}, "node": {"id": "3"}, "group": {"id": "1"}}
SHUT = "ui.setState({ panel: null, search: null, dialog: null, toasts: [] });"
# What has no button of its own, or one behind several others, is opened as the button would open it.
DIALOGS = {
    "saveAs": "{ tab, name: 'a picture' }",
    "rename": "{ tab }",
    "moveFile": "{ name: 'a picture', run: () => undefined }",
    "confirm": "{ question: 'Remove all of them?', action: 'Remove', run: () => undefined }",
    "conflict": "{ tab, name: 'a picture', revision: 'a', modified: 1.8e9 }",
    "openFile": "{ opened: { name: 'a.json', report: [], missing: [], document: jobs.document } }",
    "openPicture": "{ file: new File(['a'], 'a.png', { type: 'image/png' }) }",
    "recent": "{}",
    "report": "{ tab }",
    "check": "{ tab }",
    "log": "{}",
    "commands": "{}",
    "find": "{}",
    "replace": "{ node: '3' }",
    "diff": "{ older: jobs.one, newer: jobs.other }",
}
NAMES = (
    "first run", "canvas", "problems", "search", *(f"panel {name}" for name in PANELS),
    *(f"menu {name}" for name in MENUS), *(f"dialog {name}" for name in DIALOGS),
    "dialog picture", "dialog compare", "mask editor", "toasts",
)  # fmt: skip


def prepare(server: Any) -> dict[str, Any]:
    """Give a server jobs: two with pictures, curves, a failed, a cancelled, a running one, and some that wait."""
    (server.data / "input").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "workflows" / "input" / "shapes.png", server.data / "input")

    def queue(graph: Any, title: str) -> str:
        status, answer = server.ask("/api/loom/jobs", {"graph": graph, "title": title})
        assert status == 201, answer
        return answer["job"]["id"]

    def copy(name: str) -> Any:
        return {
            "1": {"class_type": "LoadImage", "inputs": {"image": "shapes.png"}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": name}},
        }

    def with_node(kind: str, **inputs: Any) -> Any:
        last = (
            {"class_type": "ProbeShow", "inputs": {"value": ["1", 0]}} if kind in ("ProbeFail", "ProbeSleep") else None
        )
        graph = {
            "0": {"class_type": "ProbeNumber", "inputs": {"value": 1}},
            "1": {"class_type": kind, "inputs": {"value": ["0", 0], **inputs}},
        }
        return {**graph, "2": last} if last else graph

    jobs = {"one": queue(copy("one"), "a picture"), "other": queue(copy("other"), "another picture")}
    jobs["curve"] = queue(with_node("ProbeCurve", count=40), "a curve")
    jobs["failed"] = queue(with_node("ProbeFail"), "one that fails")
    jobs["running"] = queue(with_node("ProbeSleep", milliseconds=600_000), "a long one")
    waiting = [queue(chain(3, first), f"waiting {first}") for first in range(4)]
    server.ask("/api/loom/queue", {"cancel": {"ids": waiting[-1:]}})
    _, jobs["document"] = server.ask("/api/loom/templates/txt2img")
    jobs["document"] = jobs["document"]["document"]
    end = time.monotonic() + 60
    while server.ask(f"/api/loom/jobs/{jobs['running']}")[1]["job"]["state"] != "running":
        assert time.monotonic() < end, server.errors()
        time.sleep(0.05)
    return jobs


class Scenes(Editor):
    """The editor with a graph in it, put into one state after the other."""

    def __init__(self, page: Any, server: Any, jobs: dict[str, Any]) -> None:
        super().__init__(page, server)
        self.jobs = jobs

    def begin(self) -> Scenes:
        """Open the page that is seen first, then a graph with a group and a selection."""
        self.open("/?test", empty=False)
        self.page.locator("[data-template]").first.wait_for()
        return self

    def show(self, name: str) -> None:
        """Bring the page into a scene and wait until all of it is there."""
        kind, _, which = name.partition(" ")
        if name != "first run" and self.state("docs")["active"] is None:
            self.graph()
        self._do(SHUT)
        self.settle()
        if self.page.locator("dialog[open]").count():  # the mask editor is a widget's own
            self.press("Escape")
        self.page.locator("dialog[open]").wait_for(state="detached")
        getattr(self, f"_{kind}")(which)
        self.page.wait_for_function("() => document.querySelector('.empty[data-loading]') === null")
        self.settle()

    def graph(self) -> None:
        """Open a workflow that reads a picture; all its nodes in view, one selected, all of them in a group."""
        self.page.locator('[data-template="img2img"]').click()
        self.page.wait_for_function(
            "() => { const { runs, ui } = window.__latentloom; const { canvas } = ui.getState();"
            " return runs.getState().connection === 'open' && canvas !== null && canvas.seen().width > 1; }"
        )
        self.canvas.focus()
        self.press("Control+a", "Control+g")
        self.fit()
        # Sizes count as they are without zoom.
        self._do(
            "const { seen, zoomBy } = ui.getState().canvas; zoomBy(seen().width / given.width)", width=self.width()
        )
        self._select("3")
        self._see("3")

    def _see(self, node: str) -> None:
        """Bring a node into the middle and wait until it is on the page."""
        self._do(
            "const { pos, size } = docs.getState().byId[tab].doc.root.nodes[given.node];"
            "ui.getState().canvas.panTo([pos[0] + size[0] / 2, pos[1] + size[1] / 2])",
            node=node,
        )
        self.node(node).wait_for()

    def width(self) -> float:
        return self.canvas.bounding_box()["width"]

    def _do(self, script: str, **given: Any) -> Any:
        return self.page.evaluate(
            "([script, jobs, given]) => { const { docs, ui, settings } = window.__latentloom;"
            " const tab = docs.getState().active;"
            " return new Function('docs', 'ui', 'settings', 'tab', 'jobs', 'given', script)"
            "(docs, ui, settings, tab, jobs, given); }",
            [script, self.jobs, given],
        )

    def _select(self, node: str) -> None:
        self._do("ui.setState({ selection: { [tab]: [{ kind: 'node', id: given.node }] } })", node=node)

    def _first(self, _: str) -> None:
        self.page.locator("[data-first-run]").wait_for()

    def _canvas(self, _: str) -> None:
        self._see("3")
        self._select("3")

    def _problems(self, _: str) -> None:
        """A node without what it needs, found when the workflow is run."""
        added = self.add_node("SaveImage", keys=True)
        self.press("Control+Enter")
        self.page.locator("[data-toast]").first.wait_for()
        self._do("ui.setState({ panel: 'inspector', toasts: [] })")
        self.page.locator("[data-problem]").first.wait_for()
        self._select(added)

    def _search(self, _: str) -> None:
        self.canvas.focus()
        self.press("Shift+A")
        self.page.locator("[data-search] [data-type]").first.wait_for()

    def _panel(self, which: str) -> None:
        self._do("ui.setState({ panel: given.which })", which=which)
        self.page.locator(f'[data-panel="{which}"]').wait_for()
        if which == "training":
            self.page.locator(f'[data-panel="{which}"] select').select_option(self.jobs["curve"])
        filled = {"queue": "[data-job]", "gallery": ".tile img", "training": "canvas", "templates": "[data-template]"}
        if which in filled:
            self.page.locator(f'[data-panel="{which}"] {filled[which]}').first.wait_for()

    def _menu(self, which: str) -> None:
        self._do("ui.setState({ dialog: { kind: 'menu', at: [300, 200], target: given } })", kind=which, **MENUS[which])
        self.page.locator("[data-menu]").wait_for()

    def _dialog(self, which: str) -> None:
        if which == "picture":
            self._panel("gallery")
            self.page.locator(".tile-open").first.click()
        elif which == "compare":
            picture = "{ key, job: jobs.one, node: '2', title: key, ended: 1, item: { filename: key + '_00001_.png', "
            picture = f"(key => ({picture} subfolder: '', type: 'output' }} }}))"
            self._do(
                f"const made = {picture}; "
                "ui.setState({ dialog: { kind: 'compare', pictures: [made('one'), made('other')] } })"
            )
        else:
            self._do(f"ui.setState({{ dialog: {{ kind: '{which}', ...{DIALOGS[which]} }} }})")
        self.page.locator(f'[data-dialog="{which}"]').wait_for()

    def _mask(self, _: str) -> None:
        self._see("10")
        self.page.locator("[data-edit-mask]").first.evaluate("button => button.click()")
        self.page.locator("dialog[open] canvas").first.wait_for()

    def _toasts(self, _: str) -> None:
        self._do(
            "ui.setState({ toasts: ['info', 'warning', 'error'].map((level, id) => "
            "({ id: id + 1, level, text: 'Something was done.', action: { label: 'Undo', run: () => undefined } })) })"
        )
        self.page.locator("[data-toast]").first.wait_for()
