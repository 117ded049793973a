"""Comparing settings: one graph run with several values of an input, the pictures on one labelled sheet."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import torch

from ..engine.errors import UserError, brief
from ..engine.graph.assign import assign, locate
from ..engine.graph.graph import Graph, Link
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.socket import SubGraph
from ..engine.node.widget import Text
from ..engine.pictures.labels import labelled_sheet
from ..engine.values import Image

Values = Annotated[str, Text(multiline=True)]


@node("LoomGrid", title="Grid", category="flow", lane="cpu", aliases=("xy plot", "compare", "sheet", "contact"))
def loom_grid(
    *,
    image: SubGraph,
    x_input: str = "",
    x_values: Values = "",
    y_input: str = "",
    y_values: Values = "",
    context: Context,
) -> Image:
    """Run the graph above `image` for every value of one input, or every pair of two; hand on a labelled sheet.

    image: the end of the graph; it must give a picture. What does not depend on the values runs once.
    x_input: the input that changes from column to column, NODE.INPUT; NODE is an id, or a title or class that is
        found once.
    x_values: one per line, or separated by commas.
    y_input: the input that changes from row to row; empty for a single row.
    y_values: as x_values.
    """
    columns = _axis(image.graph, x_input, x_values)
    rows = _axis(image.graph, y_input, y_values)
    cells: list[list[Any]] = []
    for row in rows:
        cells.append([])
        for column in columns:
            changed = assign(image.graph, {place: value for place, value, _ in (column, row) if place})
            picture = context.evaluate(replace(image, graph=changed), {})
            cells[-1].append(_cell(picture))
            context.progress(sum(len(line) for line in cells), len(rows) * len(columns))
    sheet = labelled_sheet(cells, [label for _, _, label in columns], [label for _, _, label in rows])
    return torch.from_numpy(sheet.copy()).float().div_(255.0)[None]


def _axis(graph: Graph, place: str, text: str) -> list[tuple[str, Any, str]]:
    """Return (input, value, label) for each value of one axis. Raises UserError G026, G027, R021."""
    if not place.strip():
        return [("", None, "")]
    target, name = locate(graph, place.strip())
    old = target.inputs.get(name)
    if old is None or isinstance(old, Link):
        got = "a wire" if old is not None else "no such value"
        raise UserError("R021", f'Grid, input "{place}"', "an input with a written value", got, "Choose another.")
    words = [word.strip() for word in (text.splitlines() if "\n" in text.strip() else text.split(","))]
    words = [word for word in words if word]
    if not words:
        raise UserError("R021", f'Grid, values for "{place}"', "at least one value", "none", "Write some values.")
    return [(f"{target.id}.{name}", _like(old, word, place), f"{name} {word}") for word in words]


def _like(old: Any, word: str, place: str) -> Any:
    """Read `word` as a value of the kind that the input has now."""
    try:
        if isinstance(old, bool):
            return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}[word.lower()]
        return int(word, 0) if isinstance(old, int) else float(word) if isinstance(old, float) else word
    except (ValueError, KeyError):
        kind = "true or false" if isinstance(old, bool) else "a number"
        raise UserError("R021", f'Grid, values for "{place}"', kind, brief(word), "Mend the value.") from None


def _cell(picture: Any) -> Any:
    """Return the pictures of a batch side by side as uint8 [h w 3]."""
    if not isinstance(picture, torch.Tensor) or picture.ndim != 4:
        raise UserError("R021", "Grid", "a picture from the graph", brief(picture), "Connect an IMAGE output.")
    row = torch.cat(list(picture), dim=1)[..., :3]
    if row.shape[-1] == 1:
        row = row.expand(-1, -1, 3)
    return row.clamp(0, 1).mul(255).round().to("cpu", torch.uint8).numpy()
