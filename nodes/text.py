"""Prompts to conditioning."""

from __future__ import annotations

from typing import Annotated

from ..engine.models.prompt import resolve_choices
from ..engine.node.declare import node
from ..engine.node.widget import Int, Seed, Text
from ..engine.values import Clip, Conditioning


@node("CLIPTextEncode", title="CLIP Text Encode (Prompt)", category="conditioning", aliases=("prompt", "text"))
def clip_text_encode(*, text: Annotated[str, Text(multiline=True, prompt=True)], clip: Clip) -> Conditioning:
    """Turn a prompt into conditioning that steers a sampler.

    text: plain words; `(word:1.2)` weighs them, `embedding:name` inserts a learned word.
    clip: the text encoder.
    """
    cond, pooled = clip.encode(text)
    return [[cond, {"pooled_output": pooled}]]


@node("CLIPSetLastLayer", title="CLIP Set Last Layer", category="conditioning", aliases=("clip skip",))
def clip_set_last_layer(*, clip: Clip, stop_at_clip_layer: Annotated[int, Int(-24, -1)] = -1) -> Clip:
    """Take the text encoder's states from an earlier layer ("clip skip").

    stop_at_clip_layer: -1 is the last layer, -2 the one before it.
    """
    return clip.with_skip(-stop_at_clip_layer)


@node(
    "LoomDynamicPrompt",
    title="Dynamic Prompt",
    category="conditioning",
    lane="cpu",
    aliases=("wildcard", "random"),
)
def loom_dynamic_prompt(
    *, text: Annotated[str, Text(multiline=True, prompt=True)], seed: Annotated[int, Seed()] = 0
) -> str:
    """Pick one option of every {a|b} in a text. The same text and seed always give the same result.

    text: options may be nested; // and /* */ are comments; a backslash keeps a brace as it is.
    seed: chooses the options.
    """
    return resolve_choices(text, seed)
