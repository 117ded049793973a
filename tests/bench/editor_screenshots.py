"""Makes the pictures of the editor in docs/images: a real server, the bundled model, a short training run, Chromium.

    python -P tests/bench/editor_screenshots.py            all of them, into docs/images
    python -P tests/bench/editor_screenshots.py queue phone --out /tmp/look

Takes two to three minutes. Colors are reduced to a palette, so that each file stays below 150 KB.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "server")]

from browser_flags import FLAGS  # noqa: E402
from editor_page import Editor  # noqa: E402
from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, sync_playwright  # noqa: E402
from serving import Serving  # noqa: E402

from latentloom.engine import editor_build  # noqa: E402

DESK = {"viewport": {"width": 1600, "height": 1000}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
NAMES = ("default", "running", "subgraph", "error", "queue", "training", "phone")
MOST_BYTES = 150_000
COLORS = 256
# Enough to see curves fall; the workflow itself trains for hours.
TRAINING = {"3.steps": 30, "3.checkpoint_every": 30, "5.steps": 160, "5.checkpoint_every": 160, "5.pool": 400}
OPENED = """() => { const { runs, ui } = window.__latentloom;
  return runs.getState().connection === "open" && ui.getState().canvas?.seen().width > 1; }"""
PAINTED = "() => document.querySelector('canvas[data-preview][data-painted]') !== null"
HALFWAY = """() => Object.values(window.__latentloom.runs.getState().jobs).filter(({ state }) => state === "running")
  .some(({ nodes }) => Object.values(nodes).some(({ total, value }) => total > 10 && value >= total * 0.55))"""
CURVES = """job => Object.values(window.__latentloom.runs.getState().jobs[job]?.curves ?? {}).some(({ steps }) => steps.length > 40)"""


class Shots:
    """Pictures of one server's editor, each made in a browser context of its own."""

    def __init__(self, browser: Browser, server: Serving, out: Path) -> None:
        self.browser = browser
        self.server = server
        self.out = out

    def opened(self, template: str | None = "txt2img", scheme: str = "dark", options: Any = DESK) -> Editor:
        """Open a template in a fresh browser context, all of it in view."""
        context = self.browser.new_context(color_scheme=scheme, locale="en-US", reduced_motion="reduce", **options)
        context.set_default_timeout(60_000)
        editor = Editor(context.new_page(), self.server)
        editor.open("/?test" if template is None else f"/?template={template}&test", empty=False)
        if template is not None:
            editor.page.wait_for_function(OPENED)
            editor.fit()
        return editor

    def save(self, editor: Editor, name: str) -> None:
        """Save what is seen; nothing is under the pointer, and no key has the focus."""
        editor.page.evaluate("document.activeElement?.blur()")
        editor.page.mouse.move(editor.page.viewport_size["width"] / 2, 4)
        editor.settle()
        editor.page.wait_for_timeout(300)
        taken = Image.open(io.BytesIO(editor.page.screenshot(animations="disabled"))).convert("RGB")
        path = self.out / f"editor-{name}.png"
        taken.quantize(COLORS, Image.Quantize.MEDIANCUT, kmeans=4, dither=Image.Dither.NONE).save(path, optimize=True)
        size = path.stat().st_size
        print(f"{path}: {size / 1000:.0f} KB", flush=True)
        assert size <= MOST_BYTES, f"{path} has {size} bytes, more than {MOST_BYTES}"
        editor.page.context.close()

    def default(self) -> None:
        self.save(self.opened(), "default")

    def running(self) -> None:
        editor = self.opened()
        self.finish(editor, editor.run())  # so that something is seen where the picture goes
        editor.set_value("6", "text", "a green triangle above a red square")
        editor.set_value("3", "steps", 400)
        editor.run()
        editor.page.wait_for_function(HALFWAY)
        editor.page.wait_for_function(PAINTED)
        self.save(editor, "running")

    def subgraph(self) -> None:
        editor = self.opened(scheme="light")
        self.finish(editor, editor.run())
        group = next(iter(editor.layer()["groups"]))
        items = [{"kind": "node", "id": "6"}, {"kind": "node", "id": "7"}, {"kind": "group", "id": group}]
        editor.page.evaluate(
            "items => { const { docs, ui } = window.__latentloom; "
            "ui.setState({ selection: { [docs.getState().active]: items } }); }",
            items,
        )
        editor.canvas.focus()
        editor.press("Control+Shift+e")
        editor.page.wait_for_function("() => document.querySelector('[data-node=\"6\"]') === null")
        editor.page.keyboard.press("F2")
        editor.page.locator('[data-dialog="rename"] input').fill("Prompts")
        editor.press("Enter")
        panel = editor.panel("inspector")
        panel.locator("summary").filter(has_text="Values shown").click()
        panel.get_by_role("checkbox", name="text").first.check()
        editor.fit()
        self.save(editor, "subgraph")

    def error(self) -> None:
        editor = self.opened()
        link = next(key for key, one in editor.layer()["links"].items() if one["input"] == "latent_image")
        editor.set_value("3", "steps", 24)
        editor.page.evaluate(
            "id => { const { docs, ui } = window.__latentloom; "
            "ui.setState({ selection: { [docs.getState().active]: [{ kind: 'link', id }] } }); }",
            link,
        )
        editor.canvas.focus()
        editor.press("Delete", "Control+Enter")
        editor.page.locator("[data-toast]").first.wait_for()
        editor.panel("inspector")
        editor.page.locator("[data-problem]").first.wait_for()
        self.save(editor, "error")

    def queue(self) -> None:
        editor = self.opened()
        texts = ("a red circle left of a blue square", "a yellow triangle", "a green square above a white circle")
        for text in texts:
            editor.set_value("6", "text", text)
            self.finish(editor, editor.run())
        editor.set_value("3", "steps", 250)
        for text in ("a purple circle", "a blue triangle on a grey background", "an orange square", "a white triangle"):
            editor.set_value("6", "text", text)
            before = len(editor.state("runs")["jobs"])
            editor.press("Control+Enter")
            editor.page.wait_for_function(
                "before => Object.keys(window.__latentloom.runs.getState().jobs).length > before", arg=before
            )
        editor.panel("queue")
        editor.page.wait_for_function(HALFWAY)
        editor.page.wait_for_function(PAINTED)
        self.save(editor, "queue")
        self.server.ask("/api/loom/queue", {"cancel": {"from": 0, "to": 10_000}})

    def training(self) -> None:
        """A workflow with smaller numbers, saved on the server and opened from there."""
        graph = json.loads((ROOT / "workflows" / "train_shapes.json").read_text(encoding="utf-8"))
        smoke = json.loads((ROOT / "workflows" / "train_shapes.smoke.json").read_text(encoding="utf-8"))
        named = {str(node["id"]): node.get("widgets_values_named", {}) for node in graph["nodes"]}
        for place, value in {**smoke, **TRAINING}.items():
            node, name = place.split(".")
            named[node][name] = value
        for node in graph["nodes"]:
            if node.get("widgets_values_named"):  # notes have their text by place
                node.pop("widgets_values", None)
        status, answer = self.server.ask("/api/loom/documents/train_shapes", {"document": graph, "base": None}, "PUT")
        assert status == 200, answer
        editor = self.opened(None)
        editor.panel("workflows").get_by_text("train_shapes").first.click()
        editor.page.wait_for_function(OPENED)
        editor.canvas.focus()
        job = editor.run()
        editor.panel("training")
        editor.fit()
        editor.page.wait_for_function(CURVES, arg=job, timeout=180_000)
        editor.page.wait_for_timeout(1_500)
        self.save(editor, "training")
        self.server.ask("/api/loom/queue", {"cancel": {"ids": [job]}})

    def phone(self) -> None:
        editor = self.opened(options=PHONE)
        self.finish(editor, editor.run())
        editor.page.evaluate("() => window.__latentloom.ui.getState().canvas.fit(['3', '8', '9'])")
        self.save(editor, "phone")

    def finish(self, editor: Editor, job: str) -> None:
        editor.wait_done(job, 120)
        editor.page.wait_for_function("() => [...document.querySelectorAll('img')].every(picture => picture.complete)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"there is no picture called {', '.join(sorted(unknown))}")
    editor_build.build(ROOT)
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.names or NAMES:
        # A server for each: its history, its caches and its files are in the picture.
        with (
            tempfile.TemporaryDirectory() as folder,
            Serving(Path(folder) / "data", nodes=Path(folder)) as server,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=given.chromium, args=FLAGS)
            shots = Shots(browser, server, given.out)
            make: Callable[[], None] = getattr(shots, name)
            make()
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
