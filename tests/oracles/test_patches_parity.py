"""FreeU, perturbed attention and left-out layers against diffusers: random weights, max|diff| / std <= 1e-4."""

import pytest
import torch

from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.patches import FreeU, IdentityAttention, SkippedBlocks
from latentloom.engine.models.rename import unet_names
from latentloom.engine.models.rename_dit import mmdit_sources
from latentloom.engine.models.unet import UNet, UNetConfig

diffusers = pytest.importorskip("diffusers")

LIMIT = 1e-4


def difference(ours, theirs):
    assert theirs.std() > 1e-3, "the oracle's output carries no signal"
    return float((ours - theirs).abs().max() / theirs.std())


@pytest.fixture(scope="module")
def unets(randomised):
    config = UNetConfig(model_channels=32, channel_mult=(1, 2, 4, 4), transformer_depth=(1, 1, 1, 0), context_dim=24,
                        heads=4)  # fmt: skip
    ours = randomised(UNet(config), 3)
    theirs = diffusers.UNet2DConditionModel(
        block_out_channels=(32, 64, 128, 128), cross_attention_dim=24, attention_head_dim=4, norm_num_groups=32,
        down_block_types=[*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
        up_block_types=["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
    ).eval()  # fmt: skip
    table = unet_names(list(theirs.state_dict()))
    state = ours.state_dict()
    shapes = {name: weight.shape for name, weight in theirs.state_dict().items()}
    theirs.load_state_dict({name: state[own].reshape(shapes[name]) for name, own in table.items()})
    return ours, theirs


@pytest.fixture(scope="module")
def asked():
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(2, 4, 16, 24, generator=generator)
    return x, torch.tensor([3.0, 941.0]), torch.randn(2, 7, 24, generator=generator)


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (9, 15), (1, 6)], ids=str)
def test_freeu(size):
    """The change itself: diffusers chooses blocks by their place in its own layout, ComfyUI and we by their width."""
    from diffusers.utils.torch_utils import apply_freeu

    generator = torch.Generator().manual_seed(5)
    factors = {"b1": 1.3, "b2": 1.6, "s1": 0.9, "s2": 0.2}
    for stage, width in enumerate((128, 64)):
        x, skip = (torch.randn(2, channels, *size, generator=generator) for channels in (width, 48))
        wanted = apply_freeu(stage, x.clone(), skip.clone(), **factors)
        got = FreeU(**factors, adaptive=False).joins(x, skip, 32)
        for ours, theirs, before in zip(got, wanted, (x, skip), strict=True):
            assert difference(ours, theirs) <= LIMIT
            assert not torch.allclose(theirs, before, atol=1e-3)


@torch.no_grad()
def test_perturbed_attention(unets, asked):
    from diffusers.models.attention_processor import AttnProcessor2_0, PAGIdentitySelfAttnProcessor2_0

    ours, theirs = unets
    attention = theirs.mid_block.attentions[0].transformer_blocks[0].attn1
    # Theirs takes a batch of plain and perturbed items together; the second half is the perturbed one.
    attention.set_processor(PAGIdentitySelfAttnProcessor2_0())
    doubled = theirs(*(torch.cat([given, given]) for given in asked)).sample
    attention.set_processor(AttnProcessor2_0())
    plain, perturbed = doubled.chunk(2)
    got = ours(*asked, patches=(IdentityAttention(),))
    print(f"PAG diffusers max|diff|/std {difference(got, perturbed):.1e}")
    assert difference(got, perturbed) <= LIMIT
    assert difference(ours(*asked), plain) <= LIMIT
    assert difference(plain, perturbed) > 1e-3


@pytest.mark.parametrize("left_out", [[1], [0, 2]])
@torch.no_grad()
def test_skipped_layers(left_out, randomised):
    """Our network without some layers against diffusers' with the same ones skipped."""
    theirs = diffusers.SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=4, num_layers=3, attention_head_dim=16, num_attention_heads=4,
        joint_attention_dim=24, caption_projection_dim=64, pooled_projection_dim=12, out_channels=4,
        pos_embed_max_size=16,
    ).eval()  # fmt: skip
    state = randomised(theirs, 7).state_dict()
    ours = MMDiT(MMDiTConfig(4, 4, 64, 3, 16, 2, 24, 12, 16)).eval()
    ours.load_state_dict({name: source.tensor(state.__getitem__) for name, source in mmdit_sources(state).items()})
    generator = torch.Generator().manual_seed(8)
    x, context, y = (torch.randn(2, *shape, generator=generator) for shape in ((4, 12, 20), (5, 24), (12,)))
    time = torch.tensor([400.0, 990.0])
    wanted = theirs(x, context, y, time, skip_layers=left_out).sample
    got = ours(x, time, context, y, patches=(SkippedBlocks(frozenset(left_out)),))
    print(f"skipped layers {left_out} diffusers max|diff|/std {difference(got, wanted):.1e}")
    assert difference(got, wanted) <= LIMIT
    assert difference(ours(x, time, context, y), wanted) > 1e-2
