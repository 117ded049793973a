"""The judge of pictures of simple shapes, as a node. The work is done by `engine.shapes`."""

from __future__ import annotations

import json
from typing import Annotated, Literal, NamedTuple

from ..engine.errors import UserError
from ..engine.node.declare import node
from ..engine.node.widget import Text
from ..engine.pictures.png import bytes_of
from ..engine.shapes.evaluate import evaluate
from ..engine.values import Image


class Judged(NamedTuple):
    """What the judge found."""

    score: float
    report: str


@node("LoomShapeEval", title="Shape Eval", category="evaluation", aliases=("judge", "score", "metric", "geneval"))
def loom_shape_judge(
    *,
    images: Image,
    captions: Annotated[str, Text(multiline=True)],
    mode: Literal["soft", "strict"] = "soft",
) -> Judged:
    """Judge pictures of simple shapes: find objects, colours, sizes and places, and compare them with the captions.

    captions: one line for each picture, or one line for all.
    mode: "strict" also refuses blurred outlines.
    score: share of the pictures that show everything their caption says.
    report: the figures by kind of caption, and what is wrong with each picture, as JSON.
    """
    lines = [line.strip() for line in captions.splitlines() if line.strip()]
    count = images.shape[0]
    if len(lines) not in (1, count):
        raise UserError(
            "D107",
            where="captions",
            expected=f"one line, or {count}: one for each picture",
            got=f"{len(lines)} lines",
            fix="Write one caption a line.",
            input="captions",
        )
    lines = lines * count if len(lines) == 1 else lines
    result = evaluate(list(bytes_of(images[..., :3]).numpy()), lines, mode)
    pictures = [
        {"caption": caption, "passed": verdict.passed, "score": verdict.score, "reasons": list(verdict.reasons)}
        for caption, verdict in zip(lines, result.verdicts, strict=True)
    ]
    return Judged(result.accuracy, json.dumps({**result.as_dict(), "pictures": pictures}, indent=2))
