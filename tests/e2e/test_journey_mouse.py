"""From an empty page by mouse: txt2img is built, run, watched, changed, run again, saved, loaded again and undone.

Letters are typed only where text is asked for: a search, a prompt, a number, a file's name. Everything else is pressed
and dragged, the final picture included.
"""

import pytest

MODEL = "loom-shapes-sd15.safetensors"
PROMPT = "a red circle left of a blue square"
# Places of the nodes on the canvas, from its top left corner; a joined node lands where its link was dropped.
LOADER, POSITIVE, NEGATIVE, LATENT = (40, 90), (370, 70), (370, 300), (370, 530)
SAMPLER, DECODER, SAVER = (840, 100), (1180, 90), (1180, 240)
# Whether the canvas of a live preview has more than one color: something was painted.
PAINTED = """canvas => {
  if (!canvas.dataset.painted) return false;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 4; i < data.length; i += 4) if (data[i] !== data[0] || data[i + 1] !== data[1]) return true;
  return false;
}"""


@pytest.fixture
def context_options(context_options):
    """A window that the whole graph fits into at zoom 1."""
    return {**context_options, "viewport": {"width": 1680, "height": 980}}


def menu(editor, *commands):
    """Go through the page's menu with the mouse."""
    editor.page.locator('[data-command="menu.main"]').click()
    for command in commands:
        editor.page.locator(f'[data-menu] [data-command="{command}"]').click()


def place(editor, at):
    box = editor.canvas.bounding_box()
    return box["x"] + at[0], box["y"] + at[1]


def add(editor, text, at):
    """Double-click on empty ground, type a name, click on the node type found."""
    before = set(editor.nodes())
    editor.page.mouse.dblclick(*place(editor, at))
    editor.page.locator("[data-search] input").fill(text)
    editor.page.locator(f'[data-search] [data-type="{text}"]').click()
    (added,) = set(editor.nodes()) - before
    editor.node(added).wait_for()
    return added


def add_on_link(editor, node, socket, text, at):
    """Drag a link to empty ground and choose what it should lead to; the two are joined then."""
    before = set(editor.nodes())
    editor.drag(editor.center(editor.socket(node, socket)), place(editor, at))
    editor.page.locator("[data-search] input").fill(text)
    editor.page.locator(f'[data-search] [data-type="{text}"]').click()
    (added,) = set(editor.nodes()) - before
    editor.node(added).wait_for()
    return added


def run(editor):
    """Press the button; return the job's id."""
    document = editor.document()["id"]
    before = editor.state("runs")["shown"].get(document)
    editor.command("run.queue")
    editor.page.wait_for_function(
        "([id, old]) => { const now = window.__latentloom.runs.getState().shown[id]; return now && now !== old; }",
        arg=[document, before],
    )
    return editor.state("runs")["shown"][document]


def seen_picture(editor, node):
    """Wait for the node's result to be shown, and return (its address, width, height)."""
    image = editor.node(node).locator("[data-results] img").first
    image.wait_for()
    handle = image.element_handle()
    editor.page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=handle)
    return tuple(handle.evaluate("image => [image.src, image.naturalWidth, image.naturalHeight]"))


def test_txt2img_by_mouse(page, server):
    from editor_page import Editor

    editor = Editor(page, server)
    editor.open(empty=False)
    page.locator("[data-first-run] [data-command='file.new']").click()
    editor.canvas.wait_for()
    page.wait_for_function("() => window.__latentloom.ui.getState().canvas !== null")

    # Build it: some nodes found by name, others at the ends of links.
    sampler = add(editor, "KSampler", SAMPLER)
    loader = add_on_link(editor, sampler, "in:model", "CheckpointLoaderSimple", LOADER)
    positive = add_on_link(editor, sampler, "in:positive", "CLIPTextEncode", POSITIVE)
    negative = add(editor, "CLIPTextEncode", NEGATIVE)
    latent = add(editor, "EmptyLatentImage", LATENT)
    decoder = add_on_link(editor, sampler, "out:0", "VAEDecode", DECODER)
    saver = add_on_link(editor, decoder, "out:0", "SaveImage", SAVER)
    editor.connect(loader, 1, positive, "clip")
    editor.connect(loader, 1, negative, "clip")
    editor.connect(negative, 0, sampler, "negative")
    editor.connect(latent, 0, sampler, "latent_image")
    editor.connect(loader, 2, decoder, "vae")
    assert editor.links() == {
        (loader, 0, sampler, "model"), (positive, 0, sampler, "positive"), (negative, 0, sampler, "negative"),
        (latent, 0, sampler, "latent_image"), (loader, 1, positive, "clip"), (loader, 1, negative, "clip"),
        (sampler, 0, decoder, "samples"), (loader, 2, decoder, "vae"), (decoder, 0, saver, "images"),
    }  # fmt: skip

    editor.set_value(loader, "ckpt_name", MODEL)
    editor.set_value(positive, "text", PROMPT)
    editor.set_value(latent, "width", 128)
    editor.set_value(latent, "height", 128)
    editor.set_value(sampler, "steps", 12)
    editor.set_value(sampler, "seed", 7)
    editor.widget(sampler, "seed").locator("[data-seed-mode]").select_option("fixed")

    # Run it: live previews on the sampler, then the picture on the node that saves it.
    first = run(editor)
    live = editor.node(sampler).locator("canvas[data-preview]")
    live.wait_for(timeout=60_000)
    page.wait_for_function(PAINTED, arg=live.element_handle())
    ended = editor.wait_done(first)
    assert set(ended["nodes"]) == {loader, positive, negative, latent, sampler, decoder, saver}
    address, width, height = seen_picture(editor, saver)
    assert (width, height) == (128, 128)
    live.wait_for(state="detached")

    # Another seed: only what hangs on it is made anew, and the rest says so.
    editor.set_value(sampler, "seed", 8)
    second = run(editor)
    editor.wait_done(second)
    for node in (loader, positive, negative, latent):
        editor.until(lambda node=node: editor.run_state(node) == "cached")
        editor.node(node).locator(".node-time.cached").wait_for()
    for node in (sampler, decoder, saver):
        editor.until(lambda node=node: editor.run_state(node) == "done")
    page.wait_for_function(
        "([node, old]) => document.querySelector(`[data-node='${node}'] [data-results] img`)?.src !== old",
        arg=[saver, address],
    )
    seen_picture(editor, saver)

    # Save, load the page again, and go back over what was done before that.
    page.locator("[data-tab][data-changed]").wait_for()
    menu(editor, "file.save")
    page.get_by_role("dialog").get_by_role("textbox").fill("by mouse")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.locator("[data-tab]:not([data-changed])").wait_for()
    status, saved = server.ask("/api/loom/documents/by%20mouse")
    kept = {str(node["id"]): node for node in saved["document"]["nodes"]}
    assert status == 200 and kept[sampler]["widgets_values_named"]["seed"] == 8

    editor.wait_saved()
    before = editor.document()
    editor.reload()
    assert editor.document() == before
    assert editor.opened()["file"]["name"] == "by mouse"
    page.locator("[data-tab]:not([data-changed])").wait_for()
    assert seen_picture(editor, saver)[1:] == (128, 128)
    editor.command("edit.undo")
    assert editor.value(sampler, "seed") == 7
    page.locator("[data-tab][data-changed]").wait_for()
    for _ in range(100):
        if not editor.nodes():
            break
        editor.command("edit.undo")
    assert editor.nodes() == [] and editor.links() == set()
