"""Say what a model predicts and how its noise is spread. The model given stays as it is; a changed copy goes on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, NamedTuple

from ..engine.diffusion.distilled import Distilled, Unscaled
from ..engine.diffusion.process import Discrete, Flow
from ..engine.errors import UserError
from ..engine.node.declare import node
from ..engine.node.widget import Choice, Float, Int
from ..engine.values import Model

Shift = Annotated[float, Float(0.0, 100.0, step=0.01)]
Side = Annotated[int, Int(16, 16384, step=8)]

TOKEN_PX = 16  # of a picture's side a token: 8 to a latent cell, 2 cells to a token
FEW_TOKENS, MANY_TOKENS = 256, 4096  # where base_shift and max_shift hold
FLUX_LEVELS = 10000  # entries in Flux's table of sigmas, so that the last of a few steps is as small as elsewhere


class Sampling(NamedTuple):
    """What a model predicts, and the process it was trained on, made from Stable Diffusion's."""

    prediction: str
    process: Callable[[Discrete], Discrete]


SAMPLINGS = {
    "eps": Sampling("eps", lambda process: process),
    "v_prediction": Sampling("v", lambda process: process),
    "lcm": Sampling("eps", Distilled),
    "x0": Sampling("x0", lambda process: process),
    "img_to_img": Sampling("x0", Unscaled.of),
}


@node("ModelSamplingDiscrete", title="ModelSamplingDiscrete", category="advanced/model")
def model_sampling_discrete(
    *, model: Model, sampling: Annotated[str, Choice(tuple(SAMPLINGS))] = "eps", zsnr: bool = False
) -> Model:
    """Say what a model predicts, for files that do not say it themselves.

    sampling: the noise (eps), the velocity (v_prediction), the picture (x0), the picture in few steps (lcm), or one
        picture from another (img_to_img).
    zsnr: the model was trained with a noisiest level that holds no picture at all.
    """
    process = Discrete.stable_diffusion()
    chosen = SAMPLINGS[sampling]
    return model.with_(
        prediction=chosen.prediction,
        process=chosen.process(process.with_zero_terminal_snr() if zsnr else process),
    )


@node("ModelSamplingSD3", title="ModelSamplingSD3", category="advanced/model")
def model_sampling_sd3(*, model: Model, shift: Shift = 3.0) -> Model:
    """Set how much of the steps a flow model spends at strong noise.

    shift: 1 spreads them evenly; larger pictures want more.
    """
    return model.with_(prediction="flow", process=Flow(_positive(shift)))


@node("ModelSamplingFlux", title="ModelSamplingFlux", category="advanced/model")
def model_sampling_flux(
    *, model: Model, max_shift: Shift = 1.15, base_shift: Shift = 0.5, width: Side = 1024, height: Side = 1024
) -> Model:
    """Set how much of the steps a Flux model spends at strong noise, by the size of the picture.

    max_shift: for pictures of 1024 x 1024.
    base_shift: for pictures of 256 x 256.
    width: of the picture to make, in pixels.
    height: of the picture to make, in pixels.
    """
    tokens = width * height / TOKEN_PX**2
    part = (tokens - FEW_TOKENS) / (MANY_TOKENS - FEW_TOKENS)
    shift = base_shift + (max_shift - base_shift) * part
    return model.with_(prediction="flow", process=Flow(_positive(_power(shift)), count=FLUX_LEVELS))


def _power(shift: float) -> float:
    """Return e^shift, 0 or infinity where that leaves a float's range."""
    return math.exp(shift) if abs(shift) < 700 else math.inf if shift > 0 else 0.0


def _positive(shift: float) -> float:
    if not 0 < shift < math.inf:
        raise UserError("V131", "shift", "more than 0, and finite", f"{shift:g}", "3 is usual for SD3, 1.15 for Flux.")
    return shift
