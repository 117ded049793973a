import numpy as np
import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.shapes.caption import read, write
from latentloom.engine.shapes.scene import Meaning, Thing, sample_scene
from latentloom.engine.shapes.vocabulary import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_reading_a_written_caption_gives_what_the_scene_said(kind):
    rng = np.random.default_rng(7)
    wordings = set()
    for _ in range(1500):
        scene = sample_scene(rng, "test", kind)
        text = write(scene, rng)
        wordings.add(text)
        assert read(text) == scene.said, text
    assert len(wordings) > 300


def test_wording_varies_and_the_article_fits():
    rng = np.random.default_rng(1)
    scene = next(s for s in iter(lambda: sample_scene(rng, "train", "relation"), None) if s.said.background)
    texts = [write(scene, rng) for _ in range(200)]
    assert len(set(texts)) > 20
    words = " ".join(write(sample_scene(rng), rng) for _ in range(500))
    assert "an orange" in words
    assert "a orange" not in words
    assert "an red" not in words


RED, BLUE = Thing("red", "circle"), Thing("blue", "square")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("red circle", Meaning((RED,))),
        ("A Red circle.", Meaning((RED,))),
        ("there is a red circle on a grey background", Meaning((RED,), None, "gray")),
        ("a red circle in the centre", Meaning((Thing("red", "circle", position="center"),))),
        ("2 red circles", Meaning((Thing("red", "circle", 2),))),
        ("a red circle to the left of a blue square", Meaning((RED, BLUE), "left of")),
        ("a red circle is under a blue square", Meaning((RED, BLUE), "below")),
        ("a blue square, a red circle, navy background", Meaning((BLUE, RED), None, "navy")),
        ("a big red circle on white", Meaning((Thing("red", "circle", size="large"),), None, "white")),
        ("a red circle at the left", Meaning((Thing("red", "circle", position="left"),))),
    ],
)
def test_a_little_more_than_is_written_is_understood(text, meaning):
    assert read(text) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a photo of a cat",
        "a red",
        "a pink circle",
        "a red circle dancing with a blue square",
        "a red circle and a blue square and a green cross",
        "a red circle and a red circle",
        "two red circle",
        "a red circles",
        "a red circle white",
        "four red circles",
        "a red circle left of",
        "a red circle on a striped background",
        "two red circles above a blue square",
    ],
)
def test_a_foreign_sentence_is_refused_with_what_was_understood(text):
    with pytest.raises(UserError) as caught:
        read(text)
    assert caught.value.code == "D103"
    for word in ("red", "circle", "left"):
        if word in text.split():
            assert word in caught.value.got.split("understood: ")[1]


def test_nothing_understood_is_said_so():
    with pytest.raises(UserError, match="understood: nothing"):
        read("a sunny day")
