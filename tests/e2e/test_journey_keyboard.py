"""From an empty page by keyboard alone: txt2img is built, run, watched, changed, run again, saved, loaded again, undone.

The page tells of every event of a mouse, a pen or a finger: there is none. The test knows where the focus is, as a
screen reader would say it, and nothing else of where things are.
"""

import json

import pytest
from editor_page import Editor

MODEL = "loom-shapes-sd15.safetensors"
PROMPT = "a red circle left of a blue square"
POINTERS = """for (const kind of ["pointerdown", "pointermove", "pointerup", "mousedown", "mousemove", "mouseup", "wheel",
  "touchstart", "touchmove", "dragstart", "contextmenu", "dblclick"])
  addEventListener(kind, event => sawPointer(`${kind} ${event.target?.tagName}`), { capture: true, passive: true });
addEventListener("click", event => { if (event.detail > 0) sawPointer(`click ${event.target?.tagName}`); }, true);"""
FOCUS = """() => {
  const at = document.activeElement;
  const of = name => at?.closest(`[data-${name}]`)?.getAttribute(`data-${name}`) ?? null;
  return { node: of("node"), socket: of("socket"), widget: of("widget"), itself: at?.matches("[data-node]") ?? false,
           label: at?.getAttribute("aria-label") ?? at?.textContent?.trim() ?? "", role: at?.getAttribute("role") };
}"""


class Hands:
    """Ten fingers on the keys of one page."""

    def __init__(self, editor):
        self.editor = editor
        self.page = editor.page
        self.pressed = 0

    def press(self, *keys):
        for key in keys:
            self.pressed += 1
            self.page.keyboard.press(key)

    def type(self, text):
        self.pressed += len(text)
        self.page.keyboard.type(text)

    def focus(self):
        return self.page.evaluate(FOCUS)

    def walk(self, key, wanted, most=60):
        """Press a key until the focus is where it is wanted; fails when it never comes there."""
        seen = []
        for _ in range(most):
            now = self.focus()
            if all(now[name] == value for name, value in wanted.items()):
                return
            seen.append(now)
            self.press(key)
            self.editor.settle()
        raise AssertionError(f"{key} never leads to {wanted}: {seen}")

    def add(self, text):
        """Search for a node type by name and take the first; the focus is on the new node then."""
        before = set(self.editor.nodes())
        self.press("Shift+A")
        return self._found(text, before)

    def add_at(self, node, socket, text):
        """From a socket add a node that fits, joined to it."""
        self.to(node, socket=socket)
        before = set(self.editor.nodes())
        self.press("Shift+Enter")
        return self._found(text, before)

    def _found(self, text, before):
        self.page.wait_for_function("() => document.activeElement?.closest('[data-search]') !== null")
        self.type(text)
        self.page.wait_for_function(
            "text => document.querySelector('[data-search] [aria-selected=true]')?.dataset.type === text", arg=text
        )
        self.press("Enter")
        self.page.wait_for_function("() => window.__latentloom.ui.getState().search === null")
        (added,) = set(self.editor.nodes()) - before
        self.page.wait_for_function("id => document.activeElement?.dataset.node === id", arg=added)
        return added

    def to(self, node, **inside):
        """Walk to a node in the order in which work flows, and to a socket or a widget in it."""
        now = self.focus()
        if now["node"] is not None and not now["itself"]:
            self.press("Escape")
        order = self.page.evaluate("() => document.activeElement?.closest('[data-canvas]') !== null")
        assert order, f"the focus is not on the canvas: {now}"
        for key in ("Tab", "Shift+Tab"):
            for _ in range(12):
                if self.focus()["node"] == node:
                    break
                self.press(key)
                self.editor.settle()
                if self.focus()["node"] is None:
                    break  # past the last node, or before the first
        assert self.focus()["node"] == node, (node, self.focus())
        if inside:
            if not self.focus()["itself"]:
                self.press("Escape")
            self.press("Enter")
            self.walk("Tab", {"node": node, **inside})

    def connect(self, source, output, target, name):
        """Begin a link at an output, go through the sockets that fit, and end it at the one that is meant."""
        self.to(source, socket=f"out:{output}")
        self.press("Enter")
        self.walk("ArrowDown", {"node": target, "socket": f"in:{name}"}, most=12)
        self.press("Enter")
        assert (source, output, target, name) in self.editor.links(), self.editor.links()

    def number(self, node, name, value):
        self.to(node, widget=name, role="spinbutton")
        self.press("Enter")
        self.type(str(value))  # the field opens with all of it marked
        self.press("Enter")
        assert self.editor.value(node, name) == value
        self.page.wait_for_function(
            "name => document.activeElement?.closest('[data-widget]')?.dataset.widget === name", arg=name
        )

    def run(self):
        document = self.editor.document()["id"]
        before = self.editor.state("runs")["shown"].get(document)
        self.press("Control+Enter")
        self.page.wait_for_function(
            "([id, old]) => { const now = window.__latentloom.runs.getState().shown[id]; return now && now !== old; }",
            arg=[document, before],
        )
        return self.editor.state("runs")["shown"][document]


