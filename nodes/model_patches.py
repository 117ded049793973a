"""Change how a model is read, run or guided. The model given stays as it is; a changed copy goes on."""

from __future__ import annotations

import re
from typing import Annotated, Any

from torch import nn

from ..engine.diffusion.patches import DifferentialDiffusion, PerpNeg, RescaleCFG, WeakenedGuidance
from ..engine.errors import UserError
from ..engine.models.denoiser import DiffusionModel
from ..engine.models.mmdit import MMDiT
from ..engine.models.patches import FreeU, IdentityAttention, NetworkPatch, SkippedBlocks
from ..engine.models.unet import UNet
from ..engine.node.declare import node
from ..engine.node.widget import Float
from ..engine.values import Conditioning, Model

Unit = Annotated[float, Float(0.0, 1.0, step=0.01)]
Factor = Annotated[float, Float(0.0, 10.0, step=0.01)]
Percent = Annotated[float, Float(0.0, 1.0, step=0.001)]


@node("RescaleCFG", title="RescaleCFG", category="advanced/model")
def rescale_cfg(*, model: Model, multiplier: Unit = 0.7) -> Model:
    """Keep strong guidance from washing colours out.

    multiplier: how much of the effect; 0 is none.
    """
    return model.with_(guidance_patches=(*model.guidance_patches, RescaleCFG(multiplier)))


@node("DifferentialDiffusion", title="Differential Diffusion", category="_for_testing", experimental=True)
def differential_diffusion(*, model: Model, strength: Unit | None = 1.0) -> Model:
    """Let grey parts of an inpainting mask change less than white ones.

    strength: how much of the effect; 0 is none.
    """
    amount = 1.0 if strength is None else strength
    return model.with_(guidance_patches=(*model.guidance_patches, DifferentialDiffusion(amount)))


@node("FreeU", title="FreeU", category="model_patches/unet")
def free_u(*, model: Model, b1: Factor = 1.1, b2: Factor = 1.2, s1: Factor = 0.9, s2: Factor = 0.2) -> Model:
    """Bring more structure and less noise into the pictures of a UNet, at no cost.

    b1: strength of the deepest stage; 1 changes nothing.
    b2: strength of the stage above it.
    s1: share of coarse detail that reaches the deepest stage from the way down; 1 changes nothing.
    s2: the same for the stage above it.
    """
    return _patched(model, UNet, FreeU(b1, b2, s1, s2, adaptive=False))


@node("FreeU_V2", title="FreeU_V2", category="model_patches/unet")
def free_u_v2(*, model: Model, b1: Factor = 1.3, b2: Factor = 1.4, s1: Factor = 0.9, s2: Factor = 0.2) -> Model:
    """Bring more structure and less noise into the pictures of a UNet, most where there is most to see.

    b1: strength of the deepest stage; 1 changes nothing.
    b2: strength of the stage above it.
    s1: share of coarse detail that reaches the deepest stage from the way down; 1 changes nothing.
    s2: the same for the stage above it.
    """
    return _patched(model, UNet, FreeU(b1, b2, s1, s2))


@node("PerturbedAttentionGuidance", title="PerturbedAttentionGuidance", category="model_patches/unet")
def perturbed_attention_guidance(
    *, model: Model, scale: Annotated[float, Float(0.0, 100.0, step=0.01, round=0.01)] = 3.0
) -> Model:
    """Steer away from what the model draws when its parts do not look at each other; works without cfg too.

    scale: how strongly; 0 is none. Each step takes one more evaluation.
    """
    _check_kind(model, UNet)
    return _guided(model, WeakenedGuidance((IdentityAttention(),), scale))


@node("SkipLayerGuidanceSD3", title="SkipLayerGuidanceSD3", category="advanced/guidance", experimental=True)
def skip_layer_guidance_sd3(
    *,
    model: Model,
    layers: str = "7, 8, 9",
    scale: Annotated[float, Float(0.0, 10.0, step=0.1)] = 3.0,
    start_percent: Percent = 0.01,
    end_percent: Percent = 0.15,
) -> Model:
    """Steer away from what an SD3 model draws without some of its layers.

    layers: numbers of the layers left out, from 0.
    scale: how strongly; 0 is none.
    start_percent: share of the run after which it begins.
    end_percent: share of the run after which it ends; steps in between take one more evaluation.
    """
    _check_kind(model, MMDiT)
    left_out = frozenset(int(number) for number in re.findall(r"\d+", layers))
    if not left_out:
        return model
    first, last = model.process.sigma_at(start_percent), model.process.sigma_at(end_percent)
    return _guided(model, WeakenedGuidance((SkippedBlocks(left_out),), scale, first, last))


@node(
    "PerpNeg",
    title="Perp-Neg (DEPRECATED by PerpNegGuider)",
    category="_for_testing",
    deprecated=True,
    experimental=True,
)
def perp_neg(
    *,
    model: Model,
    empty_conditioning: Conditioning,
    neg_scale: Annotated[float, Float(0.0, 100.0, step=0.01)] = 1.0,
) -> Model:
    """Keep a negative prompt from taking away what the positive one asks for.

    empty_conditioning: an empty prompt.
    neg_scale: how strongly the rest of the negative prompt counts.
    """
    return _guided(model, PerpNeg(empty_conditioning, neg_scale))


def _guided(model: DiffusionModel, patch: Any) -> DiffusionModel:
    return model.with_(guidance_patches=(*model.guidance_patches, patch))


def _patched(model: DiffusionModel, kind: type[nn.Module], patch: NetworkPatch) -> DiffusionModel:
    _check_kind(model, kind)
    return model.with_(network_patches=(*model.network_patches, patch))


def _check_kind(model: DiffusionModel, kind: type[nn.Module]) -> None:
    """Refuse a network that has no such place to change. Raises: UserError V185."""
    if not isinstance(model.base, kind):
        expected, got = f"a model with a {kind.__name__}", type(model.base).__name__
        raise UserError("V185", "model", expected, got, "Take this node out for models of that family.", input="model")
