"""What ControlNets read, made of pictures: edges, lines, depth, normals, blur, colours, skeletons.

The work is done by `engine.pictures`.
"""

from __future__ import annotations

from typing import Annotated

import torch

from ..engine.node.declare import node
from ..engine.node.widget import Float, Int, Slider, Text
from ..engine.pictures.edges import canny_edges, line_drawing, scribble, smoothed, soft_edges
from ..engine.pictures.relief import depth_from_light, normals_from_light
from ..engine.pictures.resize import resize
from ..engine.pictures.skeleton import draw_poses, read_poses
from ..engine.values import Image

Threshold = Annotated[float, Float(0.01, 0.99, step=0.01)]
Radius = Annotated[float, Float(0.1, 100.0, step=0.1)]


@node("Canny", title="Canny", category="image/preprocessors", lane="cpu", aliases=("edges", "outline"))
def canny(*, image: Image, low_threshold: Threshold = 0.4, high_threshold: Threshold = 0.8) -> Image:
    """Find edges: thin white lines on black.

    low_threshold: edges above it count where they touch stronger ones.
    high_threshold: edges above it always count.
    """
    low, high = sorted((low_threshold, high_threshold))
    return grey(canny_edges(image, low, high))


@node("LoomSoftEdge", title="Soft Edges", category="image/preprocessors", lane="cpu", aliases=("hed", "pidinet"))
def soft_edge(*, image: Image, radius: Radius = 1.0) -> Image:
    """Find edges as soft lines, the stronger the whiter.

    radius: of the smoothing before, in pixels; larger leaves fine detail out.
    """
    return grey(soft_edges(image, radius))


@node("LoomLineArt", title="Line Art", category="image/preprocessors", lane="cpu", aliases=("drawing", "sketch"))
def line_art(
    *, image: Image, radius: Radius = 1.0, threshold: Annotated[float, Slider(0.01, 0.5, step=0.01)] = 0.05
) -> Image:
    """Draw a picture's dark strokes and outlines as white lines on black.

    radius: width of a line in pixels.
    threshold: how much darker than its surroundings a line must be.
    """
    return grey(line_drawing(image, radius, threshold))


@node("LoomScribble", title="Scribble", category="image/preprocessors", lane="cpu")
def rough_scribble(
    *,
    image: Image,
    width: Annotated[int, Int(1, 64)] = 5,
    detail: Annotated[float, Slider(0.05, 1.0, step=0.05)] = 0.3,
) -> Image:
    """Turn a picture into broad strokes, as if drawn by hand.

    width: of the strokes in pixels.
    detail: how strong an edge must be; lower draws weaker ones too.
    """
    return grey(scribble(image, width, detail))


@node("LoomDepthFromLight", title="Depth from Light", category="image/preprocessors", lane="cpu", aliases=("depth",))
def depth(*, image: Image, radius: Annotated[float, Float(0.0, 100.0, step=0.1)] = 4.0, invert: bool = False) -> Image:
    """Guess depth from brightness: bright is near. A network that knows scenes does it better; this one needs none.

    radius: of the smoothing, in pixels.
    invert: dark is near instead.
    """
    return grey(depth_from_light(image, radius, invert))


@node("LoomNormalFromLight", title="Normals from Light", category="image/preprocessors", lane="cpu", aliases=("bump",))
def normal(
    *,
    image: Image,
    strength: Annotated[float, Float(0.0, 100.0, step=0.1)] = 4.0,
    radius: Annotated[float, Float(0.0, 100.0, step=0.1)] = 1.0,
) -> Image:
    """Guess a surface's normals from brightness, bright being high: red points right, green up, blue to the viewer.

    strength: how steep it is.
    radius: of the smoothing before, in pixels.
    """
    return normals_from_light(image, strength, radius)


@node("LoomTilePreprocessor", title="Tile (Blur)", category="image/preprocessors", lane="cpu", aliases=("upscale",))
def tile_blur(*, image: Image, radius: Annotated[float, Float(0.0, 100.0, step=0.1)] = 2.0) -> Image:
    """Take fine detail out of a picture, for a "tile" ControlNet to draw it anew.

    radius: standard deviation of the blur, in pixels; 0 leaves the picture as it is.
    """
    if radius == 0:
        return image
    return torch.stack([smoothed(plane, radius) for plane in image.unbind(-1)], dim=-1)


@node("LoomColourPalette", title="Colour Blocks", category="image/preprocessors", lane="cpu", aliases=("color", "t2i"))
def colour_blocks(*, image: Image, cells: Annotated[int, Int(1, 4096)] = 64) -> Image:
    """Reduce a picture to blocks of its mean colours.

    cells: side of a block in pixels.
    """
    planes = image.movedim(-1, 1)
    height, width = planes.shape[-2:]
    small = resize(planes, max(1, width // cells), max(1, height // cells), "area")
    return resize(small, width, height, "nearest-exact").movedim(1, -1).contiguous()


@node("LoomDrawPose", title="Draw Pose", category="image/preprocessors", lane="cpu", aliases=("openpose", "skeleton"))
def draw_pose(
    *,
    keypoints: Annotated[str, Text(multiline=True)] = "",
    width: Annotated[int, Int(16, 16384, step=8)] = 512,
    height: Annotated[int, Int(16, 16384, step=8)] = 512,
    hands: bool = True,
    face: bool = True,
) -> Image:
    """Draw skeletons of people from key points, as pose ControlNets read them.

    keypoints: OpenPose's JSON, one picture or a list of them: "people" with "pose_keypoints_2d", 18 or 25 points as
        x, y, confidence; in pixels of "canvas_width" by "canvas_height", or as shares of the picture.
    hands: also draw "hand_left_keypoints_2d" and "hand_right_keypoints_2d".
    face: also draw "face_keypoints_2d".
    """
    return torch.stack([draw_poses(each, width, height, hands=hands, face=face) for each in read_poses(keypoints)])


def grey(lines: torch.Tensor) -> torch.Tensor:
    """Return [b h w] as a picture [b h w 3]."""
    return lines[..., None].expand(-1, -1, -1, 3).contiguous()
