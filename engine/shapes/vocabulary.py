"""The words of the shape world and what each one means in numbers.

Every length is a share of the picture's side, so one scene draws alike at 64 and at 128 pixels. Data set and
judge both read these tables and agree on no other fact. Knows nothing of arrays, drawing or wording.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = [
    "BACKGROUNDS", "CENTRE_BAND", "COLOURS", "EXTENTS", "GAP", "HELD_OUT", "KINDS", "LARGE", "MARGIN",
    "NUMBERS", "PAIRS", "POSITIONS", "RELATIONS", "RGB", "SHAPES", "SIZES", "SIZE_BORDER", "SMALL", "TRAINED",
    "UNIT",
]  # fmt: skip

RGB = tuple[int, int, int]

# Seven colours at least 100 levels apart in RGB and from every background, backgrounds at least 80 apart: a
# shift of 10 levels per channel (17 in length) never makes one the neighbour of another.
COLOURS: Final[Mapping[str, RGB]] = MappingProxyType(
    {
        "red": (212, 28, 44),
        "orange": (242, 124, 20),
        "yellow": (250, 226, 52),
        "green": (36, 158, 64),
        "cyan": (48, 204, 220),
        "blue": (44, 88, 236),
        "purple": (146, 44, 190),
    }
)
BACKGROUNDS: Final[Mapping[str, RGB]] = MappingProxyType(
    {
        "white": (244, 244, 244),
        "beige": (226, 202, 164),
        "gray": (136, 136, 136),
        "navy": (24, 32, 92),
        "black": (12, 12, 12),
    }
)
# The fourth shape is the cross: blurred by a pixel at radius 10 it overlaps no other by more than 0.69
# (intersection over union), where a ring overlaps the circle by 0.77; a star does as well but loses its tips
# to blur.
SHAPES: Final = ("circle", "square", "triangle", "cross")

# Reach of a shape of radius 1 from its centroid: sideways, up, down. The proportions keep the four areas
# within a factor of 1.7, so that none is a speck beside the others.
EXTENTS: Final[Mapping[str, tuple[float, float, float]]] = MappingProxyType(
    {
        "circle": (1.0, 1.0, 1.0),
        "square": (0.886, 0.886, 0.886),  # sqrt(pi) / 2: as much area as the circle
        "triangle": (1.2 * 3**0.5 / 2, 1.2, 0.6),  # equilateral, circumradius 1.2, tip up
        "cross": (1.05, 1.05, 1.05),
    }
)

UNIT: Final = 1 / 64  # lengths below are written in pixels of a 64 pixel picture
SMALL: Final = (10 * UNIT, 11 * UNIT)
LARGE: Final = (14 * UNIT, 15 * UNIT)
SIZE_BORDER: Final = 12.5 * UNIT  # a judge's border between small and large
SIZES: Final = ("small", "large")
MARGIN: Final = 1 * UNIT  # free space between an object and the picture's edge
GAP: Final = 2 * UNIT  # free space between two objects' boxes

POSITIONS: Final = (
    "top left", "top", "top right", "left", "center", "right", "bottom left", "bottom", "bottom right",
)  # fmt: skip
CENTRE_BAND: Final = (25 * UNIT, 39 * UNIT)  # a centroid before it is left or top, beyond it right or bottom
RELATIONS: Final = ("left of", "right of", "above", "below")
NUMBERS: Final[Mapping[str, int]] = MappingProxyType({"two": 2, "three": 3})
KINDS: Final = ("one_object", "two_objects", "relation", "count")

PAIRS: Final = tuple((colour, shape) for colour in COLOURS for shape in SHAPES)
# A tenth of the pairs is never drawn for training: three shapes, three colours, each of which training does
# see in other company.
HELD_OUT: Final = (("green", "circle"), ("purple", "square"), ("yellow", "triangle"))
TRAINED: Final = tuple(pair for pair in PAIRS if pair not in HELD_OUT)
