"""The judge as a node: true captions pass, a wrong one does not."""

import json

import numpy as np
import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.shapes.dataset import ShapeScenes
from latentloom.nodes.shape_judge import loom_shape_judge


@pytest.fixture(scope="module")
def scenes():
    pictures, captions = ShapeScenes(size=64, seed=3, split="train").batch(0, 6)
    return torch.from_numpy(np.asarray(pictures, dtype=np.float32) / 255), list(captions)


def test_true_captions_pass(scenes):
    images, captions = scenes
    out = loom_shape_judge(images=images, captions="\n".join(captions))
    report = json.loads(out.report)
    assert out.score == report["overall"]["accuracy"] == 1.0
    assert [entry["caption"] for entry in report["pictures"]] == captions


def test_captions_of_others_fail_and_say_why(scenes):
    images, captions = scenes
    out = loom_shape_judge(images=images, captions="\n".join(captions[1:] + captions[:1]), mode="strict")
    assert out.score < 0.5
    failed = [entry for entry in json.loads(out.report)["pictures"] if not entry["passed"]]
    assert failed and all(entry["reasons"] for entry in failed)


def test_one_caption_serves_all(scenes):
    images, captions = scenes
    out = loom_shape_judge(images=images[:1].expand(3, -1, -1, -1), captions=captions[0] + "\n\n")
    assert out.score == 1.0


def test_another_number_of_captions_is_refused(scenes):
    with pytest.raises(UserError) as caught:
        loom_shape_judge(images=scenes[0], captions="a red circle\na blue square")
    assert (caught.value.code, caught.value.input) == ("D107", "captions")
