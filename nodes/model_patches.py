"""Change how a model is read, guided or weighted. The model given stays as it is; a changed copy goes on."""

from __future__ import annotations

from typing import Annotated

import torch

from ..engine.diffusion.patches import DifferentialDiffusion, RescaleCFG
from ..engine.diffusion.process import Discrete
from ..engine.models.merge import merged
from ..engine.node.declare import node
from ..engine.node.widget import Choice, Float
from ..engine.values import Model

Unit = Annotated[float, Float(0.0, 1.0, step=0.01)]
PREDICTIONS = {"eps": "eps", "v_prediction": "v", "x0": "x0"}


@node("ModelSamplingDiscrete", title="ModelSamplingDiscrete", category="advanced/model")
def model_sampling_discrete(
    *, model: Model, sampling: Annotated[str, Choice(tuple(PREDICTIONS))] = "eps", zsnr: bool = False
) -> Model:
    """Say what a model predicts, for files that do not say it themselves.

    sampling: the noise (eps), the velocity (v_prediction) or the picture (x0).
    zsnr: the model was trained with a noisiest level that holds no picture at all.
    """
    process = Discrete.stable_diffusion()
    return model.with_(
        prediction=PREDICTIONS[sampling],
        process=process.with_zero_terminal_snr() if zsnr else process,
    )


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


@node("ModelMergeSimple", title="ModelMergeSimple", category="advanced/model_merging")
def model_merge_simple(*, model1: Model, model2: Model, ratio: Unit = 1.0) -> Model:
    """Mix the weights of two models of one architecture.

    ratio: share of model1; 1 is model1 alone.
    """
    with torch.no_grad():
        return merged(model1, model2, ratio)
