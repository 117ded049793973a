"""The autoencoder in strips equals the whole, whatever their height."""

import copy

import pytest
import torch

from latentloom.engine.models import vae_strips
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig
from latentloom.engine.models.vae_strips import decode_in_strips, encode_in_strips

CONFIG = VAEConfig(channels=32, channel_mult=(1, 2, 2), res_blocks=1)


@pytest.fixture(scope="module")
def network(randomised):
    return randomised(AutoencoderKL(CONFIG), 4)


def error(found, wanted):
    assert found.shape == wanted.shape
    return float((found - wanted).abs().max() / wanted.std())


@pytest.mark.parametrize("numbers", [1, 5_000, 20_000, 10**9], ids=["row by row", "odd strips", "large", "whole"])
@torch.no_grad()
def test_strips_are_the_whole(network, numbers):
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(2, 4, 7, 9, generator=generator)
    z[:, :, :3] *= 4  # a picture whose parts differ: statistics of a part would show
    assert error(decode_in_strips(network, z, numbers), network.decode(z)) < 1e-4
    pixels = torch.rand(2, 3, 28, 36, generator=generator) * 2 - 1
    pixels[:, :, :9] = 0.9
    for found, wanted in zip(encode_in_strips(network, pixels, numbers), network.encode(pixels), strict=True):
        assert error(found, wanted) < 1e-4


@torch.no_grad()
def test_half_precision_has_float32_statistics(network):
    half = copy.deepcopy(network).bfloat16()
    z = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2)).bfloat16()
    found = decode_in_strips(half, z, 5_000)
    assert found.dtype == torch.bfloat16
    assert error(found.float(), network.decode(z.float())) < 0.1


@torch.no_grad()
def test_no_strip_has_more_than_its_share(network, monkeypatch):
    seen = []
    rows = vae_strips.rows
    monkeypatch.setattr(vae_strips, "rows", lambda *given: seen.append(rows(*given)) or seen[-1])
    decode_in_strips(network, torch.randn(1, 4, 16, 16), 20_000)
    row = 64 * 64  # of the widest layer
    assert max(part.numel() for part in seen) <= 20_000 + 3 * row
    assert len(seen) > 20
