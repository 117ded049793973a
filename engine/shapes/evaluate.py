"""Judge many pictures by their captions and report the share that passes, for each kind of caption too.

Knows nothing of where the pictures come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .caption import read
from .judge import Mode, Verdict, judge
from .vocabulary import HELD_OUT, KINDS

__all__ = ["Report", "Share", "evaluate"]


@dataclass(frozen=True, slots=True)
class Share:
    """count: pictures; accuracy: share that passed; score: mean share of facts that held. 0.0 where none."""

    count: int
    accuracy: float
    score: float


@dataclass(frozen=True, slots=True)
class Report:
    """overall, by caption kind (those present), with a held-out pair in the caption; verdicts in order."""

    mode: Mode
    overall: Share
    kinds: Mapping[str, Share]
    held_out: Share
    verdicts: tuple[Verdict, ...]

    @property
    def accuracy(self) -> float:
        """Return the share of all pictures that passed."""
        return self.overall.accuracy

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, without the verdicts, as plain values for JSON."""
        shares = {"overall": self.overall, **self.kinds, "held_out_pairs": self.held_out}
        return {
            "mode": self.mode,
            **{
                name: {"count": s.count, "accuracy": round(s.accuracy, 4), "score": round(s.score, 4)}
                for name, s in shares.items()
            },
        }


def evaluate(
    images: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], captions: Sequence[str], mode: Mode = "soft"
) -> Report:
    """Judge each picture (uint8 [h w 3]) by the caption at the same place.

    Raises: UserError D107 for unequal lengths, D103 for a caption outside the grammar, D105, D106 as `judge`.
    """
    if len(images) != len(captions):
        got = f"{len(images)} pictures and {len(captions)} captions"
        raise UserError("D107", "evaluation", "one caption a picture", got, "Give equally many of both.")
    meanings = [read(caption) for caption in captions]
    verdicts = [judge(image, meaning, mode) for image, meaning in zip(images, meanings, strict=True)]
    judged = list(zip(meanings, verdicts, strict=True))
    groups = {kind: [verdict for meaning, verdict in judged if meaning.kind == kind] for kind in KINDS}
    novel = [verdict for meaning, verdict in judged if meaning.pairs & set(HELD_OUT)]
    kinds = {kind: _share(group) for kind, group in groups.items() if group}
    return Report(mode, _share(verdicts), kinds, _share(novel), tuple(verdicts))


def _share(verdicts: Sequence[Verdict]) -> Share:
    count = len(verdicts)
    if count == 0:
        return Share(0, 0.0, 0.0)
    passed = sum(verdict.passed for verdict in verdicts)
    return Share(count, passed / count, sum(verdict.score for verdict in verdicts) / count)
