"""The tables of layers' names against the tables that load whole files, at the published families' shapes."""

import pytest
import torch

from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.flux import Flux, FluxConfig
from latentloom.engine.models.lora_keys import flat, place
from latentloom.engine.models.lora_kinds import Rows
from latentloom.engine.models.lora_names import DENOISER, TEXT, Target, is_text, layer_table, lookup
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.rename import unet_names
from latentloom.engine.models.unet import UNet, UNetConfig

SHAPES = {
    "SD1.x": UNetConfig(),
    "SDXL": UNetConfig(
        channel_mult=(1, 2, 4), transformer_depth=(0, 2, 10), middle_depth=10, context_dim=2048, head_channels=64,
        linear_projection=True, adm_channels=2816,
    ),
    "refiner": UNetConfig(
        model_channels=384, transformer_depth=(0, 4, 4, 0), middle_depth=4, context_dim=1280, head_channels=64,
        linear_projection=True, adm_channels=2560,
    ),
    "three blocks a level": UNetConfig(channel_mult=(1, 2), transformer_depth=(0, 1), res_blocks=3),
    "no attention in the middle": UNetConfig(channel_mult=(1, 2), transformer_depth=(1, 1), middle_depth=0),
}  # fmt: skip


def network(config):
    with torch.device("meta"):
        return UNet(config)


def layers(net):
    return {name.rpartition(".")[0] for name, _ in net.named_parameters()}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_layer_of_a_unet_has_diffusers_name(shape):
    """Each of diffusers' names leads, through the loader's table, back to the layer it stands for."""
    net = network(SHAPES[shape])
    table = layer_table(net)
    assert {target.layer for target in table.values()} == layers(net)
    diffusers = [
        name for layer in layers(net) for name in names_of(layer, table)
        if not name.startswith(("input_blocks", "output_blocks", "middle_block", "time_embed_", "label_emb", "out_"))
    ]  # fmt: skip
    assert len({table[name].layer for name in diffusers}) == len(layers(net))


def names_of(layer, table):
    return [name for name, target in table.items() if target.layer == layer]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_k", "input_blocks.2.1.transformer_blocks.0.attn2.to_k"),
        ("down_blocks.2.downsamplers.0.conv", "input_blocks.9.0.op"),
        ("down_blocks.3.resnets.1.conv2", "input_blocks.11.0.out_layers.3"),
        ("down_blocks.1.resnets.0.conv_shortcut", "input_blocks.4.0.skip_connection"),
        ("down_blocks.1.resnets.0.time_emb_proj", "input_blocks.4.0.emb_layers.1"),
        ("mid_block.resnets.1.conv1", "middle_block.2.in_layers.2"),
        ("mid_block.attentions.0.proj_in", "middle_block.1.proj_in"),
        ("up_blocks.0.upsamplers.0.conv", "output_blocks.2.1.conv"),
        ("up_blocks.1.upsamplers.0.conv", "output_blocks.5.2.conv"),
        ("up_blocks.3.attentions.2.transformer_blocks.0.ff.net.0.proj", "output_blocks.11.1.transformer_blocks.0.ff.net.0.proj"),
        ("conv_in", "input_blocks.0.0"), ("conv_out", "out.2"), ("time_embedding.linear_2", "time_embed.2"),
    ],
)  # fmt: skip
def test_names_of_sd1(theirs, ours):
    table = layer_table(network(SHAPES["SD1.x"]))
    for name in (
        "lora_unet_" + theirs.replace(".", "_"),
        "unet." + theirs,
        theirs,
        "lora_unet_" + ours.replace(".", "_"),
    ):
        assert lookup(name, table, DENOISER) == Target(ours)


@pytest.mark.parametrize("shape", ["SD1.x", "SDXL", "three blocks a level"])
def test_the_loaders_table_agrees(shape):
    """The same pairs as `rename.unet_names`, which is written the other way round."""
    table = layer_table(network(SHAPES[shape]))
    levels = len(SHAPES[shape].channel_mult)
    per_level = SHAPES[shape].blocks[0]
    depth = SHAPES[shape].transformer_depth
    keys = ["conv_in.weight", "conv_out.weight", "time_embedding.linear_1.weight"]
    for i in range(levels):
        for way, count, here in (("down", per_level, depth[i]), ("up", per_level + 1, depth[levels - 1 - i])):
            for j in range(count):
                keys.append(f"{way}_blocks.{i}.resnets.{j}.conv1.weight")
                if here:
                    keys.append(f"{way}_blocks.{i}.attentions.{j}.proj_in.weight")
        if i < levels - 1:
            keys += [f"down_blocks.{i}.downsamplers.0.conv.weight", f"up_blocks.{i}.upsamplers.0.conv.weight"]
    for theirs, ours in unet_names(keys).items():
        assert table[flat(theirs.removesuffix(".weight"))] == Target(ours.removesuffix(".weight")), theirs


