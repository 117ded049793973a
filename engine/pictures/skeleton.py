"""Skeletons of people drawn from key points, in the colours that pose ControlNets were trained with.

Reads OpenPose's JSON (`people`, `pose_keypoints_2d`, ...) as programs of the field exchange it. Knows nothing of files
or nodes. Source: Cao et al. 2017 (OpenPose); the drawing is that of its COCO model with 18 points.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ..errors import UserError, brief

__all__ = ["draw_poses", "read_poses"]

LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13),
    (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
"""Which of the 18 points are joined: 0 nose, 1 neck, 2 to 4 right arm, 5 to 7 left arm, 8 to 10 right leg, 11 to 13
left leg, 14 and 15 eyes, 16 and 17 ears.
"""
BODY_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""Where the 18 points are among the 25 of the newer model, whose 8 is the middle of the hips."""
FINGERS = tuple((point - 1 if point % 4 != 1 else 0, point) for point in range(1, 21))
"""Which of a hand's 21 points are joined: the wrist 0 to each finger, and along it."""
RAINBOW = tuple(
    tuple(round(255 * part) for part in colour)
    for colour in (
        (1, 0, 0), (1, 1 / 3, 0), (1, 2 / 3, 0), (1, 1, 0), (2 / 3, 1, 0), (1 / 3, 1, 0), (0, 1, 0), (0, 1, 1 / 3),
        (0, 1, 2 / 3), (0, 1, 1), (0, 2 / 3, 1), (0, 1 / 3, 1), (0, 0, 1), (1 / 3, 0, 1), (2 / 3, 0, 1), (1, 0, 1),
        (1, 0, 2 / 3), (1, 0, 1 / 3),
    )
)  # fmt: skip
LIMB_SHADE = 0.6  # limbs are drawn darker than joints
UNIT = 512  # pixels of a side for which widths below are meant
STICK, JOINT, THIN, DOT = 4.0, 4.0, 2.0, 2.0

Point = tuple[float, float]
Points = list[Point | None]


def read_poses(text: str) -> list[dict[str, Any]]:
    """Return the pictures of a pose file, each {"people": [...], "canvas_width": ..., "canvas_height": ...}.

    text: JSON of one picture or of a list of them. Raises: UserError V190 for anything else.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise refused("JSON", brief(text)) from None
    pictures = data if isinstance(data, list) else [data]
    if not pictures:
        raise refused("at least one picture", "an empty list")
    for picture in pictures:
        if not isinstance(picture, Mapping) or not isinstance(picture.get("people"), list):
            raise refused('an object with a list "people"', brief(picture))
    return [dict(picture) for picture in pictures]


def draw_poses(
    picture: Mapping[str, Any], width: int, height: int, *, hands: bool = True, face: bool = True, least: float = 0.05
) -> Tensor:
    """Return the skeletons of a picture's people on black, float32 [height width 3] in 0..1.

    Points are shares of the canvas where all lie within 0 to 1, else its pixels; those below the confidence `least`
    are left out. Raises: UserError V190 for people that are none.
    """
    paper = Image.new("RGB", (width, height))
    canvas = (number(picture.get("canvas_width"), width), number(picture.get("canvas_height"), height))
    thick = max(1.0, math.sqrt(width * height) / UNIT)
    for person in picture["people"]:
        if not isinstance(person, Mapping):
            raise refused("people with lists of points", brief(person))
        body = placed(person.get("pose_keypoints_2d"), canvas, (width, height), least)
        if len(body) == 25:
            body = [body[place] for place in BODY_25]
        draw_body(paper, body, thick)
        for side in ("hand_left_keypoints_2d", "hand_right_keypoints_2d") if hands else ():
            draw_hand(paper, placed(person.get(side), canvas, (width, height), least), thick)
        if face:
            for point in placed(person.get("face_keypoints_2d"), canvas, (width, height), least):
                dot(ImageDraw.Draw(paper), point, DOT * thick, (255, 255, 255))
    return torch.from_numpy(np.array(paper)).float() / 255


def placed(numbers: Any, canvas: Point, size: tuple[int, int], least: float) -> Points:
    """Return points in pixels of the drawing from [x, y, confidence, x, ...]; None for one that was not found."""
    if not numbers:
        return []
    if not isinstance(numbers, Sequence) or len(numbers) % 3 or not all(isinstance(v, (int, float)) for v in numbers):
        raise refused("key points as x, y, confidence in turn", brief(numbers))
    triples = [tuple(float(v) for v in numbers[at : at + 3]) for at in range(0, len(numbers), 3)]
    found = [triple for triple in triples if triple[2] >= least]
    shares = all(abs(x) <= 1 and abs(y) <= 1 for x, y, _ in found)
    across, down = (size[0], size[1]) if shares else (size[0] / canvas[0], size[1] / canvas[1])
    return [(x * across, y * down) if sure >= least and math.isfinite(x + y) else None for x, y, sure in triples]


def draw_body(paper: Image.Image, body: Points, thick: float) -> None:
    """Draw limbs as slim ellipses, then joints over them."""
    draw = ImageDraw.Draw(paper)
    for (start, end), colour in zip(LIMBS, RAINBOW, strict=False):
        a, b = at(body, start), at(body, end)
        if a is not None and b is not None:
            draw.polygon(ellipse(a, b, STICK * thick), fill=tuple(round(part * LIMB_SHADE) for part in colour))
    for point, colour in zip(body, RAINBOW, strict=False):
        dot(draw, point, JOINT * thick, colour)


def draw_hand(paper: Image.Image, hand: Points, thick: float) -> None:
    """Draw fingers in a rainbow of their own, and blue joints."""
    draw = ImageDraw.Draw(paper)
    for index, (start, end) in enumerate(FINGERS):
        a, b = at(hand, start), at(hand, end)
        if a is not None and b is not None:
            draw.line([a, b], fill=RAINBOW[index * len(RAINBOW) // len(FINGERS)], width=max(1, round(THIN * thick)))
    for point in hand:
        dot(draw, point, DOT * thick, (0, 0, 255))


def ellipse(a: Point, b: Point, half: float) -> list[Point]:
    """Return the outline of an ellipse from a to b, `half` wide on each side."""
    middle, axis = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2), ((b[0] - a[0]) / 2, (b[1] - a[1]) / 2)
    length = math.hypot(*axis) or 1.0
    side = (-axis[1] / length * half, axis[0] / length * half)
    turns = [(math.cos(t), math.sin(t)) for t in np.linspace(0, 2 * math.pi, 36, endpoint=False)]
    return [(middle[0] + c * axis[0] + s * side[0], middle[1] + c * axis[1] + s * side[1]) for c, s in turns]


def dot(draw: ImageDraw.ImageDraw, point: Point | None, radius: float, colour: tuple[int, ...]) -> None:
    """Draw a filled circle; nothing for a point that was not found."""
    if point is not None:
        x, y = point
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)


def at(points: Points, place: int) -> Point | None:
    """Return a point, or None where there are not so many."""
    return points[place] if place < len(points) else None


def number(value: Any, usual: int) -> float:
    """Return a side of the canvas, or the drawing's own where none is given."""
    return float(value) if isinstance(value, (int, float)) and value > 0 else float(usual)


def refused(expected: str, got: str) -> UserError:
    """Return the error for JSON that is no pose."""
    return UserError("V190", "pose", expected, got, "Give key points as OpenPose writes them.", input="keypoints")
