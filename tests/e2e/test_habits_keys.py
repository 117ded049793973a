"""Every key of the table of key bindings that users have in their fingers does on a small workflow what they expect.

A new row of the editor's own tables needs a habit in `habits_comfy.py` or `habits_others.py`, or a reason in `WITHOUT`.
"""

import re
from pathlib import Path

import habits_comfy
import habits_others
import pytest
from habits import native
from workbench import layer

SOURCE = Path(__file__).parents[2] / "web" / "src" / "keys.ts"
KEYS = [*habits_comfy.KEYS, *habits_others.KEYS]
# Rows of the table that no habit presses, and why.
WITHOUT = {
    "comfy ContextMenu": "a key of its own that the browser's driver cannot press; Shift+F10 is the same command",
}


def rows(preset):
    """Return the rows of one of the editor's tables as (keys, command)."""
    table = re.search(rf"const {preset}: Row\[\] = \[\n(.*?)\n\];", SOURCE.read_text(encoding="utf-8"), re.S)
    assert table is not None
    return re.findall(r'^  \["(.+?)", "([\w.]+)"', table[1], re.M)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in KEYS])
def test_habit(bench, row):
    bench.set_preset(row.preset)
    row.check(bench, native(row.keys))


def test_every_row_of_the_editors_tables_has_a_habit():
    covered = {f"{row.preset} {row.keys}" for row in KEYS}
    listed = {f"{preset.lower()} {keys}" for preset in ("COMFY", "BLENDER") for keys, _ in rows(preset)}
    assert len(rows("COMFY")) > 50 and len(rows("BLENDER")) > 8
    assert listed - covered == set(WITHOUT)
    by_another_way = {"comfy Space"}  # tapped or held: not a row, but a case of its own
    assert covered - listed == by_another_way


def test_no_keys_mean_two_things():
    for table in (rows("COMFY"), rows("BLENDER")):
        names = [keys for keys, _ in table]
        assert len(names) == len(set(names))


def test_keys_typed_into_a_text_are_text(bench):
    bench.fresh(layer({"1": ("ProbeWrite", (60, 80)), "2": ("ProbeNumber", (440, 80))}, []))
    field = bench.widget("1", "name").locator("input, textarea").first
    field.fill("")
    letters = "qhfrpvwnmai.?QHFRPVWNMAI"
    bench.page.keyboard.type(letters)
    bench.press("Backspace", "Control+a", "Control+c", "ArrowRight", "Control+v")
    bench.until(lambda: field.input_value() == 2 * letters[:-1])
    field.blur()
    assert bench.value("1", "name") == 2 * letters[:-1]
    state = bench.state("ui")
    assert state["panel"] is None and state["search"] is None and state["dialog"] is None and state["mode"] == "select"
    assert bench.nodes() == ["1", "2"] and bench.selected() in ([], ["1"])


def test_chords_reach_the_graph_from_a_number(bench):
    bench.widget("1", "value").locator("[role=spinbutton]").focus()
    bench.press("ArrowUp")
    assert bench.value("1", "value") == 1
    bench.press("Control+z")
    assert not bench.value("1", "value")
    bench.press("Control+a")
    assert set(bench.selected()) == set(bench.nodes())


def test_keys_are_bound_anew_in_the_list(bench):
    bench.press("Shift+Slash")
    row = bench.page.locator('[data-key-row="node.pin"]')
    row.locator(".key-button").click()
    bench.press("u")
    row.get_by_text("U", exact=True).wait_for()
    bench.canvas.focus()
    bench.choose_items(("node", "2"))
    bench.press("p")
    assert not bench.layer()["nodes"]["2"].get("pinned")
    bench.press("u")
    assert bench.layer()["nodes"]["2"]["pinned"] is True
