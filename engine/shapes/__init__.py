"""A world of plain shapes: captioned scenes to train on, and ShapeEval, a judge that reads pictures back.

numpy only (pillow in its tests); knows nothing of torch, nodes or graphs.
"""

from __future__ import annotations

from .caption import read, write
from .dataset import ShapeScenes, held_out_captions
from .draw import render
from .evaluate import Report, evaluate
from .judge import Verdict, judge
from .scene import Meaning, Object, Scene, Thing, sample_scene
from .vocabulary import HELD_OUT, KINDS
from .wrong import wrong_meanings

__all__ = [
    "HELD_OUT", "KINDS", "Meaning", "Object", "Report", "Scene", "ShapeScenes", "Thing", "Verdict",
    "evaluate", "held_out_captions", "judge", "read", "render", "sample_scene", "write", "wrong_meanings",
]  # fmt: skip
