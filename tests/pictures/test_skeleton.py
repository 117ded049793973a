"""Skeletons drawn from key points: places, colours, sizes, and what is refused."""

import json

import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.pictures.skeleton import BODY_25, FINGERS, LIMBS, draw_poses, read_poses


def body(**points):
    """18 points as numbers; those not named were not found."""
    numbers = [0.0] * 54
    for place, (x, y) in ((int(name[1:]), at) for name, at in points.items()):
        numbers[3 * place : 3 * place + 3] = [x, y, 1.0]
    return numbers


def person(numbers, **more):
    return {"people": [{"pose_keypoints_2d": numbers, **more}], "canvas_width": 512, "canvas_height": 512}


def test_joints_and_limbs_are_where_the_points_are_in_the_usual_colours():
    picture = draw_poses(person(body(p1=(256, 100), p2=(156, 100))), 512, 512)
    assert picture.shape == (512, 512, 3)
    assert torch.allclose(picture[100, 256], torch.tensor([1.0, 85 / 255, 0.0]))  # neck: the second of the rainbow
    assert torch.allclose(picture[100, 156], torch.tensor([1.0, 170 / 255, 0.0]))  # right shoulder: the third
    assert torch.allclose(picture[100, 206], torch.tensor([0.6, 0.0, 0.0]))  # their limb: the first, darker
    drawn = picture.amax(-1) > 0
    rows, columns = drawn.any(1).nonzero(), drawn.any(0).nonzero()
    assert (int(rows.min()), int(rows.max())) == (96, 104)
    assert (int(columns.min()), int(columns.max())) == (152, 260)


def test_points_of_the_canvas_scale_and_shares_of_it_do_too():
    pixels = draw_poses(person(body(p1=(256, 128), p8=(256, 384))), 256, 256)
    shares = draw_poses(person(body(p1=(0.5, 0.25), p8=(0.5, 0.75))), 256, 256)
    assert torch.equal(pixels, shares)
    assert float(pixels[64, 128].max()) == 1.0


def test_a_point_that_was_not_found_has_no_joint_and_no_limb():
    numbers = body(p1=(256, 100), p2=(156, 100))
    numbers[3 * 2 + 2] = 0.01
    picture = draw_poses(person(numbers), 512, 512)
    assert float(picture[100, 156].max()) == float(picture[100, 206].max()) == 0


def test_the_newer_models_25_points_draw_the_same():
    old = body(p0=(256, 60), p1=(256, 100), p8=(230, 250), p11=(280, 250), p14=(250, 50), p17=(270, 55))
    new = [0.0] * 75
    for place, there in enumerate(BODY_25):
        new[3 * there : 3 * there + 3] = old[3 * place : 3 * place + 3]
    assert torch.equal(draw_poses(person(new), 512, 512), draw_poses(person(old), 512, 512))


def test_every_point_of_body_and_hand_is_reached():
    assert {point for limb in LIMBS for point in limb} == set(range(18))
    assert FINGERS[:5] == ((0, 1), (1, 2), (2, 3), (3, 4), (0, 5))
    assert {point for bone in FINGERS for point in bone} == set(range(21))


def test_hands_and_faces_are_drawn_where_asked():
    hand = [value for point in range(21) for value in (100 + 5 * point, 300, 1.0)]
    face = [400, 400, 1.0]
    whole = person(body(p1=(256, 100)), hand_left_keypoints_2d=hand, face_keypoints_2d=face)
    picture = draw_poses(whole, 512, 512)
    assert torch.equal(picture[400, 400], torch.ones(3))
    assert torch.equal(picture[300, 100], torch.tensor([0.0, 0.0, 1.0]))
    bare = draw_poses(whole, 512, 512, hands=False, face=False)
    assert torch.equal(bare, draw_poses(person(body(p1=(256, 100))), 512, 512))


@pytest.mark.parametrize(
    "text", ["", "{", "3", "[]", '{"people": 3}', '{"persons": []}', "[" * 10**5], ids=lambda text: text[:12] or "empty"
)
def test_what_is_no_pose_file_is_refused(text):
    with pytest.raises(UserError) as caught:
        read_poses(text)
    assert caught.value.code == "V190"


@pytest.mark.parametrize("numbers", [[1, 2], ["a", "b", "c"], "abc", 7], ids=str)
def test_what_are_no_points_is_refused(numbers):
    with pytest.raises(UserError) as caught:
        draw_poses(person(numbers), 64, 64)
    assert caught.value.code == "V190"


def test_several_pictures_and_empty_ones():
    pictures = read_poses(json.dumps([person(body(p1=(1, 1))), {"people": []}]))
    assert len(pictures) == 2
    assert float(draw_poses(pictures[1], 32, 16).max()) == 0
    assert draw_poses(pictures[1], 32, 16).shape == (16, 32, 3)
