"""The loss curve's picture."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentloom.engine.learn.curve import LINE, draw_curve, save_curve, smooth


def strong(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the strong line's pixels."""
    rows, columns = np.nonzero((np.asarray(picture) == LINE).all(-1))
    return rows, columns


def test_smooth_is_the_running_mean_and_skips_what_is_not_finite() -> None:
    assert smooth([1.0, 3.0, math.nan, 5.0], 2) == [1.0, 2.0, 2.0, 4.0]


def test_a_falling_loss_falls_in_the_picture() -> None:
    rows, columns = strong(draw_curve([1 / (1 + step) for step in range(300)]))
    left, right = rows[columns < columns.min() + 20].mean(), rows[columns > columns.max() - 20].mean()
    assert right > left + 100  # rows grow downwards


def test_a_rising_loss_rises() -> None:
    rows, columns = strong(draw_curve([1.0 + step for step in range(300)]))
    assert rows[columns < columns.min() + 20].mean() > rows[columns > columns.max() - 20].mean() + 100


@pytest.mark.parametrize("losses", [[], [0.5], [1.0, 1.0], [math.nan, math.inf], [-1.0, 0.0, 2.0]])
def test_odd_lists_draw(losses: list[float]) -> None:
    assert draw_curve(losses, size=(200, 120)).size == (200, 120)


def test_saved_file_is_a_png_and_nothing_else_is_left(tmp_path: Path) -> None:
    save_curve([3.0, 2.0, 1.0], tmp_path / "curve.png")
    assert Image.open(tmp_path / "curve.png").format == "PNG"
    assert [path.name for path in tmp_path.iterdir()] == ["curve.png"]
