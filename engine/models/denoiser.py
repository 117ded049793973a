"""A denoising network together with what its numbers mean: the value that a MODEL wire carries.

Turns (noisy scaled latent, sigma, text) into the clean latent it predicts. Knows nothing of samplers,
guidance or files. Source: the preconditioning of Karras et al. 2022 section 5 applied to eps and v networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..diffusion.controls import Residuals
from ..diffusion.distilled import Distilled
from ..diffusion.predict import to_x0
from ..diffusion.process import Process
from ..memory.residency import InPlace, Residence
from .conditions import check_inputs, extra_inputs
from .flux import Flux
from .latent import LatentFormat
from .mmdit import MMDiT
from .patched import PatchedWeights
from .patches import NetworkPatch

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
    network_patches: tuple[NetworkPatch, ...] = ()
    """Changes to the network while it runs, in order."""
    family: str = "SD1.x"
    weights: PatchedWeights = field(default_factory=PatchedWeights)
    """What is laid over the base while it runs: LoRAs."""
    residence: Residence = field(default_factory=InPlace)
    """Where the network computes, and how its weights get there."""

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
        """Where the network computes."""
        return self.residence.device_of(self.base)

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return next(self.base.parameters()).dtype

    def hold(self) -> AbstractContextManager[None]:
        """Have the weights stay where they compute between the calls of a `with` block, as far as there is room."""
        return self.residence.hold(self.base, self.weights)

    @property
    def joint_text(self) -> bool:
        """Whether text and picture attend to each other as one row of tokens: repeated text would weigh more there."""
        return isinstance(self.base, (MMDiT, Flux))

    def extra_inputs(self, entry: Mapping[str, Any], x: Tensor) -> dict[str, Tensor]:
        """Return further inputs of `denoise` for an entry of a CONDITIONING; see `conditions.extra_inputs`."""
        return extra_inputs(self.base, self.latent, self.family, entry, x)

    def denoise(
        self,
        x: Tensor,
        sigma: Tensor | float,
        context: Tensor,
        *,
        concat: Tensor | None = None,
        y: Tensor | None = None,
        guidance: Tensor | None = None,
        patches: Sequence[NetworkPatch] = (),
        control: Residuals | None = None,
        **extra: Any,
    ) -> Tensor:
        """Return the clean scaled latent [b c h w] that the network sees in `x`, in x's dtype.

        x: [b c h w], scaled latent at noise level `sigma` (scalar or [b]); context: [b or 1, l, d];
        concat: [b or 1, k, h, w] channels that an inpainting network takes beside x (not scaled by sigma);
        y: [b or 1, d] and guidance: [b or 1] where the network has them; patches: changes to the network
        for this call, after the model's own; control: asked for what to add inside the network, with what that sees;
        extra: further inputs of the network.
        State and conversion stay in x's precision, at least float32.
        Raises: UserError V132, V133 or V134 for a latent, a prompt or a size that the network cannot take.
        """
        state = x if x.dtype == torch.float64 else x.float()
        level = torch.as_tensor(sigma, dtype=state.dtype, device=x.device).expand(len(x))
        inputs = seen = self.process.scale_input(state, level).to(self.dtype)
        if concat is not None:
            inputs = torch.cat([inputs, concat.to(inputs).expand(len(x), -1, -1, -1)], dim=1)
        context = context.to(inputs).expand(len(x), -1, -1)
        check_inputs(self.base, inputs, context, y)
        if y is not None:
            extra["y"] = y.to(inputs).expand(len(x), -1)
        if guidance is not None:
            extra["guidance"] = guidance.to(level).expand(len(x))
        if self.network_patches or patches:
            extra["patches"] = (*self.network_patches, *patches)
        if isinstance(self.base, MMDiT):
            inputs = seen = whole_patches(inputs, self.base.config.patch)
        time = self.process.timestep(level)
        if control is not None:
            extra["control"] = control(seen, time, context, extra.get("y"))
        output = self.residence.run(
            self.base, lambda network: network(inputs, time, context, **extra), self.weights, what="denoising"
        )
        output = output[..., : x.shape[-2], : x.shape[-1]].to(state.dtype)
        clean = to_x0(self.prediction, output, state, level)
        if isinstance(self.process, Distilled):
            clean = self.process.consistent(clean, state, level)
        return clean.to(x.dtype)


def whole_patches(x: Tensor, patch: int) -> Tensor:
    """Return [b c h w] filled up, by wrapping around, to whole patches."""
    down, right = -x.shape[-2] % patch, -x.shape[-1] % patch
    return F.pad(x, (0, right, 0, down), mode="circular") if down or right else x
