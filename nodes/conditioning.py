"""Combine, restrict and change conditioning. Entries are copied before they are changed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..engine.node.declare import node
from ..engine.node.widget import Float, Int
from ..engine.values import Conditioning, Mask

Strength = Annotated[float, Float(0.0, 10.0, step=0.01)]
Percent = Annotated[float, Float(0.0, 1.0, step=0.001)]
Part = Annotated[float, Float(0, 1.0, step=0.01)]
Size = Annotated[int, Int(64, 16384, step=8)]
Place = Annotated[int, Int(0, 16384, step=8)]

CELL_PX = 8  # an area counts in latent cells of the classic 8x autoencoder, whatever the model


@node("ConditioningCombine", title="Conditioning (Combine)", category="conditioning")
def conditioning_combine(*, conditioning_1: Conditioning, conditioning_2: Conditioning) -> Conditioning:
    """Let both prompts act: predictions are averaged at every step, weighed by strength, area and mask."""
    return [*conditioning_1, *conditioning_2]


@node("ConditioningAverage", title="Conditioning (Average)", category="conditioning")
def conditioning_average(
    *,
    conditioning_to: Conditioning,
    conditioning_from: Conditioning,
    conditioning_to_strength: Annotated[float, Float(0.0, 1.0, step=0.01)] = 1.0,
) -> Conditioning:
    """Blend two prompts into one, token by token.

    conditioning_from: its first entry is used.
    conditioning_to_strength: 1 keeps conditioning_to, 0 gives conditioning_from.
    """
    if not conditioning_from:
        return conditioning_to
    other, facts = conditioning_from[0]
    other_pooled = facts.get("pooled_output")
    out = []
    for cond, own in conditioning_to:
        changed = dict(own)
        fitted = _fit(other, cond.shape[1]).to(cond)
        pooled = own.get("pooled_output", other_pooled)
        if pooled is not None and other_pooled is not None:
            pooled = torch.lerp(other_pooled.to(pooled), pooled, conditioning_to_strength)
        if pooled is not None:
            changed["pooled_output"] = pooled
        out.append([torch.lerp(fitted.expand_as(cond), cond, conditioning_to_strength), changed])
    return out


def _fit(cond: Tensor, length: int) -> Tensor:
    """Cut the tokens to `length`, or fill up with zeros."""
    cut = cond[:, :length]
    return F.pad(cut, (0, 0, 0, length - cut.shape[1]))


@node("ConditioningConcat", title="Conditioning (Concat)", category="conditioning")
def conditioning_concat(*, conditioning_to: Conditioning, conditioning_from: Conditioning) -> Conditioning:
    """Append the tokens of one prompt to another, so that the model reads both at once.

    conditioning_from: its first entry is used.
    """
    if not conditioning_from:
        return conditioning_to
    tail = conditioning_from[0][0]
    return [
        [torch.cat([cond, tail.to(cond).expand(cond.shape[0], -1, -1)], dim=1), dict(facts)]
        for cond, facts in conditioning_to
    ]


@node("ConditioningSetArea", title="Conditioning (Set Area)", category="conditioning")
def conditioning_set_area(
    *,
    conditioning: Conditioning,
    width: Size = 64,
    height: Size = 64,
    x: Place = 0,
    y: Place = 0,
    strength: Strength = 1.0,
) -> Conditioning:
    """Let a prompt act only inside a rectangle, given in pixels.

    strength: its weight against other prompts that act on the same place.
    """
    area = (height // CELL_PX, width // CELL_PX, y // CELL_PX, x // CELL_PX)
    return _with(conditioning, area=area, strength=strength, set_area_to_bounds=False)


@node("ConditioningSetAreaPercentage", title="Conditioning (Set Area with Percentage)", category="conditioning")
def conditioning_set_area_percentage(
    *,
    conditioning: Conditioning,
    width: Part = 1.0,
    height: Part = 1.0,
    x: Part = 0.0,
    y: Part = 0.0,
    strength: Strength = 1.0,
) -> Conditioning:
    """Let a prompt act only inside a rectangle, given in parts of the picture.

    strength: its weight against other prompts that act on the same place.
    """
    area = ("percentage", height, width, y, x)
    return _with(conditioning, area=area, strength=strength, set_area_to_bounds=False)


@node("ConditioningSetAreaStrength", title="Conditioning (Set Area Strength)", category="conditioning")
def conditioning_set_area_strength(*, conditioning: Conditioning, strength: Strength = 1.0) -> Conditioning:
    """Set a prompt's weight against other prompts that act on the same place."""
    return _with(conditioning, strength=strength)


@node("ConditioningSetMask", title="Conditioning (Set Mask)", category="conditioning")
def conditioning_set_mask(
    *,
    conditioning: Conditioning,
    mask: Mask,
    strength: Strength = 1.0,
    set_cond_area: Literal["default", "mask bounds"] = "default",
) -> Conditioning:
    """Let a prompt act only where a mask is white.

    set_cond_area: "mask bounds" shows the model only the rectangle around the mask.
    """
    return _with(
        conditioning,
        mask=mask if mask.ndim > 2 else mask[None],
        set_area_to_bounds=set_cond_area != "default",
        mask_strength=strength,
    )


@node("ConditioningZeroOut", title="Conditioning (Zero Out)", category="advanced/conditioning")
def conditioning_zero_out(*, conditioning: Conditioning) -> Conditioning:
    """Set a prompt's numbers to zero: a negative that says nothing at all, not even "empty text"."""
    out = []
    for cond, facts in conditioning:
        changed = dict(facts)
        if facts.get("pooled_output") is not None:
            changed["pooled_output"] = torch.zeros_like(facts["pooled_output"])
        out.append([torch.zeros_like(cond), changed])
    return out


@node(
    "ConditioningSetTimestepRange",
    title="Conditioning (Set Timestep Range)",
    category="advanced/conditioning",
)
def conditioning_set_timestep_range(
    *, conditioning: Conditioning, start: Percent = 0.0, end: Percent = 1.0
) -> Conditioning:
    """Let a prompt act only during a part of the sampling.

    start: 0 is the first, noisiest step.
    end: 1 is the last step.
    """
    return _with(conditioning, start_percent=start, end_percent=end)


def _with(conditioning: Conditioning, **facts: Any) -> Conditioning:
    return [[cond, {**own, **facts}] for cond, own in conditioning]
