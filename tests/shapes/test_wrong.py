import numpy as np

from latentloom.engine.shapes.caption import read
from latentloom.engine.shapes.scene import sample_scene
from latentloom.engine.shapes.wrong import wrong_meanings


def test_each_wrong_meaning_differs_in_the_named_attribute_alone():
    said = read("a small red circle left of a blue square on a white background")
    wrong = list(wrong_meanings(said))
    names = [attribute for attribute, _ in wrong]
    counts = {name: names.count(name) for name in names}
    assert counts == {
        "colour": 12, "shape": 6, "size": 1, "background": 4, "relation": 3, "order": 1, "binding": 1,
    }  # fmt: skip
    for attribute, meaning in wrong:
        assert meaning != said
        if attribute in ("colour", "shape", "size"):
            differing = [
                word
                for mine, other in zip(said.things, meaning.things, strict=True)
                for word in ("colour", "shape", "size", "position", "count")
                if getattr(mine, word) != getattr(other, word)
            ]
            assert differing == [attribute]
            assert (meaning.relation, meaning.background) == (said.relation, said.background)


def test_numbers_and_positions_are_varied_too():
    counts = [m.things[0].count for name, m in wrong_meanings(read("two red circles")) if name == "count"]
    assert counts == [1, 3]
    positions = [m for name, m in wrong_meanings(read("a red circle at the top")) if name == "position"]
    assert len(positions) == 8


def test_no_wrong_meaning_mentions_one_thing_twice():
    rng = np.random.default_rng(0)
    for _ in range(200):
        said = sample_scene(rng, "test", "two_objects").said
        assert all(len(meaning.pairs) == 2 for _, meaning in wrong_meanings(said))
