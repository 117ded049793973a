"""Our MMDiT against diffusers' SD3 transformer: the same random weights, float32, max|diff| / std <= 1e-4."""

import pytest
import torch

from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.rename_dit import mmdit_sources

diffusers = pytest.importorskip("diffusers")

LIMIT = 1e-4
DEPTH = 3


def randomise(network):
    generator = torch.Generator().manual_seed(1)
    for name, parameter in network.named_parameters():
        spread = 0.05 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        value = torch.randn(parameter.shape, generator=generator) * spread
        parameter.data = value + 1 if "norm_" in name and parameter.ndim == 1 else value


@pytest.mark.parametrize(
    ("norm", "dual"), [(None, ()), ("rms_norm", ()), ("rms_norm", (0, 1))], ids=["SD3", "SD3.5 large", "SD3.5 medium"]
)
@torch.no_grad()
def test_the_network(norm, dual):
    theirs = diffusers.SD3Transformer2DModel(
        sample_size=32, patch_size=2, in_channels=16, num_layers=DEPTH, attention_head_dim=32, num_attention_heads=3,
        joint_attention_dim=48, caption_projection_dim=96, pooled_projection_dim=40, out_channels=16,
        pos_embed_max_size=24, dual_attention_layers=dual, qk_norm=norm,
    ).eval()  # fmt: skip
    randomise(theirs)
    ours = MMDiT(MMDiTConfig(16, 16, 96, DEPTH, 32, 2, 48, 40, 24, norm is not None, dual)).eval()
    state = theirs.state_dict()
    ours.load_state_dict(
        {key: made.tensor(state.__getitem__) for key, made in mmdit_sources(state).items()}, strict=True
    )
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 16, 12, 20, generator=generator)
    context, pooled = torch.randn(2, 7, 48, generator=generator), torch.randn(2, 40, generator=generator)
    times = torch.tensor([3.5, 700.0])
    found = ours(x, times, context, pooled)
    wanted = theirs(hidden_states=x, encoder_hidden_states=context, pooled_projections=pooled, timestep=times).sample
    assert wanted.std() > 1e-2, "the oracle's output carries no signal"
    assert float((found - wanted).abs().max() / wanted.std()) <= LIMIT


def test_a_picture_beyond_the_grid_is_refused():
    network = MMDiT(MMDiTConfig(width=64, depth=1, context_dim=8, pooled_dim=8, grid=4))
    with pytest.raises(ValueError, match="5x4 patches does not fit the model's grid of 4x4"):
        network(torch.zeros(1, 16, 10, 8), torch.zeros(1), torch.zeros(1, 1, 8), torch.zeros(1, 8))
