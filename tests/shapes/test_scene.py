from collections import Counter

import numpy as np
import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.shapes.scene import sample_scene
from latentloom.engine.shapes.vocabulary import GAP, HELD_OUT, KINDS, LARGE, MARGIN, SMALL

TINY = 1e-9


def scenes(count, seed=0, **options):
    rng = np.random.default_rng(seed)
    return [sample_scene(rng, **options) for _ in range(count)]


def gap(first, second):
    """Return the free space between two boxes along the axis where they are farther apart."""
    (l1, t1, r1, b1), (l2, t2, r2, b2) = first.box, second.box
    return max(l1 - r2, l2 - r1, t1 - b2, t2 - b1)


def test_objects_are_inside_large_enough_and_apart():
    for scene in scenes(3000, split="test"):
        for place, item in enumerate(scene.objects):
            left, top, right, bottom = item.box
            assert min(left, top) >= MARGIN - TINY
            assert max(right, bottom) <= 1 - MARGIN + TINY
            assert item.radius >= 10 / 64
            assert all(gap(item, other) >= GAP - TINY for other in scene.objects[:place])


def test_what_is_said_is_true():
    seen = Counter()
    for scene in scenes(3000, split="test"):
        said, objects = scene.said, scene.objects
        assert said.background in (None, scene.background)
        wanted = [thing for thing in said.things for _ in range(thing.count)]
        assert len(wanted) == len(objects)
        for thing, item in zip(wanted, objects, strict=True):
            assert (thing.colour, thing.shape) == (item.colour, item.shape)
            if thing.size is not None:
                low, high = SMALL if thing.size == "small" else LARGE
                assert low <= item.radius <= high
                seen[thing.size] += 1
            if thing.position is not None:
                across = "left" if item.x < 0.36 else "right" if item.x > 0.64 else ""
                along = "top" if item.y < 0.36 else "bottom" if item.y > 0.64 else ""
                assert thing.position == (f"{along} {across}".strip() or "center")
                seen[thing.position] += 1
        if said.relation is not None:
            first, second = objects
            x, y = second.x - first.x, second.y - first.y
            ahead, aside = {"left of": (x, y), "right of": (-x, y), "above": (y, x), "below": (-y, x)}[said.relation]
            assert ahead > 0.25
            assert abs(aside) <= ahead / 1.5 + TINY
            seen[said.relation] += 1
        if len(said.things) == 2:
            assert len(said.pairs) == 2
    assert len(seen) == 2 + 9 + 4
    assert min(seen.values()) > 20


def test_the_mix_is_two_objects_most_of_the_time():
    kinds = Counter(scene.said.kind for scene in scenes(4000))
    shares = {kind: kinds[kind] / 4000 for kind in KINDS}
    assert abs(shares["one_object"] - 0.25) < 0.03
    assert abs(shares["two_objects"] - 0.325) < 0.03
    assert abs(shares["relation"] - 0.325) < 0.03
    assert abs(shares["count"] - 0.10) < 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_can_be_asked_for(kind):
    assert {scene.said.kind for scene in scenes(100, kind=kind)} == {kind}


def test_held_out_pairs_are_never_trained_and_come_when_asked_for():
    held = set(HELD_OUT)
    assert not any(scene.said.pairs & held for scene in scenes(3000, split="train"))
    assert any(scene.said.pairs & held for scene in scenes(100, split="test"))
    assert all(scene.said.pairs & held for scene in scenes(300, split="test", held_out=True))
    assert not any(scene.said.pairs & held for scene in scenes(300, split="test", held_out=False))
    either = {scene.said.things[0].colour for scene in scenes(300, split="test", kind="relation", held_out=True)}
    assert len(either) == 7  # the held-out pair may be mentioned first or second


def test_unfit_wishes_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(UserError, match="D101"):
        sample_scene(rng, kind="landscape")
    with pytest.raises(UserError, match="D101"):
        sample_scene(rng, split="train", held_out=True)
