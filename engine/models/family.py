"""The families of diffusion models as data: latent space, forward process, what is predicted, which text is read.

A family is what several published networks have in common, whatever file they come in. Knows nothing of files or
keys. Sources: Rombach et al. 2022 (SD1.x, SD2.x), Podell et al. 2023 (SDXL), Esser et al. 2024 (SD3), the published
configurations of each; Brooks et al. 2023 (InstructPix2Pix).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Literal, Self

from ..diffusion.process import Discrete, Flow, Process
from .latent import FLUX_RGB, SD3_RGB, SDXL_RGB, LatentFormat

__all__ = ["FAMILIES", "FLUX_LATENT", "SD3_LATENT", "SDXL_LATENT", "Family", "Text", "family_of"]

Text = Literal["l", "h", "g", "sdxl", "sd3", "flux"]
"""Which encoders a family reads: one alone (CLIP-L, OpenCLIP H or bigG), or several by a rule of `TextStack`."""

FLUX_LEVELS = 10_000  # of its table of noise levels, as in ComfyUI
FLUX_SHIFT = 1.15
"""The exponent of Flux dev's time shift at 4096 picture tokens; ComfyUI uses it at every size, as here."""

SDXL_LATENT = LatentFormat(scale=0.13025, rgb_factors=SDXL_RGB, tiny="taesdxl")
SD3_LATENT = LatentFormat(channels=16, scale=1.5305, shift=0.0609, rgb_factors=SD3_RGB, tiny="taesd3")
FLUX_LATENT = LatentFormat(channels=16, scale=0.3611, shift=0.1159, rgb_factors=FLUX_RGB, tiny="taef1")


@dataclass(frozen=True, slots=True)
class Family:
    """What makes a network's numbers meaningful."""

    name: str
    """As users read it, e.g. "SD3.5" or "SD1.x inpainting"."""
    kin: str
    """Families that share text, latents and ControlNets have the same, e.g. "SD3": the facet that graphs compare."""
    latent: LatentFormat
    process: Callable[[], Process]
    """Makes the forward process; its time shift is the family's usual one."""
    prediction: Literal["eps", "v", "flow"]
    """The usual one; a file's markers, a folder's configuration or a node may say otherwise."""
    text: Text
    pooled: bool = False
    """Whether the network takes the pooled text too."""

    def taking(self, channels: int) -> Self:
        """Return the variant whose network takes so many channels: the latent's own, or more for what it also sees."""
        own = self.latent.channels
        what = {2 * own + 1: " inpainting", 2 * own: " instruct-pix2pix"}.get(channels, "")
        return replace(self, name=self.name + what) if what else self


def of(*families: Family) -> Mapping[str, Family]:
    """Return families by name."""
    return MappingProxyType({family.name: family for family in families})


def flux_dev() -> Process:
    """Return the process of Flux dev."""
    return Flow(math.exp(FLUX_SHIFT), count=FLUX_LEVELS)


SD1_LATENT = LatentFormat()
FAMILIES = of(
    Family("SD1.x", "SD1.x", SD1_LATENT, Discrete.stable_diffusion, "eps", "l"),
    Family("SD2.x", "SD2.x", SD1_LATENT, Discrete.stable_diffusion, "eps", "h"),
    Family("SDXL", "SDXL", SDXL_LATENT, Discrete.stable_diffusion, "eps", "sdxl", pooled=True),
    Family("SDXL refiner", "SDXL refiner", SDXL_LATENT, Discrete.stable_diffusion, "eps", "g", pooled=True),
    Family("SD3", "SD3", SD3_LATENT, partial(Flow, 3.0), "flow", "sd3", pooled=True),
    Family("SD3.5", "SD3", SD3_LATENT, partial(Flow, 3.0), "flow", "sd3", pooled=True),
    Family("Flux dev", "Flux", FLUX_LATENT, flux_dev, "flow", "flux", pooled=True),
    Family("Flux schnell", "Flux", FLUX_LATENT, partial(Flow, 1.0), "flow", "flux", pooled=True),
)
"""Every family by name, in the order in which they appeared."""


def family_of(name: str) -> Family:
    """Return the family of `DiffusionModel.family`, whose variants by input channels share the base's data.

    Raises: KeyError for a name that is none.
    """
    for ending in (" inpainting", " instruct-pix2pix"):
        if name.endswith(ending):
            return replace(FAMILIES[name.removesuffix(ending)], name=name)
    return FAMILIES[name]
