"""Every preprocessor gives a picture of the size it got (or was asked for), in 0..1, on a drawn scene."""

import json

import pytest
import torch

from latentloom.engine.pictures.edges import canny_edges
from latentloom.engine.shapes.dataset import ShapeScenes
from latentloom.nodes import preprocess

SCENES = torch.from_numpy(ShapeScenes(64, 1, "test").batch(0, 3)[0]).float() / 255
NODES = [
    preprocess.canny, preprocess.soft_edge, preprocess.line_art, preprocess.rough_scribble, preprocess.depth,
    preprocess.normal, preprocess.tile_blur, preprocess.colour_blocks,
]  # fmt: skip


@pytest.mark.parametrize("function", NODES, ids=lambda function: function.__name__)
@pytest.mark.parametrize("height", [64, 50])
def test_sizes_ranges_and_inputs(function, height, unchanged):
    image = SCENES[:, :height]
    with unchanged(image):
        out = function(image=image)
    assert out.shape == (3, height, 64, 3)
    assert out.dtype == torch.float32
    assert float(out.min()) >= 0
    assert float(out.max()) <= 1
    assert float(out.std()) > 0.01
    one = function(image=image[1:2])
    assert torch.allclose(one, out[1:2], atol=2e-3), "pictures of a batch depend on each other"


def test_canny_is_the_engines_with_thresholds_in_either_order():
    out = preprocess.canny(image=SCENES, low_threshold=0.2, high_threshold=0.1)
    assert torch.equal(out[..., 0], canny_edges(SCENES, 0.1, 0.2))
    assert torch.equal(out[..., 0], out[..., 2])


def test_colour_blocks_are_the_mean_of_their_cells():
    out = preprocess.colour_blocks(image=SCENES, cells=16)
    assert torch.allclose(out[:, 0, 0], SCENES[:, :16, :16].mean((1, 2)), atol=1e-5)
    assert torch.equal(out[:, :16, :16], out[:, :1, :1].expand(-1, 16, 16, -1))


def test_tile_blur_lowers_detail_and_0_does_nothing():
    assert preprocess.tile_blur(image=SCENES, radius=0.0) is SCENES
    soft = preprocess.tile_blur(image=SCENES, radius=2.0)
    assert float(soft.diff(dim=1).square().mean()) < 0.5 * float(SCENES.diff(dim=1).square().mean())
    assert torch.allclose(soft.mean((1, 2)), SCENES.mean((1, 2)), atol=0.02)


def test_poses_of_several_pictures_make_a_batch():
    one = {"people": [{"pose_keypoints_2d": [0.5, 0.5, 1.0] + [0.0] * 51}]}
    out = preprocess.draw_pose(keypoints=json.dumps([one, {"people": []}]), width=64, height=32)
    assert out.shape == (2, 32, 64, 3)
    assert float(out[0].max()) == 1
    assert float(out[1].max()) == 0
