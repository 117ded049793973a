import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from latentloom.engine.shapes.draw import render
from latentloom.engine.shapes.scene import Meaning, Object, Scene, Thing
from latentloom.engine.shapes.segment import background_of, components, parts_of
from latentloom.engine.shapes.vocabulary import BACKGROUNDS, COLOURS


def flooded(labels):
    """Number the patches by flooding from each pixel in turn: the plain way to do it."""
    names = np.zeros(labels.shape, int)
    count = 0
    for start in np.ndindex(labels.shape):
        if labels[start] == 0 or names[start]:
            continue
        count += 1
        open_pixels = [start]
        names[start] = count
        while open_pixels:
            y, x = open_pixels.pop()
            for at in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                inside = 0 <= at[0] < labels.shape[0] and 0 <= at[1] < labels.shape[1]
                if inside and not names[at] and labels[at] == labels[start]:
                    names[at] = count
                    open_pixels.append(at)
    return names


@settings(max_examples=150, deadline=None)
@given(arrays(np.int8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2)))
def test_components_are_those_of_a_flood_fill(labels):
    mine, plain = components(labels), flooded(labels)
    assert mine.max() == plain.max()
    assert len({(a, b) for a, b in zip(mine.ravel(), plain.ravel(), strict=True)}) == len(np.unique(plain))


def test_a_spiral_is_one_patch():
    labels = np.zeros((9, 9), np.int8)
    labels[0, :] = labels[:, 8] = labels[8, :] = labels[2:, 0] = labels[2, :7] = labels[2:7, 6] = 1
    assert components(labels).max() == 1


def test_the_background_is_found_round_objects_that_touch_the_frame():
    item = Object("square", "red", 0.1, 0.1, 0.25)
    picture = render(Scene((item,), "beige", Meaning((Thing("red", "square"),)))).astype(np.float32)
    assert tuple(background_of(picture)) == BACKGROUNDS["beige"]


def test_parts_have_their_colour_and_area_on_every_background():
    for background in BACKGROUNDS:
        for colour in COLOURS:
            other = "blue" if colour != "blue" else "red"
            items = (Object("circle", colour, 0.25, 0.5, 14 / 64), Object("square", other, 0.7, 0.5, 10 / 64))
            picture = render(Scene(items, background, Meaning((Thing(colour, "circle"),)))).astype(np.float32)
            parts = parts_of(picture, background_of(picture))
            assert [tuple(map(round, part.rgb)) for part in parts] == [COLOURS[colour], COLOURS[other]]
            assert abs(parts[0].cover.sum() - np.pi * 14**2) < 10
            assert abs(parts[1].cover.sum() - np.pi * 10**2) < 10


def test_specks_and_hairlines_are_no_parts_but_stains_are():
    picture = np.full((64, 64, 3), 244, np.float32)
    picture[10:13, 10:13] = COLOURS["red"]  # 9 pixels
    picture[30, 5:60] = COLOURS["blue"]  # long, without an inside
    assert parts_of(picture, background_of(picture)) == []
    picture[40:52, 40:52] = 180  # a grey ghost, half way to no colour
    assert len(parts_of(picture, background_of(picture))) == 1
