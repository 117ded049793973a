import math

import numpy as np
import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.shapes.draw import coverage, render
from latentloom.engine.shapes.scene import Meaning, Object, Scene, Thing, sample_scene
from latentloom.engine.shapes.vocabulary import BACKGROUNDS, COLOURS, EXTENTS, SHAPES

AREAS = {"circle": math.pi, "square": 4 * 0.886**2, "triangle": 0.75 * math.sqrt(3) * 1.44, "cross": 2.5056}


def one(shape, x=0.47, y=0.53, radius=12 / 64):
    return Scene((Object(shape, "red", x, y, radius),), "black", Meaning((Thing("red", shape),)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [64, 128])
def test_area_centroid_and_reach_are_those_of_the_shape(shape, size):
    picture = render(one(shape), size).astype(float)
    background = np.array(BACKGROUNDS["black"])
    line = np.array(COLOURS["red"]) - background
    cover = (picture - background) @ line / (line @ line)
    centres = np.arange(size) + 0.5
    area = cover.sum()
    radius = 12 / 64 * size
    assert area == pytest.approx(AREAS[shape] * radius**2, rel=0.02)
    assert (cover.sum(0) @ centres) / area == pytest.approx(0.47 * size, abs=0.15)
    assert (cover.sum(1) @ centres) / area == pytest.approx(0.53 * size, abs=0.15)
    rows, columns = np.flatnonzero((cover > 0.5).any(1)), np.flatnonzero((cover > 0.5).any(0))
    side, up, down = EXTENTS[shape]
    assert np.ptp(columns) + 1 == pytest.approx(2 * side * radius, abs=1.5)
    assert np.ptp(rows) + 1 == pytest.approx((up + down) * radius, abs=2.5)  # a tip thins out over two pixels


def test_edges_are_smooth_and_insides_are_pure():
    picture = render(one("circle"), 64)
    levels = np.unique(picture[..., 0])
    assert len(levels) > 20
    assert tuple(picture[34, 30]) == COLOURS["red"]
    assert tuple(picture[0, 0]) == BACKGROUNDS["black"]


def test_a_scene_drawn_twice_as_large_is_the_same_picture():
    rng = np.random.default_rng(4)
    for _ in range(20):
        scene = sample_scene(rng)
        large = render(scene, 128).astype(float).reshape(64, 2, 64, 2, 3).mean((1, 3))
        assert np.abs(large - render(scene, 64)).mean() < 1.0


def test_coverage_of_a_pixel_on_a_straight_edge_is_its_share():
    x = np.array([[9.25]], np.float32)
    cover = coverage("square", x, np.zeros_like(x), 9.5 / 0.886)
    assert cover[0, 0] == pytest.approx(0.75, abs=1e-3)


def test_a_tiny_picture_is_refused():
    with pytest.raises(UserError, match="D102"):
        render(one("circle"), 8)
