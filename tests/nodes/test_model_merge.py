"""Merging: every weight against its sum, the models given untouched."""

import copy
import json

import pytest
import torch

from latentloom.engine.comfy.write_ui import to_ui
from latentloom.engine.errors import UserError
from latentloom.engine.folders import Folders
from latentloom.engine.graph.assign import assign, parse_assignments
from latentloom.engine.graph.validate import validate
from latentloom.engine.library import load, registry
from latentloom.engine.models.flux import Flux, FluxConfig
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.nodes import model_merge as nodes


@pytest.fixture(scope="module")
def pair(tiny, randomised):
    """The tiny model and another of its kind."""
    return tiny.model, tiny.model.with_(network=randomised(copy.deepcopy(tiny.model.network), 77))


def weights(model):
    return {name: weight.clone() for name, weight in model.network.state_dict().items()}


def same(a, b, tolerance=1e-6):
    assert a.keys() == b.keys()
    return all(torch.allclose(a[name], b[name], atol=tolerance) for name in a)


def test_simple(pair):
    first, second = (weights(model) for model in pair)
    merged = nodes.model_merge_simple(model1=pair[0], model2=pair[1], ratio=0.25)
    assert same(weights(merged), {name: 0.25 * first[name] + 0.75 * second[name] for name in first})
    assert not any(parameter.requires_grad for parameter in merged.network.parameters())
    for ratio, wanted in ((1.0, first), (0.0, second)):
        got = weights(nodes.model_merge_simple(model1=pair[0], model2=pair[1], ratio=ratio))
        assert all(torch.equal(got[name], wanted[name]) for name in wanted)
    assert all(torch.equal(weights(pair[0])[name], first[name]) for name in first), "the first is changed"


def test_blocks_have_shares_of_their_own(pair):
    first, second = (weights(model) for model in pair)
    got = weights(nodes.model_merge_blocks(model1=pair[0], model2=pair[1], input=0.2, middle=1.0, out=0.0))
    for name, weight in got.items():
        share = 1.0 if name.startswith("middle_block") else 0.0 if name.startswith("out") else 0.2
        assert torch.allclose(weight, share * first[name] + (1 - share) * second[name], atol=1e-6), name


def test_a_difference_added_to_a_third_carries_over(pair, randomised):
    base, tuned = pair
    third = base.with_(network=randomised(copy.deepcopy(base.network), 99))
    difference = nodes.model_merge_subtract(model1=tuned, model2=base, multiplier=0.5)
    a, b, c = (weights(model) for model in (tuned, base, third))
    assert same(weights(difference), {name: 0.5 * (a[name] - b[name]) for name in a})
    total = nodes.model_merge_add(model1=third, model2=difference)
    assert same(weights(total), {name: c[name] + 0.5 * (a[name] - b[name]) for name in a})


def test_half_precision_keeps_small_shares(pair):
    halves = [model.with_(network=copy.deepcopy(model.network).half()) for model in pair]
    merged = nodes.model_merge_simple(model1=halves[0], model2=halves[1], ratio=0.999)
    exact = {name: 0.999 * weights(halves[0])[name].double() + 0.001 * weights(halves[1])[name].double()
             for name in weights(halves[0])}  # fmt: skip
    assert merged.dtype == torch.float16
    for name, weight in weights(merged).items():  # half of the last place, or of the smallest number
        assert torch.allclose(weight.double(), exact[name], rtol=2**-11, atol=2**-24), name


def test_text_encoders(tiny, randomised):
    other = tiny.clip.with_(network=randomised(copy.deepcopy(tiny.clip.network), 5))
    a, b = (clip.network.state_dict() for clip in (tiny.clip, other))

    def got(clip):
        return dict(clip.network.state_dict())

    merged = nodes.clip_merge_simple(clip1=tiny.clip, clip2=other, ratio=0.25)
    assert same(got(merged), {name: 0.25 * a[name] + 0.75 * b[name] for name in a})
    assert not torch.allclose(merged.encode("a red circle")[0], tiny.clip.encode("a red circle")[0])
    difference = nodes.clip_merge_subtract(clip1=other, clip2=tiny.clip, multiplier=-2.0)
    assert same(got(difference), {name: -2 * (b[name] - a[name]) for name in a})
    total = nodes.clip_merge_add(clip1=tiny.clip, clip2=difference)
    assert same(got(total), {name: a[name] - 2 * (b[name] - a[name]) for name in a}, 1e-5)


