"""Widgets and pictures in the browser: upload, choice, mask, prompt weights, seeds, notes, gallery, comparing, curves."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "workflows" / "input" / "shapes.png"


def image_node(editor: Any, server: Any, name: str) -> str:
    """Add a node that reads a picture of that name from the input folder, and choose it."""
    (server.data / "input").mkdir(parents=True, exist_ok=True)
    shutil.copy(PICTURE, server.data / "input" / name)
    editor.open()
    node = editor.add_node("LoadImage", at=(500, 200))
    editor.set_value(node, "image", name)
    return node


def until_value(editor: Any, node: str, name: str, check: str) -> Any:
    """Wait until a widget's value fulfils a check in JavaScript; return the value."""
    editor.page.wait_for_function(
        "([node, name]) => { const { byId, active } = window.__latentloom.docs.getState();"
        f" const value = byId[active].doc.root.nodes[node].values[name]; return {check}; }}",
        arg=[node, name],
    )
    return editor.value(node, name)


def input_file(server: Any, value: str) -> Image.Image:
    """Return the picture that a value of a file widget names."""
    place, _, kind = value.partition(" [")
    return Image.open(server.data / (kind.rstrip("]") or "input") / place)


def test_a_picture_is_uploaded_by_button_by_paste_and_by_drop_on_the_row_or_the_node(editor, server, tmp_path):
    node = editor.add_node("LoadImage", at=(500, 200))
    row = editor.widget(node, "image")
    ours = tmp_path / "from a disk.png"
    shutil.copy(PICTURE, ours)
    with editor.page.expect_file_chooser() as asked:
        row.locator("[data-upload]").click()
    asked.value.set_files(ours)
    value = until_value(editor, node, "image", "value === 'from a disk.png'")
    assert np.array_equal(np.asarray(input_file(server, value)), np.asarray(Image.open(PICTURE)))
    for name, event, on in (
        ("by paste", "paste", "[data-widget=image] .w-file"),
        ("by drop", "drop", "[data-widget=image] .w-file"),
        ("by drop on the node", "drop", ""),
    ):
        editor.page.locator(f'[data-node="{node}"] .w-file[aria-busy=false]').wait_for()
        editor.page.evaluate(
            """([target, event, name, bytes]) => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(bytes)], `${name}.png`, { type: "image/png" }));
              const [kind, held] = event === "paste" ? [ClipboardEvent, "clipboardData"] : [DragEvent, "dataTransfer"];
              const happened = new kind(event, { [held]: data, bubbles: true, cancelable: true });
              document.querySelector(target).dispatchEvent(happened);
            }""",
            [f'[data-node="{node}"] {on}'.strip(), event, name, list(PICTURE.read_bytes())],
        )
        until_value(editor, node, "image", f"value === '{name}.png'")
        assert (server.data / "input" / f"{name}.png").is_file()
    assert len(editor.state("docs")["order"]) == 1, "nothing was opened as a workflow"


def test_a_file_is_found_by_letters_and_told_by_its_picture(editor, server):
    for number in range(12):
        image_copy = server.data / "input" / f"a {number} of twelve.png"
        image_copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PICTURE, image_copy)
    node = image_node(editor, server, "shapes.png")
    editor.widget(node, "image").locator("[role=combobox]").first.click()
    page = editor.page
    page.locator(".w-search input").fill("7 twelve")
    options = page.locator("[data-option]")
    page.wait_for_function("() => document.querySelectorAll('[data-option]').length === 1")
    assert options.first.get_attribute("data-option") == "a 7 of twelve.png"
    page.wait_for_function("() => document.querySelector('[data-option] img')?.naturalWidth > 0")
    editor.press("Enter")
    until_value(editor, node, "image", "value === 'a 7 of twelve.png'")


def test_a_mask_is_painted_erased_undone_and_saved_with_the_picture(editor, server):
    node = image_node(editor, server, "masked.png")
    page = editor.page
    editor.widget(node, "image").locator("[data-edit-mask]").click()
    status = page.locator("[data-dialog=mask] [role=status]")
    status.filter(has_text="%").wait_for()

    def covered() -> float:
        return float("".join(letter for letter in status.inner_text() if letter in "0123456789."))

    def until(check: str) -> float:
        page.wait_for_function(
            "() => { const said = document.querySelector('[data-dialog=mask] [role=status]').textContent;"
            f" const covered = Number.parseFloat(said.replace(/[^0-9.]/g, '')); return {check}; }}"
        )
        return covered()

    assert covered() == 0
    stage = page.locator("[data-dialog=mask] canvas").first
    x, y = editor.center(stage)
    page.mouse.move(x - 60, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=8)
    page.mouse.up()
    painted = until("covered > 0")
    page.locator("[data-mask-tool=erase]").click()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=8)
    page.mouse.up()
    erased = until(f"covered > 0 && covered < {painted}")
    editor.press("Control+z")
    until(f"covered === {painted}")
    editor.press("Control+z")
    until("covered === 0")
    editor.press("Control+Shift+z", "Control+y")
    until(f"covered === {erased}")
    page.locator("[data-save-mask]").click()
    page.locator("[data-dialog=mask]").wait_for(state="detached")
    value = until_value(editor, node, "image", "value !== 'masked.png'")
    saved, original = input_file(server, value), Image.open(PICTURE).convert("RGB")
    assert saved.mode == "RGBA"
    share = float((np.asarray(saved)[..., 3] < 128).mean()) * 100
    assert share == pytest.approx(erased, abs=2), "the picture's own mask is what was painted"
    opaque = np.asarray(saved)[..., 3] == 255
    assert np.array_equal(np.asarray(saved)[opaque][:, :3], np.asarray(original)[opaque]), "colours stay"


