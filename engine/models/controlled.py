"""A ControlNet as wires carry it, and its application to a prompt: hint, strength, part of the run, what came before.

Makes a hint ready for a latent's size and adds up what several ControlNets say. Knows nothing of files, samplers or
nodes. The rules of resizing, batches and percentages are ComfyUI's, so that its workflows give its pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..memory.residency import InPlace, Residence
from .autoencoder import Autoencoder
from .control import ControlNet
from .control_mmdit import MMDiTControl
from .denoiser import DiffusionModel
from .latent import LatentFormat
from .mmdit import MMDiT
from .unet import UNet

__all__ = ["KINDS", "Control", "ControlModel"]

KINDS = {
    "openpose": 0,
    "depth": 1,
    "hed/pidi/scribble/ted": 2,
    "canny/lineart/anime_lineart/mlsd": 3,
    "normal": 4,
    "segment": 5,
    "tile": 6,
    "repaint": 7,
}
"""The kinds of hints of the published unions, in their order."""


@dataclass(frozen=True, eq=False)
class ControlModel:
    """A ControlNet and how it is used. Never changed in place: `with_` gives a changed copy that shares the network."""

    network: ControlNet | MMDiTControl
    family: str = "SD1.x"
    latent: LatentFormat | None = None
    """The latent space in which the hint is shown; None shows its pixels."""
    kinds: tuple[int, ...] = ()
    """Which kinds of hints a union is told to expect; none leaves that open."""
    mask: Tensor | None = None
    """[b h w] in 0..1: where it acts; None is everywhere."""
    pooled: bool = True
    """Whether it sees the pooled text; SD3's first ones were trained with zeros."""
    averaged: bool = False
    """Whether what it adds is averaged over the picture, as for the "shuffle" ones."""
    residence: Residence = field(default_factory=InPlace)
    """Where the network computes, and how its weights get there."""

    def with_(self, **changes: Any) -> Self:
        """Return a copy with these fields replaced."""
        return replace(self, **changes)

    @property
    def beside(self) -> int:
        """Channels that it takes beside the hint: 1 for the mask of inpainting, else 0."""
        return self.network.form.beside if isinstance(self.network, MMDiTControl) else 0


