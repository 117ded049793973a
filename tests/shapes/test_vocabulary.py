from itertools import combinations

import numpy as np

from latentloom.engine.shapes import vocabulary as v


def apart(first, second):
    return float(np.linalg.norm(np.subtract(first, second)))


def test_colours_stand_apart_from_each_other_and_from_every_background():
    assert len(v.COLOURS) == 7
    assert min(apart(a, b) for a, b in combinations(v.COLOURS.values(), 2)) >= 100
    assert min(apart(a, b) for a in v.COLOURS.values() for b in v.BACKGROUNDS.values()) >= 100
    assert min(apart(a, b) for a, b in combinations(v.BACKGROUNDS.values(), 2)) >= 80


def test_three_of_28_pairs_are_held_out_and_their_words_are_still_trained():
    assert len(v.PAIRS) == 28
    assert len(set(v.HELD_OUT)) == 3
    assert set(v.HELD_OUT) | set(v.TRAINED) == set(v.PAIRS)
    assert not set(v.HELD_OUT) & set(v.TRAINED)
    for colour, shape in v.HELD_OUT:
        assert sum(pair[0] == colour for pair in v.TRAINED) == 3
        assert sum(pair[1] == shape for pair in v.TRAINED) == 6


def test_two_of_the_widest_that_are_called_large_fit_side_by_side():
    widest = max(max(2 * side, up + down) for side, up, down in v.EXTENTS.values())
    assert 2 * widest * v.LARGE[0] + v.GAP + 2 * v.MARGIN <= 1


def test_sizes_keep_clear_of_the_border_between_them():
    assert v.SMALL[0] >= 10 / 64
    assert v.SMALL[1] + 1 / 64 <= v.SIZE_BORDER <= v.LARGE[0] - 1 / 64
