"""Mix the weights of models and of text encoders. What is given stays as it is; the work is `engine.models.merge`.

ComfyUI's nodes with one share a block differ in the names of those alone: the starts of weights' names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from ..engine.models.denoiser import DiffusionModel
from ..engine.models.merge import merged, merged_clip
from ..engine.node.declare import node
from ..engine.node.spec import InputSpec
from ..engine.node.widget import Float
from ..engine.values import Clip, Model

UNIT = Float(0.0, 1.0, step=0.01)
Unit = Annotated[float, UNIT]
Multiplier = Annotated[float, Float(-10.0, 10.0, step=0.01)]
Blocks = Callable[..., Any]

FLUX_EMBEDDERS = ("img_in.", "time_in.", "guidance_in", "vector_in.", "txt_in.")
EMBEDDERS = ("pos_embed.", "x_embedder.", "context_embedder.", "y_embedder.", "t_embedder.")


@node("ModelMergeSimple", title="ModelMergeSimple", category="advanced/model_merging")
def model_merge_simple(*, model1: Model, model2: Model, ratio: Unit = 1.0) -> Model:
    """Mix the weights of two models of one architecture.

    ratio: share of model1; 1 is model1 alone.
    """
    return merged(model1, model2, lambda _: (ratio, 1 - ratio))


@node("ModelMergeBlocks", title="ModelMergeBlocks", category="advanced/model_merging")
def model_merge_blocks(
    *, model1: Model, model2: Model, input: Unit = 1.0, middle: Unit = 1.0, out: Unit = 1.0
) -> Model:
    """Mix the weights of two models of one architecture, with a share for each third of a UNet.

    input: share of model1 on the way down, and in whatever belongs to no third.
    middle: share of model1 in the middle.
    out: share of model1 on the way up.
    """
    return by_start(model1, model2, {"input": input, "middle": middle, "out": out})


@node("ModelMergeSubtract", title="ModelMergeSubtract", category="advanced/model_merging")
def model_merge_subtract(*, model1: Model, model2: Model, multiplier: Multiplier = 1.0) -> Model:
    """What sets one model apart from another, to be added to a third.

    multiplier: of the difference model1 - model2.
    """
    return merged(model1, model2, lambda _: (multiplier, -multiplier))


@node("ModelMergeAdd", title="ModelMergeAdd", category="advanced/model_merging")
def model_merge_add(*, model1: Model, model2: Model) -> Model:
    """The sum of two models' weights; one of them is usually a difference."""
    return merged(model1, model2, lambda _: (1.0, 1.0))


@node("CLIPMergeSimple", title="CLIPMergeSimple", category="advanced/model_merging")
def clip_merge_simple(*, clip1: Clip, clip2: Clip, ratio: Unit = 1.0) -> Clip:
    """Mix the weights of two text encoders of one architecture.

    ratio: share of clip1; 1 is clip1 alone.
    """
    return merged_clip(clip1, clip2, lambda _: (ratio, 1 - ratio))


@node("CLIPMergeSubtract", title="CLIPMergeSubtract", category="advanced/model_merging")
def clip_merge_subtract(*, clip1: Clip, clip2: Clip, multiplier: Multiplier = 1.0) -> Clip:
    """What sets one text encoder apart from another, to be added to a third.

    multiplier: of the difference clip1 - clip2.
    """
    return merged_clip(clip1, clip2, lambda _: (multiplier, -multiplier))


@node("CLIPMergeAdd", title="CLIPMergeAdd", category="advanced/model_merging")
def clip_merge_add(*, clip1: Clip, clip2: Clip) -> Clip:
    """The sum of two text encoders' weights; one of them is usually a difference."""
    return merged_clip(clip1, clip2, lambda _: (1.0, 1.0))


def numbered(start: str, count: int, end: str = ".") -> list[str]:
    """Return `start0.`, `start1.`, ..., `count` of them."""
    return [f"{start}{number}{end}" for number in range(count)]


def of_family(id: str, starts: Sequence[str]) -> Callable[[Blocks], Blocks]:
    """Declare a node with one share of model1 for every start of a weight's name."""
    shares = [
        InputSpec(start, UNIT.type, UNIT, 1.0, tooltip=f"share of model1 in {start.rstrip('.')}") for start in starts
    ]
    return node(id, title=id, category="advanced/model_merging/model_specific", inputs=shares)


def unet(downs: int, ups: int, end: str = ".") -> list[str]:
    """Return the starts of a UNet's weights. end: SDXL's node leaves the last dot out."""
    blocks = (*numbered("input_blocks.", downs, end), *numbered("middle_block.", 3, end))
    return ["time_embed.", "label_emb.", *blocks, *numbered("output_blocks.", ups, end), "out."]


@of_family("ModelMergeSD1", unet(12, 12))
def model_merge_sd1(*, model1: Model, model2: Model, **shares: Any) -> Model:
    """Mix the weights of two SD1.x models block by block."""
    return by_start(model1, model2, shares)


@of_family("ModelMergeSD2", unet(12, 12))
def model_merge_sd2(*, model1: Model, model2: Model, **shares: Any) -> Model:
    """Mix the weights of two SD2.x models block by block."""
    return by_start(model1, model2, shares)


@of_family("ModelMergeSDXL", unet(9, 9, end=""))
def model_merge_sdxl(*, model1: Model, model2: Model, **shares: Any) -> Model:
    """Mix the weights of two SDXL models block by block."""
    return by_start(model1, model2, shares)


@of_family("ModelMergeSD3_2B", [*EMBEDDERS, *numbered("joint_blocks.", 24), "final_layer."])
def model_merge_sd3(*, model1: Model, model2: Model, **shares: Any) -> Model:
    """Mix the weights of two SD3 medium models block by block."""
    return by_start(model1, model2, shares)


@of_family("ModelMergeSD35_Large", [*EMBEDDERS, *numbered("joint_blocks.", 38), "final_layer."])
def model_merge_sd35(*, model1: Model, model2: Model, **shares: Any) -> Model:
    """Mix the weights of two SD3.5 large models block by block."""
    return by_start(model1, model2, shares)


@of_family(
    "ModelMergeFlux1",
    [*FLUX_EMBEDDERS, *numbered("double_blocks.", 19), *numbered("single_blocks.", 38), "final_layer."],
)
def model_merge_flux(*, model1: Model, model2: Model, **shares: Any) -> Model:
    """Mix the weights of two Flux models block by block."""
    return by_start(model1, model2, shares)


def by_start(model1: DiffusionModel, model2: DiffusionModel, shares: dict[str, float]) -> DiffusionModel:
    """Merge with the share of the longest start that a weight's name has; the first one where it has none."""
    others = next(iter(shares.values()))
    starts = sorted(shares, key=len, reverse=True)

    def factors(name: str) -> tuple[float, float]:
        share = next((shares[start] for start in starts if name.startswith(start)), others)
        return share, 1 - share

    return merged(model1, model2, factors)
