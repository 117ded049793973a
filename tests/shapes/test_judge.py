import numpy as np
import pytest
from PIL import Image, ImageFilter

from latentloom.engine.errors import UserError
from latentloom.engine.shapes import ShapeScenes, read, wrong_meanings
from latentloom.engine.shapes.draw import coverage, render
from latentloom.engine.shapes.judge import find, judge
from latentloom.engine.shapes.scene import Meaning, Object, Scene, Thing

COUNT = 400  # the full figures come from tests/bench/bench_shapes.py


@pytest.fixture(scope="module")
def drawn():
    data = ShapeScenes(64, 0, "test")
    return data.batch(0, COUNT)[0], data.described(0, COUNT)[0]


def blurred(picture, sigma):
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))


def shaken(picture, rng):
    """Return the picture blurred, shifted in colour and noisy, as a decoder leaves it."""
    moved = blurred(picture, 0.8) + rng.choice([-10.0, 10.0], 3) + rng.normal(0, 4, picture.shape)
    return np.clip(moved, 0, 255).astype(np.uint8)


def test_scenes_pass_with_their_own_meaning(drawn):
    passed = [judge(picture, scene.said).passed for picture, scene in zip(*drawn, strict=True)]
    assert np.mean(passed) >= 0.99
    strict = [judge(picture, scene.said, "strict").passed for picture, scene in zip(*drawn, strict=True)]
    assert np.mean(strict) >= 0.98


def test_larger_pictures_are_judged_alike():
    data = ShapeScenes(128, 1, "test")
    scenes, _ = data.described(0, 60)
    assert all(judge(render(scene, 128), scene.said).passed for scene in scenes)


def test_scenes_pass_after_blur_shift_and_noise(drawn):
    rng = np.random.default_rng(0)
    passed = [judge(shaken(picture, rng), scene.said).passed for picture, scene in zip(*drawn, strict=True)]
    assert np.mean(passed) >= 0.99


def test_the_strict_way_gives_up_on_blur_first(drawn):
    pairs = list(zip(*drawn, strict=True))[:150]
    soft, strict = (
        np.mean([judge(blurred(picture, 1.5), scene.said, mode).passed for picture, scene in pairs])
        for mode in ("soft", "strict")
    )
    assert soft > 0.95
    assert strict < soft - 0.1


def test_one_wrong_attribute_is_refused(drawn):
    rng = np.random.default_rng(1)
    passed = {}
    for picture, scene in zip(*drawn, strict=True):
        wrong = list(wrong_meanings(scene.said))
        for attribute, meaning in [wrong[i] for i in rng.choice(len(wrong), 5, replace=False)]:
            passed.setdefault(attribute, []).append(judge(picture, meaning).passed)
    assert set(passed) == {
        "colour", "shape", "size", "position", "count", "background", "relation", "order", "binding",
    }  # fmt: skip
    assert {attribute: np.mean(verdicts) for attribute, verdicts in passed.items() if np.mean(verdicts) > 0.02} == {}


def test_the_score_is_the_share_of_facts_and_one_exactly_when_passed(drawn):
    rng = np.random.default_rng(2)
    for picture, scene in list(zip(*drawn, strict=True))[:100]:
        wrong = list(wrong_meanings(scene.said))
        for meaning in (scene.said, wrong[rng.integers(len(wrong))][1]):
            verdict = judge(picture, meaning)
            assert 0.0 <= verdict.score <= 1.0
            assert (verdict.score == 1.0) == verdict.passed == (not verdict.reasons)


def scene_of(*objects, background="white"):
    return Scene(objects, background, Meaning(tuple(Thing(item.colour, item.shape) for item in objects)))


RED = Object("circle", "red", 0.28, 0.3, 11 / 64)
BLUE = Object("square", "blue", 0.72, 0.7, 11 / 64)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("a red circle and a blue square", 1.0),
        ("a blue circle and a red square", 3 / 5),  # the number and one word of each
        ("a red circle and a green square", 4 / 5),
        ("a red circle", 2 / 3),  # an object too many
        ("two red circles", 3 / 5),
        ("three red circles", 2 / 7),
        ("a red circle and a blue square on a black background", 5 / 6),
        ("a small red circle and a large blue square", 6 / 7),
        ("a red circle left of a blue square", 1.0),  # they stand askew: both relations hold
        ("a red circle above a blue square", 1.0),
        ("a red circle right of a blue square", 5 / 6),
        ("a blue square below a red circle", 1.0),
    ],
)
def test_facts_are_counted_one_by_one(text, score):
    verdict = judge(render(scene_of(RED, BLUE)), read(text))
    assert verdict.score == pytest.approx(score)


def test_findings_name_what_is_there():
    found, background = find(render(scene_of(RED, BLUE, background="beige")))
    assert background == "beige"
    assert {str(item) for item in found} == {
        "small red circle at top left",
        "small blue square at bottom right",
    }
    assert {round(item.radius * 64) for item in found} == {11}


@pytest.mark.parametrize("strength", [0.3, 0.6, 1.0])
def test_an_extra_object_fails_a_caption_even_as_a_ghost(strength):
    picture = render(scene_of(RED)).astype(np.float32)
    y, x = np.mgrid[0:64, 0:64].astype(np.float32) + np.float32(0.5)
    cover = strength * coverage("square", x - 46, y - 46, 10.0)
    picture += cover[..., None] * (np.array([36, 158, 64], np.float32) - picture)
    verdict = judge(picture.astype(np.uint8), read("a red circle"))
    assert not verdict.passed
    assert verdict.reasons == ("1 wanted, 2 found",)


def test_a_colour_outside_the_vocabulary_has_no_name():
    picture = render(scene_of(RED))
    picture[(picture == (212, 28, 44)).all(-1)] = (255, 105, 180)
    verdict = judge(picture, read("a red circle"))
    assert verdict.found[0].colour is None
    assert "colour red wanted" in verdict.reasons[0]


def test_pictures_of_nothing_fail_without_a_crash():
    rng = np.random.default_rng(0)
    flat = np.full((64, 64, 3), 200, np.uint8)
    noise = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    stripes = np.tile(np.array([[[0], [255]]], np.uint8), (64, 32, 3))
    patches = np.kron(rng.integers(0, 256, (8, 8, 3)), np.ones((8, 8, 1), int)).astype(np.uint8)
    for picture in (flat, noise, stripes, patches):
        for text in ("a red circle", "three blue crosses", "a red circle above a blue square"):
            verdict = judge(picture, read(text))
            assert not verdict.passed
            assert verdict.score < 0.6
    assert judge(flat, read("a red circle")).score == 0.0


def test_unfit_pictures_and_modes_are_refused():
    meaning = read("a red circle")
    for picture in (
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((8, 8, 3), np.uint8),
    ):
        with pytest.raises(UserError, match="D105"):
            judge(picture, meaning)
    with pytest.raises(UserError, match="D106"):
        judge(np.zeros((64, 64, 3), np.uint8), meaning, "fuzzy")