def test_unlike_parts_are_refused(pair, tiny, randomised):
    config = UNetConfig(model_channels=32, channel_mult=(1,), transformer_depth=(1,), context_dim=64, res_blocks=1)
    with pytest.raises(UserError) as caught:
        nodes.model_merge_add(model1=pair[0], model2=pair[0].with_(network=UNet(config)))
    assert (caught.value.code, caught.value.input) == ("M030", "model2")

    class Stack:
        parts = {"l": tiny.clip, "g": tiny.clip}

    with pytest.raises(UserError) as caught:
        nodes.clip_merge_add(clip1=tiny.clip, clip2=Stack())
    assert (caught.value.code, caught.value.input) == ("M030", "clip2")


FAMILIES = {
    "ModelMergeSD1": lambda: UNet(UNetConfig()),
    "ModelMergeSD2": lambda: UNet(UNetConfig(head_channels=64, context_dim=1024, linear_projection=True)),
    "ModelMergeSDXL": lambda: UNet(UNetConfig(channel_mult=(1, 2, 4), transformer_depth=(0, 2, 10), middle_depth=10,
                                              context_dim=2048, head_channels=64, adm_channels=2816)),
    "ModelMergeSD3_2B": lambda: MMDiT(MMDiTConfig()),
    "ModelMergeSD35_Large": lambda: MMDiT(MMDiTConfig(width=2432, depth=38, qk_norm=True)),
    "ModelMergeFlux1": lambda: Flux(FluxConfig()),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_names_of_shares_are_starts_of_the_familys_weights(family):
    """Every block that the node names is one of the network's, and every weight has a name but for those noted."""
    function = next(f for f in vars(nodes).values() if getattr(getattr(f, "__node__", None), "id", "") == family)
    starts = [entry.name for entry in function.__node__.inputs if entry.widget is not None]
    with torch.device("meta"):
        names = list(FAMILIES[family]().state_dict())
    unused = {start for start in starts if not any(name.startswith(start) for name in names)}
    unnamed = {name.partition(".")[0] for name in names if not any(name.startswith(start) for start in starts)}
    # SD1.x has no vector; SD3's positions are one weight, whose name ends where ComfyUI's share goes on with a dot.
    assert unused <= {"label_emb.", "pos_embed."}
    assert unnamed <= {"pos_embed"}


def test_blocks_by_name(pair):
    first, second = (weights(model) for model in pair)
    function = nodes.model_merge_sd1
    shares = {entry.name: 1.0 for entry in function.__node__.inputs if entry.widget is not None}
    shares |= {"time_embed.": 0.5, "input_blocks.1.": 0.0, "out.": 0.25}
    got = weights(function(model1=pair[0], model2=pair[1], **shares))
    for name, weight in got.items():
        share = next((value for start, value in shares.items() if name.startswith(start)), 0.5)
        assert torch.allclose(weight, share * first[name] + (1 - share) * second[name], atol=1e-6), name


def test_names_with_dots_go_through_files_and_assignments(tmp_path):
    """Inputs that Python cannot spell: validated, written as an editor's file, read back, set from outside."""
    nodes = registry(tmp_path)
    model = ["1", 0]
    api = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "loom-shapes-sd15.safetensors"}},
        "2": {"class_type": "ModelMergeSD1", "inputs": {"model1": model, "model2": model, "input_blocks.1.": 0.5}},
    }
    path = tmp_path / "merge.json"
    path.write_text(json.dumps(to_ui(api, nodes)), encoding="utf-8")
    graph = load(path, nodes)
    assert validate(graph, nodes, Folders(tmp_path), targets=["2"]) == ()
    assert (graph["2"].inputs["input_blocks.1."], graph["2"].inputs["out."]) == (0.5, 1.0)
    values = parse_assignments(graph, nodes, ["2.out.=0.25", "2.input_blocks.10.=0"])
    changed = assign(graph, values)["2"].inputs
    assert (changed["out."], changed["input_blocks.10."], changed["input_blocks.1."]) == (0.25, 0.0, 0.5)
    wrong = assign(graph, {"2.out.": 7.0})
    assert [problem.code for problem in validate(wrong, nodes, Folders(tmp_path), targets=["2"])] == ["G003"]
