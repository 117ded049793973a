import numpy as np
import pytest

from latentloom.engine.shapes.draw import coverage
from latentloom.engine.shapes.match import match
from latentloom.engine.shapes.vocabulary import SHAPES


def drawn(shape, radius, side, x, y):
    rows = np.arange(side, dtype=np.float32)[:, None] + np.float32(0.5 - y)
    columns = np.arange(side, dtype=np.float32)[None, :] + np.float32(0.5 - x)
    return coverage(shape, columns, rows, radius)


@pytest.mark.parametrize("mode", ["soft", "strict"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1, 2])
def test_shape_radius_and_place_are_recovered(shape, mode, scale):
    for radius in (10.0, 12.3, 15.0):
        side = 64 * scale
        fit = match(drawn(shape, radius * scale, side, 30.3 * scale, 33.8 * scale), side, mode)
        assert fit.shape == shape
        assert fit.radius / scale == pytest.approx(radius, abs=0.5)
        assert (fit.x / scale, fit.y / scale) == pytest.approx((30.3, 33.8), abs=0.4)


@pytest.mark.parametrize("mode", ["soft", "strict"])
def test_what_is_no_shape_of_ours_gets_no_name(mode):
    y, x = np.mgrid[0:64, 0:64].astype(np.float32) - 31.5
    ring = np.clip(0.5 - (np.abs(np.hypot(x, y) - 9) - 3), 0, 1)
    bar = np.clip(0.5 - (np.maximum(np.abs(x) / 1.8, np.abs(y)) - 8), 0, 1)
    diamond = np.clip(0.5 - (np.abs(x) + np.abs(y) - 14) / 1.414, 0, 1)
    upside_down = drawn("triangle", 12, 64, 32, 32)[::-1]
    for cover in (ring, bar, diamond, upside_down):
        assert match(cover.astype(np.float32), 64, mode).shape is None