@pytest.fixture
def hands(page, server):
    """The editor's address is opened, and the pointer stays where it is: nowhere."""
    saw = []
    page.expose_function("sawPointer", lambda what: saw.append(what))
    page.add_init_script(POINTERS)
    editor = Editor(page, server)
    editor.open(empty=False)
    yield Hands(editor)
    editor.settle()  # what the page told of last has arrived
    assert saw == []


def test_txt2img_by_keyboard(hands, server):
    editor, page = hands.editor, hands.page

    # An empty workflow: Tab reaches the button for it, as the rest of the page.
    hands.walk("Tab", {"label": "Empty workflow"})
    hands.press("Enter")
    editor.canvas.wait_for()
    page.wait_for_function("() => window.__latentloom.ui.getState().canvas !== null")

    sampler = hands.add("KSampler")
    loader = hands.add_at(sampler, "in:model", "CheckpointLoaderSimple")
    positive = hands.add_at(sampler, "in:positive", "CLIPTextEncode")
    negative = hands.add_at(sampler, "in:negative", "CLIPTextEncode")
    latent = hands.add_at(sampler, "in:latent_image", "EmptyLatentImage")
    decoder = hands.add_at(sampler, "out:0", "VAEDecode")
    saver = hands.add_at(decoder, "out:0", "SaveImage")
    hands.connect(loader, 1, positive, "clip")
    hands.connect(loader, 1, negative, "clip")
    hands.connect(loader, 2, decoder, "vae")
    assert editor.links() == {
        (loader, 0, sampler, "model"), (positive, 0, sampler, "positive"), (negative, 0, sampler, "negative"),
        (latent, 0, sampler, "latent_image"), (loader, 1, positive, "clip"), (loader, 1, negative, "clip"),
        (sampler, 0, decoder, "samples"), (loader, 2, decoder, "vae"), (decoder, 0, saver, "images"),
    }  # fmt: skip
    hands.press("Control+Shift+F")  # tidied: no two nodes lie on each other

    hands.to(loader, widget="ckpt_name", role="combobox")
    hands.press("Enter")
    hands.type("shapes-sd15")
    page.locator(f"[data-option={json.dumps(MODEL)}]").wait_for()
    hands.press("Enter")
    assert editor.value(loader, "ckpt_name") in (MODEL, None)
    editor.until(lambda: MODEL[-20:] in editor.widget(loader, "ckpt_name").inner_text())
    hands.to(positive, widget="text")
    hands.type(PROMPT)
    hands.number(latent, "width", 128)
    hands.number(latent, "height", 128)
    hands.number(sampler, "steps", 12)
    hands.number(sampler, "seed", 7)
    hands.walk("Tab", {"node": sampler, "widget": "seed", "label": "seed before the next run"}, most=3)
    hands.press("Home")
    assert editor.document()["root"]["nodes"][sampler].get("control", {}).get("seed", "fixed") == "fixed"
    assert editor.value(positive, "text") == PROMPT

    first = hands.run()
    live = editor.node(sampler).locator("canvas[data-preview][data-painted]")
    live.wait_for(timeout=60_000)
    ended = editor.wait_done(first)
    assert set(ended["nodes"]) == {loader, positive, negative, latent, sampler, decoder, saver}
    hands.to(saver)
    image = editor.node(saver).locator("[data-results] img").first
    image.wait_for()
    page.wait_for_function("image => image.complete && image.naturalWidth === 128", arg=image.element_handle())

    hands.number(sampler, "seed", 8)
    second = hands.run()
    editor.wait_done(second)
    for node in (loader, positive, negative, latent, sampler, decoder, saver):
        cached = node in (loader, positive, negative, latent)
        hands.to(node)
        editor.until(lambda node=node, state="cached" if cached else "done": editor.run_state(node) == state)
        editor.until(lambda cached=cached: ("cached" in hands.focus()["label"]) == cached)

    hands.press("Control+s")
    page.wait_for_function("() => document.activeElement?.matches('[role=dialog] input, dialog input')")
    hands.type("by keyboard")
    hands.press("Enter")
    page.locator("[data-tab]:not([data-changed])").wait_for()
    status, saved = server.ask("/api/loom/documents/by%20keyboard")
    kept = {str(node["id"]): node for node in saved["document"]["nodes"]}
    assert status == 200 and kept[sampler]["widgets_values_named"]["seed"] == 8

    editor.wait_saved()
    before = editor.document()
    editor.reload()
    assert editor.document() == before
    hands.press("Control+z")
    assert editor.value(sampler, "seed") == 7
    hands.press("Control+y")
    assert editor.document() == before
    for _ in range(100):
        if not editor.nodes():
            break
        hands.press("Control+z")
    assert editor.nodes() == [] and editor.links() == set()
    print(f"{hands.pressed} keys")