def test_prompt_weights_change_by_keys(editor):
    node = editor.add_node("CLIPTextEncode", at=(500, 200))
    field = editor.widget(node, "text").locator("textarea")
    field.fill("a red circle")
    field.evaluate("field => field.setSelectionRange(3, 3)")
    field.press("Control+ArrowUp")
    assert field.input_value() == "a (red:1.05) circle"
    field.press("Control+ArrowUp")
    field.press("Control+ArrowDown")
    assert field.input_value() == "a (red:1.05) circle"
    field.press("Control+ArrowDown")
    assert field.input_value() == "a red circle"


@pytest.mark.parametrize("control", ["fixed", "increment", "randomize"])
def test_a_seed_is_drawn_before_the_run_and_shown(editor, server, control):
    noise = editor.add_node("RandomNoise", at=(500, 150))
    show = editor.add_node("PreviewAny", at=(820, 150))
    editor.connect(noise, 0, show, "source")
    editor.set_value(noise, "noise_seed", 41)
    modes = editor.widget(noise, "noise_seed").locator("[data-seed-mode]")
    modes.select_option(control)
    assert modes.get_attribute("data-seed-mode") == control
    seeds = [41]
    for _ in range(2):
        editor.canvas.focus()
        editor.wait_done(editor.run())
        seeds.append(editor.value(noise, "noise_seed"))
        shown = editor.widget(noise, "noise_seed").inner_text()
        assert str(seeds[-1]) in shown.replace(",", "").replace("\u202f", "")
    if control == "fixed":
        assert seeds == [41, 41, 41]
    elif control == "increment":
        assert seeds in ([41, 41, 42], [41, 42, 43])
    else:
        assert len(set(seeds)) == 3


def test_a_picture_of_the_gallery_brings_its_workflow_back_and_two_are_compared(editor, server):
    node = image_node(editor, server, "gallery.png")
    save = editor.add_node("SaveImage", at=(820, 200))
    editor.connect(node, 0, save, "images")
    for name in ("first", "second"):
        editor.set_value(save, "filename_prefix", name)
        editor.canvas.focus()
        editor.wait_done(editor.run())
    panel = editor.panel("gallery")
    tile = panel.locator('[data-picture^="first"]')
    tile.wait_for()
    for name in ("first", "second"):
        panel.locator(f'[data-picture^="{name}"] .tile-mark').check()
    panel.locator("[data-action=compare]").click()
    page = editor.page
    page.locator("[data-compare]").wait_for()
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-compare] img')].every(one => one.naturalWidth > 0)"
    )
    page.locator("table.diff td.now", has_text="second").or_(
        page.locator("table.diff td.was", has_text="second")
    ).first.wait_for()
    line = page.locator("[data-compare] input[type=range]")
    line.focus()
    before = page.locator("[data-compare]").evaluate("figure => figure.style.getPropertyValue('--at')")
    editor.press("ArrowLeft")
    page.wait_for_function(
        "before => document.querySelector('[data-compare]').style.getPropertyValue('--at') !== before", arg=before
    )
    editor.press("Escape")
    page.locator("[data-compare]").wait_for(state="detached")
    tabs = len(editor.state("docs")["order"])
    tile.locator(".tile-open").click()
    page.locator(".picture-about", has_text="first").wait_for()
    page.locator("[data-action=restore]").click()
    page.wait_for_function("count => window.__latentloom.docs.getState().order.length === count", arg=tabs + 1)
    editor.canvas.wait_for()
    (again,) = editor.nodes("SaveImage")
    assert editor.value(again, "filename_prefix") == "first"


def test_notes_are_markdown_and_run_nothing(editor, server):
    note = editor.add_node("note", at=(500, 200))
    assert editor.nodes("MarkdownNote") == [note]
    text = "# A title\n\nsome **bold** text, <img src=x onerror='document.title=1'> and [a link](javascript:alert(1))"
    found = editor.node(note)
    found.locator(".note-edit").click()
    field = found.locator("textarea")
    field.fill(text)
    field.blur()
    found.locator(".markdown h1", has_text="A title").wait_for()
    assert found.locator(".markdown strong").inner_text() == "bold"
    assert found.locator(".markdown img").count() == 0
    assert found.locator('.markdown a[href^="javascript"]').count() == 0
    assert editor.page.title() != "1"


def test_curves_of_a_training_are_drawn_and_told(editor, server):
    number = editor.add_node("ProbeNumber", at=(380, 200))
    curve = editor.add_node("ProbeCurve", at=(660, 200))
    editor.connect(number, 0, curve, "value")
    editor.set_value(curve, "count", 40)
    job = editor.run()
    editor.wait_done(job)
    panel = editor.panel("training")
    panel.locator("select").select_option(job)
    canvas = panel.locator("canvas").first
    canvas.wait_for()
    editor.page.wait_for_function(
        """() => {
          const canvas = document.querySelector('[data-panel="training"] canvas');
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          const colours = new Set();
          for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 0) colours.add(data.slice(at, at + 3).join());
          return colours.size > 3;
        }"""
    )
    picture = Image.open(io.BytesIO(canvas.screenshot()))
    assert len(set(picture.convert("RGB").getdata())) > 8


def test_the_page_speaks_chinese_when_told_to_and_keeps_it(editor):
    panel = editor.panel("settings")
    panel.locator("[data-setting=language] select").select_option("zh-CN")
    editor.page.wait_for_function("() => document.documentElement.lang.startsWith('zh')")
    said = editor.page.locator(".topbar").inner_text()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said), said
    editor.reload()
    editor.page.wait_for_function("() => document.documentElement.lang.startsWith('zh')")
    assert json.dumps(editor.state("settings")).find("zh") >= 0
