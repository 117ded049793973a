"""A loss curve as a PNG, drawn with pillow alone.

Knows nothing of training: it is given a list of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from ..durable import replace_file

__all__ = ["draw_curve", "save_curve"]

MARGIN_LEFT, MARGIN_TOP, MARGIN_RIGHT, MARGIN_BOTTOM = 64, 28, 16, 32
PAPER, INK, FAINT, RAW, LINE = (255, 255, 255), (40, 44, 52), (226, 229, 234), (190, 210, 235), (24, 92, 180)


def smooth(values: Sequence[float], window: int) -> list[float]:
    """Return the running mean over the last `window` values, skipping those that are not finite."""
    kept: list[float] = []
    result: list[float] = []
    total = 0.0
    for value in values:
        if math.isfinite(value):
            kept.append(value)
            total += value
            if len(kept) > window:
                total -= kept[-window - 1]
        result.append(total / min(len(kept), window) if kept else math.nan)
    return result


def draw_curve(losses: Sequence[float], title: str = "loss", size: tuple[int, int] = (720, 360)) -> Image.Image:
    """Draw loss over steps, logarithmic when all are positive: each step faint, a running mean strong.

    size: width and height in pixels, at least 160 x 120. An empty list gives empty axes.
    """
    width, height = size
    picture = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(picture)
    pen.text((MARGIN_LEFT, 8), title, fill=INK)
    box = (MARGIN_LEFT, MARGIN_TOP, width - MARGIN_RIGHT, height - MARGIN_BOTTOM)
    finite = sorted(v for v in losses if math.isfinite(v))
    if finite:
        logarithmic = finite[0] > 0
        scale = math.log10 if logarithmic else float
        # The first steps of a run dwarf the rest; the top is cut at the 99.5th percentile.
        low, high = scale(finite[0]), scale(finite[min(len(finite) - 1, int(len(finite) * 0.995))])
        if high - low < 1e-12:
            low, high = low - 0.5, high + 0.5
        across = (box[2] - box[0]) / max(1, len(losses) - 1)

        def at(step: int, value: float) -> tuple[float, float]:
            share = (scale(value) - low) / (high - low)
            return box[0] + step * across, box[3] - min(1.0, max(0.0, share)) * (box[3] - box[1])

        for tick in range(5):
            level = low + (high - low) * tick / 4
            y = box[3] - (box[3] - box[1]) * tick / 4
            pen.line([(box[0], y), (box[2], y)], fill=FAINT)
            pen.text((6, y - 6), f"{10**level if logarithmic else level:.4g}", fill=INK)
        for values, colour, thickness in ((losses, RAW, 1), (smooth(losses, max(1, len(losses) // 50)), LINE, 2)):
            points = [at(step, value) for step, value in enumerate(values) if math.isfinite(value)]
            if len(points) > 1:
                pen.line(points, fill=colour, width=thickness)
    pen.rectangle(box, outline=INK)
    pen.text((box[0], box[3] + 8), "0", fill=INK)
    label = f"{len(losses)} steps"
    pen.text((box[2] - pen.textlength(label), box[3] + 8), label, fill=INK)
    return picture


def save_curve(losses: Sequence[float], path: Path, title: str = "loss") -> None:
    """Write the curve to `path`, whole or not at all."""
    picture = draw_curve(losses, title)
    replace_file(path, lambda partial: picture.save(partial, "PNG"))
