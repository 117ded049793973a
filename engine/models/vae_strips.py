"""The autoencoder in strips: pictures of any size within the device's memory for some rows, exactly as in one piece.

Tiles that run through the whole network on their own differ in tone, because its group norms see another picture in
each. Here every layer runs over all strips before the next begins, with the rows that its kernel reaches into, and a
norm takes its statistics from all of them. What a layer leaves waits in the host's memory. The middle, with its
attention over all cells, runs whole: it is 64 times smaller than the picture. Knows nothing of files or scale factors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import GroupNorm
from .vae import AutoencoderKL, Downsample, Level, ResBlock, Upsample

__all__ = ["Strips", "decode_in_strips", "encode_in_strips"]

Change = Callable[[Tensor], Tensor]
HOST = torch.device("cpu")  # where whole layers wait


@dataclass(frozen=True, slots=True)
class Strips:
    """How large a piece of a layer may be on the device."""

    device: torch.device
    numbers: int
    """Of activations in a strip; a single row is run even where it has more."""

    def of(self, x: Tensor, step: int = 1) -> Iterator[tuple[int, int]]:
        """Yield each strip of x [b c h w] as its first row and the row after its last, in multiples of `step` rows."""
        rows = max(1, self.numbers // (x[:, :, :1].numel() * step)) * step
        for top in range(0, x.shape[2], rows):
            yield top, min(top + rows, x.shape[2])


def decode_in_strips(network: AutoencoderKL, z: Tensor, numbers: int) -> Tensor:
    """Return what `network.decode(z)` does, on the host. numbers: of activations that may be on the device at once."""
    strips = Strips(z.device, numbers)
    decoder = network.decoder
    if network.config.quant_conv:
        z = network.post_quant_conv(z)
    x = decoder.mid(decoder.conv_in(z)).to(HOST)
    for level in reversed(decoder.up):
        x = through(level, x, strips)
    return convolved(x, decoder.conv_out, strips, decoder.norm_out)


def encode_in_strips(network: AutoencoderKL, pixels: Tensor, numbers: int) -> tuple[Tensor, Tensor]:
    """Return what `network.encode(pixels)` does. numbers: as for `decode_in_strips`."""
    strips = Strips(pixels.device, numbers)
    encoder = network.encoder
    x = convolved(pixels.to(HOST), encoder.conv_in, strips)
    for level in encoder.down:
        x = through(level, x, strips)
    moments = encoder.conv_out(F.silu(encoder.norm_out(encoder.mid(x.to(pixels.device)))))
    if network.config.quant_conv:
        moments = network.quant_conv(moments)
    mean, logvar = moments.chunk(2, dim=1)
    return mean, logvar.clamp(-30.0, 20.0)


def through(level: nn.Module, x: Tensor, strips: Strips) -> Tensor:
    """Return x after the blocks of one `Level` and the change to the next."""
    assert isinstance(level, Level)
    for block in level.block:
        assert isinstance(block, ResBlock)
        x = residual(block, x, strips)
    if isinstance(level.downsample, Downsample):
        x = halved(x, level.downsample.conv, strips)
    return doubled(x, level.upsample.conv, strips) if isinstance(level.upsample, Upsample) else x


def residual(block: ResBlock, x: Tensor, strips: Strips) -> Tensor:
    """Return x after a residual block."""
    y = convolved(x, block.conv1, strips, block.norm1)
    y = convolved(y, block.conv2, strips, block.norm2)
    for top, bottom in strips.of(y):
        part = x[:, :, top:bottom].to(strips.device)
        y[:, :, top:bottom] += (block.nin_shortcut(part) if block.widens else part).to(y.device)
    return y


def convolved(x: Tensor, conv: nn.Conv2d, strips: Strips, norm: GroupNorm | None = None) -> Tensor:
    """Return a 3x3 convolution of x [b c h w], after the norm and SiLU where there is a norm."""
    change = (lambda part: part) if norm is None else activation(x, norm, strips)
    out = x.new_empty(len(x), conv.out_channels, *x.shape[2:])
    for top, bottom in strips.of(x if conv.in_channels > conv.out_channels else out):
        # Zeros stand above and below; the two rows that the convolution adds of its own are cut off.
        part = conv(rows(x, top - 1, bottom + 1, strips, change))
        out[:, :, top:bottom] = part[:, :, 1:-1]
    return out


def doubled(x: Tensor, conv: nn.Conv2d, strips: Strips) -> Tensor:
    """Return a 3x3 convolution of x with each cell repeated twice each way."""
    b, _, h, w = x.shape
    out = x.new_empty(b, conv.out_channels, 2 * h, 2 * w)
    for top, bottom in strips.of(out, step=2):
        part = rows(x, top // 2 - 1, bottom // 2 + 1, strips)
        out[:, :, top:bottom] = conv(F.interpolate(part, scale_factor=2, mode="nearest"))[:, :, 2:-2]
    return out


def halved(x: Tensor, conv: nn.Conv2d, strips: Strips) -> Tensor:
    """Return a strided 3x3 convolution of x with one row and column of zeros at the far edge."""
    b, _, h, w = x.shape
    out = x.new_empty(b, conv.out_channels, h // 2, w // 2)
    for top, bottom in strips.of(out):
        part = rows(x, 2 * top, 2 * bottom + 1, strips)
        out[:, :, top:bottom] = conv(F.pad(part, (0, 1)))
    return out


def rows(x: Tensor, top: int, bottom: int, strips: Strips, change: Change | None = None) -> Tensor:
    """Return rows of x on the device, changed, with zeros where x has none."""
    part = x[:, :, max(top, 0) : bottom].to(strips.device)
    if change is not None:
        part = change(part)
    return F.pad(part, (0, 0, max(-top, 0), max(bottom - x.shape[2], 0)))


def activation(x: Tensor, norm: GroupNorm, strips: Strips) -> Change:
    """Return the norm, by the statistics of all of x [b c h w], and SiLU; statistics are float32 at least."""
    counts, means, squares = [], [], []
    for top, bottom in strips.of(x):
        part = x[:, :, top:bottom].to(strips.device).float().reshape(len(x), norm.num_groups, -1)
        counts.append(part.shape[-1])
        means.append(part.mean(-1).double().cpu())
        squares.append(part.var(-1, unbiased=False).double().cpu())
    share = torch.tensor(counts, dtype=torch.float64)[:, None, None] / sum(counts)
    each = torch.stack(means)
    mean = (share * each).sum(0)
    variance = (share * (torch.stack(squares) + (each - mean).square())).sum(0)  # within strips, and between them
    per_channel = x.shape[1] // norm.num_groups

    def spread(values: Tensor) -> Tensor:
        return values.float().repeat_interleave(per_channel, dim=1)[..., None, None].to(strips.device)

    centre, width = spread(mean), spread((variance + norm.eps).rsqrt())

    def change(part: Tensor) -> Tensor:
        scale = width * norm.weight.float()[:, None, None]
        return F.silu(((part.float() - centre) * scale + norm.bias.float()[:, None, None]).to(part.dtype))

    return change
