"""Prompts to conditioning for families with several text encoders, with what else those models are told."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from ..engine.errors import UserError
from ..engine.models.text_stack import Rule, TextStack
from ..engine.node.declare import node
from ..engine.node.widget import Float, Int, Text
from ..engine.values import Clip, Conditioning

Prompt = Annotated[str, Text(multiline=True, prompt=True)]
Size = Annotated[int, Int(0, 16384)]
Guidance = Annotated[float, Float(0.0, 100.0, step=0.1)]


@node("CLIPTextEncodeSDXL", title="CLIPTextEncodeSDXL", category="advanced/conditioning")
def clip_text_encode_sdxl(
    *,
    clip: Clip,
    width: Size = 1024,
    height: Size = 1024,
    crop_w: Size = 0,
    crop_h: Size = 0,
    target_width: Size = 1024,
    target_height: Size = 1024,
    text_g: Prompt,
    text_l: Prompt,
) -> Conditioning:
    """Turn prompts into conditioning for SDXL, and tell it of what size and crop the picture should look.

    width: of the picture it seems cut from, in pixels; small ones look blurred.
    height: of the picture it seems cut from, in pixels.
    crop_w: pixels that seem cut off on the left; 0 centres the subject.
    crop_h: pixels that seem cut off above.
    target_width: of the picture to make, in pixels.
    target_height: of the picture to make, in pixels.
    text_g: for the larger text encoder, OpenCLIP bigG.
    text_l: for the smaller one, CLIP-L.
    """
    states, pooled = _stack(clip, "sdxl").encode({"l": text_l, "g": text_g})
    sizes = {
        "width": width, "height": height, "crop_w": crop_w, "crop_h": crop_h,
        "target_width": target_width, "target_height": target_height,
    }  # fmt: skip
    return [[states, {"pooled_output": pooled, **sizes}]]


@node("CLIPTextEncodeSDXLRefiner", title="CLIPTextEncodeSDXLRefiner", category="advanced/conditioning")
def clip_text_encode_sdxl_refiner(
    *,
    ascore: Annotated[float, Float(0.0, 1000.0, step=0.01)] = 6.0,
    width: Size = 1024,
    height: Size = 1024,
    text: Prompt,
    clip: Clip,
) -> Conditioning:
    """Turn a prompt into conditioning for SDXL's refiner, and tell it of what beauty and size the picture should look.

    ascore: beauty; 6 is usual for what the picture should be, 2.5 for what it should not.
    width: of the picture it seems made from, in pixels.
    height: of the picture it seems made from, in pixels.
    """
    states, pooled = clip.encode(text)
    return [[states, {"pooled_output": pooled, "aesthetic_score": ascore, "width": width, "height": height}]]


@node("CLIPTextEncodeSD3", title="CLIPTextEncodeSD3", category="advanced/conditioning")
def clip_text_encode_sd3(
    *,
    clip: Clip,
    clip_l: Prompt,
    clip_g: Prompt,
    t5xxl: Prompt,
    empty_padding: Literal["none", "empty_prompt"] = "none",
) -> Conditioning:
    """Turn prompts into conditioning for SD3, one for each text encoder.

    empty_padding: "none" leaves an encoder without a prompt out; "empty_prompt" lets it read the empty one.
    """
    texts = {"l": clip_l, "g": clip_g, "t5": t5xxl}
    said = {name: text for name, text in texts.items() if text or empty_padding != "none"}
    states, pooled = _stack(clip, "sd3").encode(said)
    return [[states, {"pooled_output": pooled}]]


@node("CLIPTextEncodeFlux", title="CLIPTextEncodeFlux", category="advanced/conditioning/flux")
def clip_text_encode_flux(*, clip: Clip, clip_l: Prompt, t5xxl: Prompt, guidance: Guidance = 3.5) -> Conditioning:
    """Turn prompts into conditioning for Flux.

    clip_l: a short prompt, for the whole of the picture.
    t5xxl: a prompt as long as you like, for what is in it.
    guidance: how strictly it follows them.
    """
    states, pooled = _stack(clip, "flux").encode({"l": clip_l, "t5": t5xxl})
    return [[states, {"pooled_output": pooled, "guidance": guidance}]]


@node("FluxGuidance", title="FluxGuidance", category="advanced/conditioning/flux")
def flux_guidance(*, conditioning: Conditioning, guidance: Guidance = 3.5) -> Conditioning:
    """Set how strictly Flux follows a prompt.

    guidance: 3.5 is usual; less is freer.
    """
    return [[cond, {**facts, "guidance": guidance}] for cond, facts in conditioning]


def _stack(clip: Any, rule: Rule) -> TextStack:
    """Return the text encoders of a family. Raises: UserError V135 for those of another."""
    if isinstance(clip, TextStack) and clip.rule == rule:
        return clip
    name = {"sdxl": "SDXL", "sd3": "SD3", "flux": "Flux"}
    got = f"those of {name[clip.rule]}" if isinstance(clip, TextStack) else "a single one"
    fix = f"Use CLIP Text Encode (Prompt), or connect {name[rule]}'s text encoders."
    raise UserError("V135", 'input "clip"', f"the text encoders of {name[rule]}", got, fix, input="clip")
