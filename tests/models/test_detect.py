import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.models.arch import ARCHITECTURES
from latentloom.engine.models.detect import All, Any, Dim, Has, Not, Rank, Suffix, detect
from latentloom.engine.models.family import FAMILIES

SHAPES = {"a.weight": (3, 4), "b.weight": (3, 4, 1, 1), "c.bias": (3,)}


@pytest.mark.parametrize(
    ("condition", "accepted", "total", "missing"),
    [
        (Has("a.weight"), 1, 1, ()),
        (Has("z"), 0, 1, ('"z"',)),
        (Rank("b.weight", 4), 1, 1, ()),
        (Rank("a.weight", 4), 0, 1, ('"a.weight" with 4 dimensions',)),
        (Rank("z", 0), 0, 1, ('"z" with 0 dimensions',)),
        (Dim("a.weight", 1, 3, 4), 1, 1, ()),
        (Dim("a.weight", 0, 4, 5), 0, 1, ('"a.weight" with 4 or 5 in dimension 0',)),
        (Dim("a.weight", 2, 3), 0, 1, None),
        (Suffix(".bias"), 1, 1, ()),
        (Suffix(".lora"), 0, 1, ('a key ending in ".lora"',)),
        (Not(Has("z")), 0, 0, ()),
        (Not(Has("a.weight")), 0, 1, None),
        (All(Has("a.weight"), Has("y"), Has("z")), 1, 3, ('"y"', '"z"')),
        (Any(All(Has("y"), Has("z")), All(Has("a.weight"), Has("x"))), 1, 2, ('"x"',)),
        (All(Has("c.bias"), Any(Has("y"), Has("a.weight"))), 2, 2, ()),
    ],
)
def test_conditions_count_and_explain(condition, accepted, total, missing):
    match = condition.match(SHAPES)
    assert (match.accepted, match.total, match.full) == (accepted, total, accepted == total)
    if missing is not None:
        assert match.missing == missing


def shapes_of(loaded):
    parts = {
        "model.diffusion_model.": loaded.model.network,
        "first_stage_model.": loaded.vae.network,
        "cond_stage_model.transformer.text_model.": loaded.clip.network,
    }
    return {p + k: tuple(v.shape) for p, network in parts.items() for k, v in network.state_dict().items()}


def test_a_near_miss_is_explained(tiny):
    shapes = shapes_of(tiny)
    for key in ("first_stage_model.encoder.conv_in.weight", "model.diffusion_model.out.2.weight"):
        del shapes[key]
    shapes = {key: shape for key, shape in shapes.items() if "decoder.mid" not in key and "final_layer" not in key}
    with pytest.raises(UserError) as caught:
        detect(ARCHITECTURES, shapes, "near.safetensors")
    assert str(caught.value) == (
        f'M002 "near.safetensors": expected a known kind of model file, got {len(shapes)} keys that match no known '
        'architecture; nearest: SD1.x checkpoint (7 of 9 keys; missing "model.diffusion_model.out.2.weight", '
        '"first_stage_model.encoder.conv_in.weight"). Check that the file is whole and of a supported family.'
    )


def test_nothing_in_common_names_no_neighbour():
    with pytest.raises(UserError) as caught:
        detect(ARCHITECTURES, {"x": (1,)}, "odd.safetensors")
    assert "nearest" not in str(caught.value)


UNET, CLIP = "model.diffusion_model.", "cond_stage_model."
UNET = "model.diffusion_model."
FILES = {
    "Playground 2.5 (EDM) model": ["edm_mean", "edm_std", UNET + "label_emb.0.0.weight"],
    "ControlNet of another kind": ["lora_controlnet", "input_blocks.0.0.weight"],
    "SD3 ControlNet": ["pos_embed_input.proj.weight", "controlnet_blocks.0.weight"],
    "SDXL ControlNet": ["control_model.input_hint_block.0.weight", "control_model.label_emb.0.0.weight"],
    "SD2.x ControlNet": ["input_hint_block.0.weight", "middle_block.1.proj_in.weight"],
    "TAESD preview decoder": ["1.weight", "3.conv.0.weight"],
    "OpenCLIP text encoder": ["token_embedding.weight", "transformer.resblocks.0.ln_1.weight"],
    "T5 text encoder": ["shared.weight", "encoder.block.0.layer.0.SelfAttention.q.weight"],
    "LoRA": ["lora_unet_x.lora_up.weight", "lora_unet_x.lora_down.weight", "lora_unet_x.alpha"],
    "upscaler of another kind": ["conv_first.weight", "layers.0.residual_group.blocks.0.norm1.weight"],
    "textual inversion": ["emb_params"],
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_other_families_are_told_apart(name):
    assert detect(ARCHITECTURES, dict.fromkeys(FILES[name], (2, 2)), "x").name == name


def test_the_parts_of_sd1_are_told_apart(tiny):
    for prefix, network, name in (
        ("", tiny.model.network, "SD1.x UNet"),
        ("model.diffusion_model.", tiny.model.network, "SD1.x UNet"),
        ("", tiny.vae.network, "autoencoder (VAE)"),
        ("first_stage_model.", tiny.vae.network, "autoencoder (VAE)"),
        ("", tiny.clip.network, "CLIP text encoder"),
        ("text_model.", tiny.clip.network, "CLIP text encoder"),
    ):
        shapes = {prefix + key: tuple(value.shape) for key, value in network.state_dict().items()}
        assert detect(ARCHITECTURES, shapes, "x").name == name
    assert detect(ARCHITECTURES, shapes_of(tiny), "x").name == "SD1.x checkpoint"


def test_names_are_unique_and_every_family_is_readable_whole_and_in_part():
    names = [entry.name for entry in ARCHITECTURES]
    assert len(set(names)) == len(names)
    for kind in ("checkpoint", "unet"):
        readable = [entry.family for entry in ARCHITECTURES if entry.kind == kind and entry.readable]
        assert sorted(readable) == sorted(FAMILIES)
