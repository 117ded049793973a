"""A denoising network together with what its numbers mean: the value that a MODEL wire carries.

Turns (noisy scaled latent, sigma, text) into the clean latent it predicts. Knows nothing of samplers,
guidance or files. Source: the preconditioning of Karras et al. 2022 section 5 applied to eps and v networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..diffusion.predict import to_x0
from ..diffusion.process import Process
from ..errors import UserError
from .latent import LatentFormat
from .patched import PatchedWeights
from .unet import UNet, UNetConfig

__all__ = ["DiffusionModel"]


@dataclass(frozen=True, eq=False)
class DiffusionModel:
    """A network, its forward process, what it predicts and the latent space it works in.

    Never changed in place: `with_` gives a changed copy that shares the network.
    """

    base: nn.Module
    """The network as it was loaded or trained, without what is laid over it; see `network`."""
    process: Process
    prediction: str = "eps"
    """"eps", "v", "x0" or "flow"."""
    latent: LatentFormat = field(default_factory=LatentFormat)
    guidance_patches: tuple[Callable[..., Any], ...] = ()
    """Changes to the combined prediction, in order; applied by the guider, not here."""
    family: str = "SD1.x"
    weights: PatchedWeights = field(default_factory=PatchedWeights)
    """What is laid over the base while it runs: LoRAs."""

    @property
    def network(self) -> nn.Module:
        """The network as it runs: the base itself, or one that shares its weights where no LoRA changes them."""
        return self.weights.network(self.base)

    def with_(self, **changes: Any) -> Self:
        """Return a copy with these fields replaced; `network=` gives it another one, with nothing laid over it."""
        if "network" in changes:
            changes |= {"base": changes.pop("network"), "weights": PatchedWeights()}
        return replace(self, **changes)

    @property
    def device(self) -> torch.device:
        """Where the network is now."""
        return next(self.base.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return next(self.base.parameters()).dtype

    def denoise(
        self, x: Tensor, sigma: Tensor | float, context: Tensor, *, concat: Tensor | None = None, **extra: Any
    ) -> Tensor:
        """Return the clean scaled latent [b c h w] that the network sees in `x`, in x's dtype.

        x: [b c h w], scaled latent at noise level `sigma` (scalar or [b]); context: [b or 1, l, d];
        concat: [b or 1, k, h, w] channels that an inpainting network takes beside x (not scaled by sigma);
        extra: further inputs of the network. State and conversion stay in x's precision, at least float32.
        """
        state = x if x.dtype == torch.float64 else x.float()
        level = torch.as_tensor(sigma, dtype=state.dtype, device=x.device).expand(len(x))
        inputs = self.process.scale_input(state, level).to(self.dtype)
        if concat is not None:
            inputs = torch.cat([inputs, concat.to(inputs).expand(len(x), -1, -1, -1)], dim=1)
        context = context.to(inputs).expand(len(x), -1, -1)
        if isinstance(self.base, UNet):
            check_widths(self.base.config, inputs.shape[1], context.shape[2])
        output = self.network(inputs, self.process.timestep(level), context, **extra)
        return to_x0(self.prediction, output.to(state.dtype), state, level).to(x.dtype)


def check_widths(config: UNetConfig, channels: int, text: int) -> None:
    """Raise UserError V132 or V133 where a latent or a prompt is of another family than the network."""
    if channels != config.in_channels:
        raise UserError(
            "V132",
            where="latent to denoise",
            expected=f"{config.in_channels} channels, which this model takes",
            got=f"{channels}",
            fix="Use a latent of the model's family; an inpainting model takes mask and masked picture beside it.",
        )
    if text != config.context_dim:
        raise UserError(
            "V133",
            where="conditioning",
            expected=f"text of width {config.context_dim}, which this model takes",
            got=f"width {text}",
            fix="Encode the prompt with the text encoder that belongs to the model.",
        )
