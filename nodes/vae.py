"""Pictures to latents and back."""

from __future__ import annotations

from typing import Annotated

from ..engine.node.declare import node
from ..engine.node.widget import Int
from ..engine.values import Image, Latent, Vae

Temporal = Annotated[int, Int(8, 4096, step=4)]
TemporalOverlap = Annotated[int, Int(4, 4096, step=4)]
Overlap = Annotated[int, Int(0, 4096, step=32)]


@node("VAEEncode", title="VAE Encode", category="latent", aliases=("image to latent",))
def vae_encode(*, pixels: Image, vae: Vae) -> Latent:
    """Turn pictures into latents. Edges beyond a multiple of 8 pixels are cut."""
    return {"samples": vae.encode(pixels)}


@node("VAEDecode", title="VAE Decode", category="latent", aliases=("latent to image",))
def vae_decode(*, samples: Latent, vae: Vae) -> Image:
    """Turn latents into pictures."""
    return vae.decode(samples["samples"])


@node("VAEEncodeTiled", title="VAE Encode (Tiled)", category="_for_testing")
def vae_encode_tiled(
    *,
    pixels: Image,
    vae: Vae,
    tile_size: Annotated[int, Int(64, 4096, step=64)] = 512,
    overlap: Overlap = 64,
    temporal_size: Temporal = 64,
    temporal_overlap: TemporalOverlap = 8,
) -> Latent:
    """Turn pictures into latents piece by piece, when they do not fit into memory at once.

    The result is that of the whole: each layer runs over all pieces before the next begins.

    tile_size: of a piece, in pixels.
    overlap: how far neighbouring pieces blend, in pixels, where the layers do not fit into the machine's memory either.
    temporal_size: for video autoencoders; a picture has no frames to cut.
    temporal_overlap: for video autoencoders.
    """
    return {"samples": vae.encode_tiled(pixels, tile=tile_size, overlap=overlap)}


@node("VAEDecodeTiled", title="VAE Decode (Tiled)", category="_for_testing")
def vae_decode_tiled(
    *,
    samples: Latent,
    vae: Vae,
    tile_size: Annotated[int, Int(64, 4096, step=32)] = 512,
    overlap: Overlap = 64,
    temporal_size: Temporal = 64,
    temporal_overlap: TemporalOverlap = 8,
) -> Image:
    """Turn latents into pictures piece by piece, when they do not fit into memory at once.

    The result is that of the whole: each layer runs over all pieces before the next begins.

    tile_size: of a piece, in pixels of the picture.
    overlap: how far neighbouring pieces blend, in pixels, where the layers do not fit into the machine's memory either.
    temporal_size: for video autoencoders; a picture has no frames to cut.
    temporal_overlap: for video autoencoders.
    """
    return vae.decode_tiled(samples["samples"], tile=tile_size, overlap=min(overlap, tile_size // 4))
