"""Every key of the table of key bindings that users have in their fingers does on a small workflow what they expect.

A new row of the editor's own tables needs a habit in `habits_comfy.py` or `habits_others.py`, or a reason in `WITHOUT`.
"""

import re
from pathlib import Path

import habits_comfy
import habits_others
import pytest
from habits import native

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
