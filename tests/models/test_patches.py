"""Patches of networks against the plainest statement of their papers: sums of cosines, attention maps, fewer blocks."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch

from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.patches import FreeU, IdentityAttention, NetworkPatch, SkippedBlocks
from latentloom.engine.models.unet import UNet, UNetConfig

CONFIG = UNetConfig(
    model_channels=32, channel_mult=(1, 2, 4), transformer_depth=(1, 1, 1), context_dim=24, res_blocks=1, heads=4
)
FACTORS = {128: (1.3, 0.9), 64: (1.4, 0.2)}  # four and two times the network's own channels


@pytest.fixture(scope="module")
def unet(randomised):
    return randomised(UNet(CONFIG), 1)


@pytest.fixture(scope="module")
def asked():
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 4, 12, 20, generator=generator)
    return x, torch.tensor([3.0, 700.5]), torch.randn(2, 7, 24, generator=generator)


def low_frequencies(picture):
    """The part of a picture [h w] that the frequencies -1 and 0 of both axes hold, by the definition of a transform."""
    h, w = picture.shape
    rows, columns = np.arange(h)[:, None], np.arange(w)[None, :]
    total = np.zeros((h, w), complex)
    for u in (-1, 0):
        for v in (-1, 0):
            wave = np.exp(2j * math.pi * (u * rows / h + v * columns / w))
            total += (picture * wave.conj()).sum() / (h * w) * wave
    return total.real


def by_the_paper(x, skip, adaptive):
    """FreeU's two changes on numpy arrays [b c h w], item by item and channel by channel."""
    if x.shape[1] not in FACTORS:
        return x, skip
    b, s = FACTORS[x.shape[1]]
    x, skip = x.copy(), skip.copy()
    for item in range(len(x)):
        mean = x[item].mean(0)
        spread = (mean - mean.min()) / (mean.max() - mean.min())
        for channel in range(x.shape[1] // 2):
            x[item, channel] *= (b - 1) * spread + 1 if adaptive else b
        for channel in range(skip.shape[1]):
            skip[item, channel] += (s - 1) * low_frequencies(skip[item, channel])
    return x, skip


@pytest.mark.parametrize("adaptive", [False, True])
@torch.no_grad()
def test_freeu_is_the_papers(unet, asked, adaptive):
    changed = copy.deepcopy(unet)  # its own blocks change what they are given, in place of any hook
    seen = []

    def before(width):
        def change(_, given):
            joined = given[0].double().numpy()
            x, skip = by_the_paper(joined[:, :width], joined[:, width:], adaptive)
            seen.append(width)
            return torch.from_numpy(np.concatenate([x, skip], 1)).float(), *given[1:]

        return change

    widths = [block[0].in_layers[2].in_channels for block in unet.output_blocks]
    for block, width, skip in zip(changed.output_blocks, widths, reversed(unet.skip_widths), strict=True):
        block.register_forward_pre_hook(before(width - skip))
    wanted = changed(*asked)
    (b1, s1), (b2, s2) = FACTORS[128], FACTORS[64]
    got = unet(*asked, patches=(FreeU(b1, b2, s1, s2, adaptive),))
    assert set(seen) == {32, 64, 128}
    assert torch.allclose(got, wanted, atol=1e-5 * float(wanted.std()))
    assert (got - unet(*asked)).abs().max() > 0.05 * wanted.std()


@torch.no_grad()
def test_freeu_of_ones_and_a_plain_patch_change_no_bit(unet, asked):
    plain = unet(*asked)
    assert torch.equal(plain, unet(*asked, patches=()))
    assert torch.equal(plain, unet(*asked, patches=(NetworkPatch(),)))
    for adaptive in (False, True):
        assert torch.equal(plain, unet(*asked, patches=(FreeU(1, 1, 1, 1, adaptive),)))


def test_freeu_bears_flat_and_tiny_pictures():
    x, skip = FreeU(2.0, 1.0, 0.5, 1.0).joins(torch.ones(1, 128, 1, 1), torch.ones(1, 8, 1, 1), 32)
    assert torch.equal(x, torch.ones(1, 128, 1, 1))
    assert torch.allclose(skip, torch.full((1, 8, 1, 1), 0.5))
    half = FreeU(2.0, 1.0, 0.5, 1.0).joins(torch.ones(1, 128, 2, 2).half(), torch.ones(1, 8, 2, 2).half(), 32)
    assert {part.dtype for part in half} == {torch.float16}


@torch.no_grad()
def test_identity_attention_is_an_attention_map_of_ones_on_its_diagonal(unet, asked):
    changed = copy.deepcopy(unet)
    (transformer,) = changed.middle_block[1].transformer_blocks

    def attend(x, context):
        layer = transformer.attn1
        b, n, c = x.shape
        value = layer.to_v(context).view(b, n, layer.heads, -1).transpose(1, 2)
        mapped = torch.eye(n).expand(b, layer.heads, n, n) @ value
        return layer.to_out(mapped.transpose(1, 2).reshape(b, n, c))

    transformer.attn1.forward = attend
    wanted = changed(*asked)
    got = unet(*asked, patches=(IdentityAttention(),))
    assert torch.allclose(got, wanted, atol=1e-5 * float(wanted.std()))
    assert (got - unet(*asked)).abs().max() > 1e-3 * wanted.std()


@pytest.mark.parametrize("left_out", [{1}, {0, 2}, {3}])
@torch.no_grad()
def test_skipped_blocks_are_a_network_without_them(randomised, left_out):
    config = MMDiTConfig(in_channels=4, out_channels=4, width=64, depth=4, head_channels=16, context_dim=24,
                         pooled_dim=12, grid=8, qk_norm=True, dual=(0, 1))  # fmt: skip
    network = randomised(MMDiT(config), 3)
    generator = torch.Generator().manual_seed(4)
    asked = (torch.randn(2, 4, 8, 12, generator=generator), torch.tensor([400.0, 1000.0]),
             torch.randn(2, 5, 24, generator=generator), torch.randn(2, 12, generator=generator))  # fmt: skip
    before = torch.nn.ModuleList(network.joint_blocks)
    fewer = copy.deepcopy(network)
    fewer.joint_blocks = torch.nn.ModuleList(b for i, b in enumerate(network.joint_blocks) if i not in left_out)
    plain = network(*asked)
    got = network(*asked, patches=(SkippedBlocks(frozenset(left_out)),))
    assert torch.equal(got, fewer(*asked))
    assert not torch.allclose(got, plain)
    assert torch.equal(plain, network(*asked, patches=(SkippedBlocks(frozenset({99})),)))

    class Same(torch.nn.Module):
        def forward(self, tokens, text, condition):
            return tokens, text

    control = [torch.randn(2, 24, 64, generator=generator) for _ in range(4)]
    for place in left_out:
        network.joint_blocks[place] = Same()
    wanted = network(*asked, control=control)
    network.joint_blocks = before
    skipped = network(*asked, control=control, patches=(SkippedBlocks(frozenset(left_out)),))
    assert torch.equal(skipped, wanted), "what a ControlNet adds after a block stays"


def test_a_model_hands_its_patches_and_the_calls_to_the_network(tiny):
    given = []

    class Spy(NetworkPatch):
        def attends_to_itself(self):
            given.append(self)
            return False

    first, second = Spy(), Spy()
    model: DiffusionModel = tiny.model.with_(network_patches=(first,))
    x, context = torch.zeros(1, 4, 8, 8), torch.zeros(1, 3, 64)
    plain = tiny.model.denoise(x, 1.0, context)
    assert given == []
    assert torch.equal(plain, model.denoise(x, 1.0, context, patches=(second,)))
    assert given == [first, second]
    assert model.network is tiny.model.network


def test_patches_are_values():
    for patch in (FreeU(1.1, 1.2, 0.9, 0.2), IdentityAttention(), SkippedBlocks(frozenset({7}))):
        again = pickle.loads(pickle.dumps(patch))
        assert again == patch and hash(again) == hash(patch)
