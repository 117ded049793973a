"""Our Flux against diffusers' transformer: the same random weights, float32, max|diff| / std <= 1e-4."""

import pytest
import torch

from latentloom.engine.models.deduce_flux import flux_config
from latentloom.engine.models.flux import Flux, FluxConfig, packed, unpacked
from latentloom.engine.models.rename_dit import flux_sources

diffusers = pytest.importorskip("diffusers")

LIMIT = 1e-4


def randomise(network):
    generator = torch.Generator().manual_seed(1)
    for name, parameter in network.named_parameters():
        spread = 0.05 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        value = torch.randn(parameter.shape, generator=generator) * spread
        parameter.data = value + 1 if "norm_" in name and parameter.ndim == 1 else value


@pytest.mark.parametrize("guided", [True, False], ids=["dev", "schnell"])
@torch.no_grad()
def test_the_network(guided):
    theirs = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=64, num_layers=2, num_single_layers=3, attention_head_dim=32, num_attention_heads=3,
        joint_attention_dim=48, pooled_projection_dim=40, guidance_embeds=guided, axes_dims_rope=(4, 14, 14),
    ).eval()  # fmt: skip
    randomise(theirs)
    state = theirs.state_dict()
    weights = {key: made.tensor(state.__getitem__) for key, made in flux_sources(state).items()}
    config = flux_config({key: tuple(value.shape) for key, value in weights.items()})
    assert config == FluxConfig(16, 16, 96, 3, 2, 3, 384, 48, 40, (4, 14, 14), guided)
    ours = Flux(config).eval()
    ours.load_state_dict(weights, strict=True)
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 16, 12, 20, generator=generator)
    context, pooled = torch.randn(2, 7, 48, generator=generator), torch.randn(2, 40, generator=generator)
    times, guidance = torch.tensor([3.5, 700.0]), torch.tensor([1.0, 3.5]) if guided else None
    found = ours(x, times, context, pooled, guidance)
    rows, columns = torch.meshgrid(torch.arange(6), torch.arange(10), indexing="ij")
    places = torch.stack([torch.zeros(60), rows.flatten(), columns.flatten()], dim=1)
    tokens = theirs(
        hidden_states=packed(x), encoder_hidden_states=context, pooled_projections=pooled, timestep=times / 1000,
        img_ids=places, txt_ids=torch.zeros(7, 3), guidance=guidance,
    ).sample  # fmt: skip
    wanted = unpacked(tokens, 6, 10)
    assert wanted.std() > 1e-2, "the oracle's output carries no signal"
    assert float((found - wanted).abs().max() / wanted.std()) <= LIMIT


def test_packing_is_that_of_the_pipelines():
    x = torch.arange(2 * 16 * 6 * 10.0).view(2, 16, 6, 10)
    assert torch.equal(packed(x), diffusers.FluxPipeline._pack_latents(x, 2, 16, 6, 10))
    assert torch.equal(unpacked(packed(x), 3, 5), x)