def test_text_encoders():
    with torch.device("meta"):
        table = layer_table(CLIPText(CLIPTextConfig(width=64, layers=2, heads=1, mlp=96)))
    layer = Target("encoder.layers.1.self_attn.out_proj")
    for name in (
        "lora_te_text_model_encoder_layers_1_self_attn_out_proj", "text_encoder.text_model.encoder.layers.1.self_attn.out_proj",
        "text_encoder.text_model.encoder.layers.1.self_attn.to_out", "text_model.encoder.layers.1.self_attn.out_proj",
    ):  # fmt: skip
        assert is_text(name)
        assert lookup(name, table, TEXT["l"]) == layer
        assert lookup(name, table, TEXT["g"]) is None
    second = "lora_te2_text_model_encoder_layers_1_mlp_fc1"
    assert lookup(second, table, TEXT["g"]) == Target("encoder.layers.1.mlp.fc1")
    assert lookup(second, table, TEXT["l"]) is None
    assert not is_text("lora_unet_mid_block_resnets_0_conv1")


def test_sd3():
    with torch.device("meta"):
        table = layer_table(MMDiT(MMDiTConfig(width=128, depth=2, grid=8, dual=(0,), qk_norm=True)))
    found = {
        name: lookup(f"transformer.{name}", table, DENOISER)
        for name in (
            "transformer_blocks.1.attn.to_k", "transformer_blocks.0.attn.add_v_proj", "transformer_blocks.0.attn2.to_q",
            "transformer_blocks.0.norm1_context.linear", "transformer_blocks.1.norm1_context.linear",
            "transformer_blocks.0.ff_context.net.2", "norm_out.linear", "pos_embed.proj", "proj_out",
        )
    }  # fmt: skip
    assert list(found.values()) == [
        Target("joint_blocks.1.x_block.attn.qkv", Rows(128, 256)), Target("joint_blocks.0.context_block.attn.qkv", Rows(256, 384)),
        Target("joint_blocks.0.x_block.attn2.qkv", Rows(0, 128)),
        Target("joint_blocks.0.context_block.adaLN_modulation.1"),
        Target("joint_blocks.1.context_block.adaLN_modulation.1", Rows(swapped=True)),
        Target("joint_blocks.0.context_block.mlp.fc2"), Target("final_layer.adaLN_modulation.1", Rows(swapped=True)),
        Target("x_embedder.proj"), Target("final_layer.linear"),
    ]  # fmt: skip


def test_flux():
    with torch.device("meta"):
        form = FluxConfig(
            width=64, heads=2, double=1, single=2, mlp=256, axes=(8, 12, 12), context_dim=48, pooled_dim=40
        )
        table = layer_table(Flux(form))
    found = {
        name: lookup(name, table, DENOISER)
        for name in (
            "transformer.transformer_blocks.0.attn.to_k", "transformer.transformer_blocks.0.attn.add_v_proj",
            "transformer.single_transformer_blocks.1.attn.to_v", "transformer.single_transformer_blocks.1.proj_mlp",
            "transformer.single_transformer_blocks.0.proj_out", "transformer.norm_out.linear", "transformer.x_embedder",
            "transformer.time_text_embed.guidance_embedder.linear_2", "transformer.transformer_blocks.0.ff_context.net.2",
            "lora_unet_double_blocks_0_img_attn_qkv", "lora_unet_single_blocks_1_linear2",
            "lora_transformer_single_transformer_blocks_0_norm_linear",
        )
    }  # fmt: skip
    assert list(found.values()) == [
        Target("double_blocks.0.img_attn.qkv", Rows(64, 128)), Target("double_blocks.0.txt_attn.qkv", Rows(128, 192)),
        Target("single_blocks.1.linear1", Rows(128, 192)), Target("single_blocks.1.linear1", Rows(192, 448)),
        Target("single_blocks.0.linear2"), Target("final_layer.adaLN_modulation.1", Rows(swapped=True)), Target("img_in"),
        Target("guidance_in.out_layer"), Target("double_blocks.0.txt_mlp.2"),
        Target("double_blocks.0.img_attn.qkv"), Target("single_blocks.1.linear2"), Target("single_blocks.0.modulation.lin"),
    ]  # fmt: skip


def test_rows():
    weight = torch.arange(12.0).view(6, 2)
    middle = Rows(2, 4)
    assert torch.equal(middle.take(weight), weight[2:4])
    assert torch.equal(middle.put(torch.ones(2, 2), weight).sum(1), torch.tensor([0.0, 0, 2, 2, 0, 0]))
    swapped = Rows(swapped=True)
    assert torch.equal(swapped.take(weight), torch.cat([weight[3:], weight[:3]]))
    assert torch.equal(swapped.put(swapped.take(weight), weight), weight)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a.lora_up.weight", ("a", "up")), ("a.b.lora_A.weight", ("a.b", "down")), ("a.b.lora_B.default.weight", ("a.b", "up")),
        ("a.lora_magnitude_vector", ("a", "row_lengths")), ("a.lora_magnitude_vector.default.weight", ("a", "row_lengths")),
        ("a.lora_magnitude_vector.weight", ("a", "row_lengths")),
        ("x.to_q_lora.down.weight", ("x.to_q", "down")), ("a.lora_linear_layer.up.weight", ("a", "up")),
        ("a.hada_t1", ("a", "t1")), ("a.lokr_w2_a", ("a", "w2_a")), ("a.w_norm", ("a", "diff")), ("a.diff_b", ("a", "bias")),
        ("base_model.model.a.lora_A.weight", ("a", "down")),
        ("a.weight", None), (".alpha", None), ("lora_up.weight", None), ("a.oft_blocks", None), ("", None),
    ],
)  # fmt: skip
def test_places(key, expected):
    found = place(key)
    assert (found and (found.layer, found.factor)) == expected
