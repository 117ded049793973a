"""An upscale model as an UPSCALE_MODEL wire carries it: pictures [b h w c] in 0..1 to larger ones.

Converts layout and colours, and tiles. Knows nothing of files or nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..memory.residency import InPlace, Residence
from .upscale import UpscaleNetwork
from .upscale_tile import OnTile, upscale_tiled

__all__ = ["Upscaler"]

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, the Y of JPEG, on which luma networks were trained


@dataclass(frozen=True, eq=False)
class Upscaler:
    """A network and the conventions around it; holds no other state."""

    network: UpscaleNetwork
    name: str = "upscaler"
    """What the file was, as `engine.models.arch` calls it."""
    residence: Residence = field(default_factory=InPlace)
    """Where the network computes, and how its weights get there."""

    @property
    def scale(self) -> int:
        """Pixels of the result per pixel of the picture, along one axis; 1 for a model that only restores."""
        return self.network.config.scale

    @property
    def channels(self) -> int:
        """Channels that the network takes: 3 colours, 4 with transparency, or 1, luma."""
        return self.network.config.channels

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return self.residence.device_of(self.network)

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return next(self.network.parameters()).dtype

    def with_(self, network: UpscaleNetwork) -> Upscaler:
        """Return the same with another network."""
        return replace(self, network=network)

    def upscale(self, image: Tensor, tile: int = 512, overlap: int = 32, on_tile: OnTile | None = None) -> Tensor:
        """Return pictures [b s*h s*w c], float32 in 0..1, on the device of `image`.

        image: [b h w c] in 0..1, 1, 3 or 4 channels; transparency that the network does not know is enlarged
        bicubically. A network of luma enlarges the brightness, and colours bicubically. tile, overlap, on_tile: as in
        `upscale_tiled`.
        Raises: UserError V170 (out of memory), V171 (a network of other channels than 1, 3 or 4); what `on_tile`
        raises.
        """
        pixels = image.movedim(-1, 1).float()
        colours, alpha = pixels[:, :3], pixels[:, 3:4]
        if self.channels == 1:
            luma = brightness(colours)
            made = self._run(luma, tile, overlap, on_tile)
            result = made + self._plain(colours - luma)
        else:
            colours = colours.expand(-1, 3, -1, -1) if colours.shape[1] == 1 else colours
            if self.channels == 4:
                colours = torch.cat([colours, alpha if alpha.shape[1] else torch.ones_like(colours[:, :1])], 1)
            elif self.channels != 3:
                raise UserError(
                    "V171",
                    where="upscaling",
                    expected="an upscale model of 1, 3 or 4 channels",
                    got=f"one of {self.channels}",
                    fix="Use another upscale model.",
                )
            result = self._run(colours, tile, overlap, on_tile)
            result = result.expand(-1, 3, -1, -1) if result.shape[1] == 1 else result
        if alpha.shape[1] and result.shape[1] < 4:
            result = torch.cat([result, self._plain(alpha)], 1)
        elif not alpha.shape[1]:
            result = result[:, :3]
        return result.clamp(0, 1).movedim(1, -1).contiguous()

    def _run(self, x: Tensor, tile: int, overlap: int, on_tile: OnTile | None) -> Tensor:
        """Return [b d s*h s*w] of x [b c h w]."""
        return upscale_tiled(
            lambda part: self._enlarged(part.to(device=self.device, dtype=self.dtype)),
            x,
            self.scale,
            tile=tile,
            overlap=overlap,
            multiple=self.network.config.multiple,
            on_tile=on_tile,
        )

    def _enlarged(self, x: Tensor) -> Tensor:
        # Less of these small networks on the device would not help: smaller tiles do.
        return self.residence.run(self.network, lambda network: network(x), what="upscaling", shrink=False)

    def _plain(self, x: Tensor) -> Tensor:
        """Return x [b c h w] enlarged as much by bicubic interpolation."""
        if self.scale == 1:
            return x
        return F.interpolate(x, scale_factor=self.scale, mode="bicubic", antialias=True)


def brightness(colours: Tensor) -> Tensor:
    """Return the luma [b 1 h w] of colours [b 3 h w]; what is grey already stays."""
    if colours.shape[1] == 1:
        return colours
    return (colours * colours.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
