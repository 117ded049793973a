"""What a denoiser's training needs before its first step: frozen encoder, token table, latent shards, new networks.

Puts together the parts of `data` from the values that wires carry. Knows nothing of nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..models.autoencoder import Autoencoder
from ..models.latent import LatentFormat
from ..models.text import TextEncoder
from .bundle import fit_preview, pixel_batches
from .data import CaptionTable, LatentShards, Pictures, fingerprint

__all__ = ["caption_table", "latent_shards", "preview_format"]

WORDS_FROM = 4000  # captions whose words make the token table; a small world says all it has to say far sooner


def latent_shards(
    pictures: Pictures,
    vae: Autoencoder,
    latent: LatentFormat,
    *,
    folder: Path | None = None,
    name: str = "",
    shard: int = 2048,
    window: int = 10,
    refresh: int = 200,
) -> LatentShards:
    """Return the scenes encoded and scaled; `name` tells sources apart that share a folder."""
    network = vae.full

    @torch.no_grad()
    def encode(pixels: Tensor) -> Tensor:
        # On a processor with bfloat16 this halves the time; it errs by a hundredth of a latent's spread, a third of
        # the smallest noise level.
        with torch.autocast("cpu", torch.bfloat16, enabled=vae.device.type == "cpu"):
            pixels = pixels.to(device=vae.device, dtype=vae.dtype)
            mean, _ = vae.residence.run(network, lambda there: there.encode(pixels), what="encoding")
        return latent.scaled(mean.float()).cpu()

    key = fingerprint(nn.ModuleList([network.encoder, network.quant_conv]))
    return LatentShards(
        pictures, encode, key=f"{key}-{name}" if name else key, folder=folder, shard=shard, window=window,
        refresh=refresh,
    )  # fmt: skip


def caption_table(pictures: Pictures, clip: TextEncoder, count: int = WORDS_FROM) -> CaptionTable:
    """Return the table of the tokens in `count` of the captions.

    CLIP never joins two words into one token, so that the words give all tokens of the captions.
    """
    batches = [pictures.batch(10**6 + index, 100)[1] for index in range(max(1, count // 100))]
    words = {word for captions in batches for caption in captions for word in caption.split()}

    def tokens(texts: Sequence[str]) -> Tensor:
        return torch.tensor([[token.number for token in clip.chunks(text)[0]] for text in texts])

    return CaptionTable(tokens, sorted(words))


def preview_format(pictures: Pictures, vae: Autoencoder, latent: LatentFormat, batches: int = 8) -> LatentFormat:
    """Return `latent` with colours for previews fitted to this autoencoder."""
    fitted = fit_preview(vae.full, pixel_batches(pictures, batches), latent.scale)
    rows = [(float(r), float(g), float(b)) for r, g, b in fitted.factors.tolist()]
    red, green, blue = (float(v) for v in fitted.bias.tolist())
    return replace(latent, rgb_factors=tuple(rows), rgb_bias=(red, green, blue), tiny="")
