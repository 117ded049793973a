"""Sheets of pictures with a word at each column and row. Pillow and numpy; knows no node."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["labelled_sheet"]

_INK = (20, 20, 20)
_PAPER = (255, 255, 255)


def labelled_sheet(
    cells: Sequence[Sequence[NDArray[np.uint8]]], columns: Sequence[str], rows: Sequence[str], gap: int = 4
) -> NDArray[np.uint8]:
    """Return one picture [h w 3] of `cells` (rows of pictures uint8 [h w 3]) under their labels.

    Cells may differ in size; each is centred in its column and row. columns, rows: one label each, "" for none.
    """
    heights = [max(cell.shape[0] for cell in row) for row in cells]
    widths = [max(row[number].shape[1] for row in cells) for number in range(len(columns))]
    size = max(10, min(24, min(widths) // 8))
    font = ImageFont.load_default(size)
    top = round(size * 1.5) if any(columns) else 0
    left = max((round(font.getlength(label)) for label in rows), default=0) + gap if any(rows) else 0
    width = left + sum(widths) + gap * (len(widths) + 1)
    height = top + sum(heights) + gap * (len(heights) + 1)
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    x = left + gap
    for label, cell_width in zip(columns, widths, strict=True):
        pen.text((x + cell_width // 2, top // 2), _cut(label, cell_width, font), _INK, font, anchor="mm")
        x += cell_width + gap
    y = top + gap
    for row, label, cell_height in zip(cells, rows, heights, strict=True):
        pen.text((gap, y + cell_height // 2), label, _INK, font, anchor="lm")
        x = left + gap
        for cell, cell_width in zip(row, widths, strict=True):
            picture = Image.fromarray(np.ascontiguousarray(cell[..., :3]))
            place = (x + (cell_width - picture.width) // 2, y + (cell_height - picture.height) // 2)
            sheet.paste(picture, place)
            x += cell_width + gap
        y += cell_height + gap
    return np.asarray(sheet)


def _cut(label: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Shorten a label until it fits its column."""
    while label and font.getlength(label) > width:
        label = label[:-2] + "…" if len(label) > 2 else ""
    return label