@dataclass(frozen=True, eq=False)
class Control:
    """A ControlNet applied to a prompt, after any that were applied before.

    hint: picture [b h w c] in 0..1; strength: factor of what is added; start, end: part of the run, 0 to 1;
    vae: shows the hint as a latent where the ControlNet wants that; mask: [b h w], beside the hint, for inpainting.
    """

    model: ControlModel
    hint: Tensor
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    vae: Autoencoder | None = None
    mask: Tensor | None = None
    previous: Control | None = None

    def bind(self, model: DiffusionModel, x: Tensor) -> BoundChain:
        """Return this and all before it ready for latents like x [b c h w].

        Raises: UserError V181 for a ControlNet of another family than the model's, V182 where it needs a VAE.
        """
        links: list[Link] = []
        control: Control | None = self
        while control is not None:
            links.append(control.link(model, x))
            control = control.previous
        return BoundChain(tuple(reversed(links)))

    def link(self, model: DiffusionModel, x: Tensor) -> Link:
        """Return this one alone, ready for latents like x."""
        check_fit(self.model, model)
        used = next(self.model.network.parameters())
        hint = self.shown(model, x).to(device=x.device, dtype=used.dtype)
        mask = self.model.mask
        if mask is not None:
            mask = batched(mask.reshape(-1, 1, *mask.shape[-2:]).to(device=x.device, dtype=torch.float32), len(x))
        first, last = model.process.sigma_at(self.start), model.process.sigma_at(self.end)
        return Link(self.model, hint, self.strength, first, last, mask)

    def shown(self, model: DiffusionModel, x: Tensor) -> Tensor:
        """Return the hint [b k H W] as the network sees it: in pixels for the latent's size, or as a latent."""
        height, width = x.shape[-2:]
        network = self.model.network
        picture = self.hint.movedim(-1, 1)
        if isinstance(network, ControlNet):
            picture = picture[:, : network.form.hint_channels]
            return batched(resized(picture, height * network.form.downscale, width * network.form.downscale), len(x))
        patch = network.config.patch
        height, width = height + -height % patch, width + -width % patch
        if self.vae is None or self.model.latent is None:
            raise UserError(
                "V182",
                "ControlNet",
                "a VAE, because it sees its hint as a latent",
                "none",
                "Connect the model's VAE to the node that applies the ControlNet.",
                input="vae",
            )
        cells = self.vae.downscale
        latent = self.vae.encode(resized(picture[:, :3], height * cells, width * cells).movedim(1, -1))
        shown = self.model.latent.scaled(latent)
        if self.model.beside:
            mask = torch.ones(1, 1, height, width) if self.mask is None else self.mask[:, None].float()
            mask = batched(resized(mask, height, width), len(shown)).to(shown)
            shown = torch.cat([shown, mask.expand(-1, self.model.beside, -1, -1)], dim=1)
        return batched(shown, len(x))


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """One ControlNet of a chain, ready: acts while last <= sigma <= first. hint: [b k H W]; mask: [b 1 h w]."""

    model: ControlModel
    hint: Tensor
    strength: float
    first: float
    last: float
    mask: Tensor | None

    def residuals(self, members: int, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None) -> list[Tensor]:
        """Return what it adds, for a call in which `members` batches are joined, in x's type."""
        kind = self.hint.dtype
        hint = self.hint if members == 1 else self.hint.repeat(members, 1, 1, 1)
        y = None if y is None else y.to(kind)
        given: tuple[Any, ...] = (x.to(kind), hint, timesteps, context.to(kind), y, self.model.kinds)
        if isinstance(self.model.network, MMDiTControl):
            assert y is not None
            given = (*given[:4], y if self.model.pooled else torch.zeros_like(y))
        found = self.model.residence.run(self.model.network, lambda network: network(*given), what="ControlNet")
        return [self.weighed(part.to(x.dtype), members, x) for part in found]

    def weighed(self, part: Tensor, members: int, x: Tensor) -> Tensor:
        """Return one residual, [b c h w] or tokens [b n c], under the strength and the mask."""
        if self.model.averaged:
            places = (2, 3) if part.ndim == 4 else (1,)
            part = part.mean(dim=places, keepdim=True).expand_as(part)
        if self.strength != 1.0:
            part = part * self.strength
        if self.mask is None:
            return part
        rows = part.shape[2] if part.ndim == 4 else self.rows(part, x)
        columns = part.shape[3] if part.ndim == 4 else part.shape[1] // rows
        mask = F.interpolate(self.mask, size=(rows, columns), mode="bilinear", antialias=True)
        mask = mask.to(part.dtype).repeat(members, 1, 1, 1)
        return part * (mask if part.ndim == 4 else mask.flatten(2).transpose(1, 2))

    def rows(self, tokens: Tensor, x: Tensor) -> int:
        """Return into how many rows tokens [b n c] of the latent x are laid."""
        return round((tokens.shape[1] * x.shape[-2] / x.shape[-1]) ** 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class BoundChain:
    """ControlNets in the order in which they were applied, ready for a model and a size."""

    links: tuple[Link, ...]

    def at(self, sigma: float, members: int) -> partial[list[Tensor]] | None:
        """Return what acts at a noise level: a function of what the network sees. None where nothing does."""
        active = [link for link in self.links if link.last <= sigma <= link.first]
        return partial(summed, active, members) if active else None


def summed(
    links: Sequence[Link], members: int, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None
) -> list[Tensor]:
    """Return what all links add together. Networks of one model add to the same places."""
    total = links[0].residuals(members, x, timesteps, context, y)
    for link in links[1:]:
        more = link.residuals(members, x, timesteps, context, y)
        if len(more) != len(total):  # SD3's come with different numbers of blocks
            count = max(len(more), len(total))
            total, more = ([parts[i * len(parts) // count] for i in range(count)] for parts in (total, more))
        total = [one + other for one, other in zip(total, more, strict=True)]
    return total


def check_fit(control: ControlModel, model: DiffusionModel) -> None:
    """Raise UserError V181 unless the ControlNet was made for networks like the model's."""
    own, network = control.network, model.base
    if isinstance(own, ControlNet) and isinstance(network, UNet):
        mine, its = own.form.unet, network.config
        facts = [
            (mine.in_channels, its.out_channels, "latent channels"),
            (mine.context_dim, its.context_dim, "width of text"),
            (mine.adm_channels or 0, its.adm_channels or 0, "width of pooled text"),
            (own.skip_widths, network.skip_widths, "widths of its blocks"),
        ]
    elif isinstance(own, MMDiTControl) and isinstance(network, MMDiT):
        facts = [
            (getattr(own.config, name), getattr(network.config, name), words)
            for name, words in (
                ("in_channels", "latent channels"),
                ("width", "width"),
                ("patch", "size of patches"),
                ("context_dim", "width of text"),
                ("pooled_dim", "width of pooled text"),
            )
        ]
    else:
        facts = [(type(own).__name__, type(network).__name__, "network")]
    other = [f"{words} {mine}, the model has {its}" for mine, its, words in facts if mine != its]
    if other:
        raise UserError(
            "V181",
            "ControlNet",
            f"one for the family of the model, {model.family}",
            f"one for {control.family} ({other[0]})",
            "Load a ControlNet that was made for this family, or the model that this one was made for.",
            input="control_net",
        )


def resized(picture: Tensor, height: int, width: int) -> Tensor:
    """Return [b c H W] as [b c height width]: the middle part of the wanted shape, nearest pixels."""
    rows, columns = picture.shape[-2:]
    if columns * height > width * rows:  # too wide
        side = round((columns - width * rows / height) / 2)
        picture = picture[..., side : columns - side]
    elif columns * height < width * rows:
        side = round((rows - height * columns / width) / 2)
        picture = picture[..., side : rows - side, :]
    if picture.shape[-2:] == (height, width):
        return picture
    return F.interpolate(picture, size=(height, width), mode="nearest-exact")


def batched(value: Tensor, count: int) -> Tensor:
    """Return value with its items repeated in turn or cut to `count`."""
    if len(value) == count:
        return value
    return value[torch.arange(count, device=value.device) % len(value)]
