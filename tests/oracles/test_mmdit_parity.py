"""Our MMDiT against diffusers' SD3 transformer: the same random weights, float32, max|diff| / std <= 1e-4."""

import pytest
import torch

from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig

diffusers = pytest.importorskip("diffusers")

LIMIT = 1e-4
DEPTH = 3
ENDS = {
    "pos_embed.proj": "x_embedder.proj",
    "context_embedder": "context_embedder",
    "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
    "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
    "proj_out": "final_layer.linear",
}
# Per stream: norm, queries keys values, output, norms of queries and keys, feed-forward.
STREAMS = {
    "x_block": ("norm1", ("to_q", "to_k", "to_v"), "to_out.0", ("norm_q", "norm_k"), "ff"),
    "context_block": (
        "norm1_context", ("add_q_proj", "add_k_proj", "add_v_proj"), "to_add_out", ("norm_added_q", "norm_added_k"),
        "ff_context",
    ),
}  # fmt: skip


def swapped(tensor):
    """Exchange the halves: diffusers keeps (scale, shift) where the published files keep (shift, scale)."""
    return torch.cat(tensor.chunk(2)[::-1])


def translated(state):
    """Return diffusers' weights under the published files' names."""
    found = {"pos_embed": state["pos_embed.pos_embed"]}
    for leaf in ("weight", "bias"):
        found |= {f"{ours}.{leaf}": state[f"{theirs}.{leaf}"] for theirs, ours in ENDS.items()}
        found[f"final_layer.adaLN_modulation.1.{leaf}"] = swapped(state[f"norm_out.linear.{leaf}"])
    for block in range(DEPTH):
        theirs = f"transformer_blocks.{block}."
        for side, (norm, projections, output, norms, feed) in STREAMS.items():
            ours = f"joint_blocks.{block}.{side}."
            ends = block == DEPTH - 1 and side == "context_block"
            for leaf in ("weight", "bias"):
                found[f"{ours}attn.qkv.{leaf}"] = torch.cat([state[f"{theirs}attn.{p}.{leaf}"] for p in projections])
                modulation = state[f"{theirs}{norm}.linear.{leaf}"]
                found[f"{ours}adaLN_modulation.1.{leaf}"] = swapped(modulation) if ends else modulation
                if not ends:
                    found[f"{ours}attn.proj.{leaf}"] = state[f"{theirs}attn.{output}.{leaf}"]
                    found[f"{ours}mlp.fc1.{leaf}"] = state[f"{theirs}{feed}.net.0.proj.{leaf}"]
                    found[f"{ours}mlp.fc2.{leaf}"] = state[f"{theirs}{feed}.net.2.{leaf}"]
                if side == "x_block" and f"{theirs}attn2.to_q.{leaf}" in state:
                    dual = [state[f"{theirs}attn2.{p}.{leaf}"] for p in projections]
                    found[f"{ours}attn2.qkv.{leaf}"] = torch.cat(dual)
                    found[f"{ours}attn2.proj.{leaf}"] = state[f"{theirs}attn2.to_out.0.{leaf}"]
            for name, own in zip(norms, ("ln_q", "ln_k"), strict=True):
                for attention in ("attn", "attn2"):
                    if (key := f"{theirs}{attention}.{name}.weight") in state:
                        found[f"{ours}{attention}.{own}.weight"] = state[key]
    return found


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
    ours.load_state_dict(translated(theirs.state_dict()), strict=True)
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
