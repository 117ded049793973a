"""Names of diffusers' transformers: pure rules, without weights. The oracles check them on whole networks."""

import pytest

from latentloom.engine.models.piece import Piece
from latentloom.engine.models.rename_dit import flux_sources, mmdit_sources


def test_queries_keys_and_values_are_joined_in_their_order_whatever_the_file_s():
    block = "transformer_blocks.4.attn"
    found = mmdit_sources(
        [f"{block}.to_v.bias", f"{block}.to_q.bias", f"{block}.to_k.bias", f"{block}.add_q_proj.bias"]
    )
    assert found["joint_blocks.4.x_block.attn.qkv.bias"].keys == tuple(f"{block}.to_{x}.bias" for x in "qkv")
    assert found["joint_blocks.4.context_block.attn.qkv.bias"].keys == (f"{block}.add_q_proj.bias",)
    single = "single_transformer_blocks.11"
    fused = flux_sources([f"{single}.proj_mlp.weight", *(f"{single}.attn.to_{x}.weight" for x in "kvq")])
    assert list(fused) == ["single_blocks.11.linear1.weight"]
    assert fused["single_blocks.11.linear1.weight"].keys == (
        *(f"{single}.attn.to_{x}.weight" for x in "qkv"), f"{single}.proj_mlp.weight",
    )  # fmt: skip


def test_only_the_last_text_stream_and_the_end_swap_their_halves():
    keys = [f"transformer_blocks.{i}.norm1_context.linear.weight" for i in (0, 9, 10)]
    found = mmdit_sources([*keys, "transformer_blocks.10.norm1.linear.weight", "norm_out.linear.bias"])
    swapped = {ours for ours, piece in found.items() if piece.swapped}
    ends = "joint_blocks.10.context_block.adaLN_modulation.1.weight"
    assert swapped == {ends, "final_layer.adaLN_modulation.1.bias"}
    assert [ours for ours, piece in flux_sources([*keys, "norm_out.linear.bias"]).items() if piece.swapped] == [
        "final_layer.adaLN_modulation.1.bias"
    ]


@pytest.mark.parametrize("sources", [mmdit_sources, flux_sources])
@pytest.mark.parametrize("key", ["", "x", "transformer_blocks.0.strange.weight", "transformer_blocks.weight", "a.b.c"])
def test_what_no_rule_covers_stays_itself(sources, key):
    assert sources([key]) == {key: Piece((key,))}


def test_flux_norms_are_scales():
    key = "transformer_blocks.0.attn.norm_added_k.weight"
    assert flux_sources([key]) == {"double_blocks.0.txt_attn.norm.key_norm.scale": Piece((key,))}
