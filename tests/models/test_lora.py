"""LoRA files of every layout and kind over tiny networks: what runs equals weights merged by the formula."""

import json

import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.errors import UserError
from latentloom.engine.models.lora import apply_lora, load_lora, unused_text
from latentloom.engine.models.patched import PatchedWeights

UP = torch.Generator().manual_seed(7)

TO_Q = "input_blocks.1.1.transformer_blocks.0.attn1.to_q"
TO_OUT = "input_blocks.1.1.transformer_blocks.0.attn1.to_out.0"
CONV = "input_blocks.1.0.in_layers.2"
THEIRS = {
    TO_Q: "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    TO_OUT: "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0",
    CONV: "down_blocks.0.resnets.0.conv1",
}
TEXT_Q = "encoder.layers.0.self_attn.q_proj"


def rand(*shape):
    return torch.randn(shape, generator=UP) * 0.3


def under(name):
    return name.replace(".", "_")


@pytest.fixture
def weight(tiny):
    """`weight(layer)`: of the network it is a layer of, as loaded."""

    def get(layer):
        network = tiny.clip.base if layer.startswith("encoder") else tiny.model.base
        return network.get_parameter(layer + ".weight")

    return get


@pytest.fixture
def write(tmp_path):
    """Write tensors as a file and return its path."""

    def save(tensors, metadata=None, name="a.safetensors"):
        path = tmp_path / name
        save_file({key: value.contiguous() for key, value in tensors.items()}, path, metadata=metadata)
        return path

    return save


def factors(shape, rank=2):
    """The two factors of a change of a weight, convolutions as files have them."""
    if len(shape) == 4:
        return rand(shape[0], rank, 1, 1), rand(rank, *shape[1:])
    return rand(shape[0], rank), rand(rank, shape[1])


def product(up, down, shape):
    return (up.flatten(1) @ down.flatten(1)).reshape(shape)


def changed(applied, layer, leaf="weight"):
    network = applied.clip.network if layer.startswith("encoder") else applied.model.network
    return network.get_parameter(f"{layer}.{leaf}")


LAYOUTS = {
    "kohya": (
        lambda layer: "lora_unet_" + under(THEIRS[layer]), lambda layer: "lora_te_text_model_" + under(layer),
        ".lora_up.weight", ".lora_down.weight",
    ),
    "kohya, ldm's names": (
        lambda layer: "lora_unet_" + under(layer), lambda layer: "lora_te1_text_model_" + under(layer),
        ".lora_up.weight", ".lora_down.weight",
    ),
    "diffusers": (
        lambda layer: "unet." + THEIRS[layer], lambda layer: "text_encoder.text_model." + layer,
        ".lora_B.weight", ".lora_A.weight",
    ),
    "peft, adapter named": (
        lambda layer: "base_model.model." + THEIRS[layer], lambda layer: "base_model.model.text_model." + layer,
        ".lora_B.default.weight", ".lora_A.default.weight",
    ),
    "diffusers, layers": (
        lambda layer: "unet." + THEIRS[layer], lambda layer: "text_encoder.text_model." + layer,
        ".lora.up.weight", ".lora.down.weight",
    ),
    "diffusers, text encoder's layers": (
        lambda layer: "unet." + THEIRS[layer], lambda layer: "text_encoder.text_model." + layer,
        ".lora_linear_layer.up.weight", ".lora_linear_layer.down.weight",
    ),
    "diffusers, processors": (
        lambda layer: "unet." + THEIRS[layer].replace("attn1.", "attn1.processor.").replace(".to_out.0", ".to_out"),
        lambda layer: "text_encoder.text_model." + layer.replace("q_proj", "to_q"),
        "_lora.up.weight", "_lora.down.weight",
    ),
    "LyCORIS": (
        lambda layer: "lycoris_" + under(THEIRS[layer]), lambda layer: "lora_te_" + under(layer),
        ".lora_up.weight", ".lora_down.weight",
    ),
    "own names": (
        lambda layer: "diffusion_model." + layer, lambda layer: "text_encoders.clip_l.transformer." + layer,
        ".lora_up.weight", ".lora_down.weight",
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout(tiny, write, weight, layout):
    unet, text, up_end, down_end = LAYOUTS[layout]
    tensors, expected = {}, {}
    for layer in (TO_Q, TO_OUT, CONV, TEXT_Q):
        up, down = factors(weight(layer).shape)
        name = (text if layer == TEXT_Q else unet)(layer)
        tensors |= {name + up_end: up, name + down_end: down}
        expected[layer] = product(up, down, weight(layer).shape)
    applied = apply_lora(load_lora(write(tensors)), tiny.model, tiny.clip, 0.7, -0.4)
    assert applied.unused == ()
    for layer, change in expected.items():
        strength = -0.4 if layer == TEXT_Q else 0.7
        assert torch.allclose(changed(applied, layer), weight(layer) + strength * change, atol=1e-6), layer


def scaled(name, alpha):
    return {f"{name}.alpha": torch.tensor(alpha)}


W1A, W1B, W2A, W2B = "w1_a", "w1_b", "w2_a", "w2_b"


def kinds():
    """(layer, factors by key ending, expected change of a weight of 32 outputs)."""
    up, down = rand(32, 2), rand(2, 32)
    parts = {"lora_up.weight": up, "lora_down.weight": down, "alpha": torch.tensor(1.0)}
    yield "LoRA with alpha", TO_Q, parts, up @ down / 2
    up, down, mid = rand(32, 3, 1, 1), rand(3, 32, 1, 1), rand(3, 3, 3, 3)
    yield "LoCon in Tucker's form", CONV, {
        "lora_up.weight": up, "lora_down.weight": down, "lora_mid.weight": mid, "alpha": torch.tensor(6.0),
    }, 2 * torch.einsum("oa,abhw,bi->oihw", up[:, :, 0, 0], mid, down[:, :, 0, 0])  # fmt: skip
    a, b, c, d = rand(32, 4), rand(4, 32), rand(32, 4), rand(4, 32)
    hada = {f"hada_{name}": value for name, value in zip((W1A, W1B, W2A, W2B), (a, b, c, d), strict=True)}
    yield "LoHa", TO_Q, {**hada, "alpha": torch.tensor(2.0)}, (a @ b) * (c @ d) / 2
    a, b, c, d = rand(4, 32), rand(4, 32), rand(4, 32), rand(4, 32)
    s, t = rand(4, 4, 3, 3), rand(4, 4, 3, 3)
    yield "LoHa in Tucker's form", CONV, {
        "hada_t1": s, "hada_t2": t, "hada_w1_a": a, "hada_w1_b": b, "hada_w2_a": c, "hada_w2_b": d,
    }, torch.einsum("xykl,xo,yi->oikl", s, a, b) * torch.einsum("xykl,xo,yi->oikl", t, c, d)  # fmt: skip
    one, two = rand(4, 8), rand(8, 4)
    parts = {"lokr_w1": one, "lokr_w2": two, "alpha": torch.tensor(9.0)}
    yield "LoKr, both whole: alpha means nothing", TO_Q, parts, torch.kron(one, two)
    a, b, c, d = rand(4, 2), rand(2, 8), rand(8, 2), rand(2, 4)
    yield "LoKr, both low-rank", TO_Q, {
        "lokr_w1_a": a, "lokr_w1_b": b, "lokr_w2_a": c, "lokr_w2_b": d, "alpha": torch.tensor(1.0),
    }, torch.kron(a @ b, c @ d) / 2  # fmt: skip
    one, two = rand(4, 4), rand(8, 8, 3, 3)
    yield "LoKr of a convolution", CONV, {"lokr_w1": one, "lokr_w2": two}, torch.kron(one[:, :, None, None], two)
    a, b = rand(8, 2), rand(2, 8 * 9)
    two = (a @ b).reshape(8, 8, 3, 3)
    parts = {"lokr_w1": one, "lokr_w2_a": a, "lokr_w2_b": b}
    blocks = [torch.cat([one[i, j] * two for j in range(4)], dim=1) for i in range(4)]
    yield "LoKr of a convolution, low-rank", CONV, parts, torch.cat(blocks)
    core, c, d = rand(2, 2, 3, 3), rand(2, 8), rand(2, 8)
    yield "LoKr in Tucker's form", CONV, {
        "lokr_w1": one, "lokr_t2": core, "lokr_w2_a": c, "lokr_w2_b": d, "alpha": torch.tensor(4.0),
    }, 2 * torch.kron(one[:, :, None, None], torch.einsum("xykl,xo,yi->oikl", core, c, d).contiguous())  # fmt: skip
    whole = rand(32, 32)
    yield "whole difference", TO_Q, {"diff": whole}, whole


@pytest.mark.parametrize(("layer", "parts", "change"), [pytest.param(*case[1:], id=case[0]) for case in kinds()])
def test_kind(tiny, write, weight, layer, parts, change):
    path = write({f"lora_unet_{under(layer)}.{end}": value for end, value in parts.items()})
    applied = apply_lora(load_lora(path), tiny.model, None, 0.5)
    assert applied.unused == ()
    assert torch.allclose(changed(applied, layer), weight(layer) + 0.5 * change, atol=1e-6)


def test_biases_and_norms(tiny, write):
    norm, bias = rand(32), rand(32)
    path = write({
        "lora_unet_input_blocks_1_0_in_layers_0.w_norm": norm, "lora_unet_input_blocks_1_0_in_layers_0.b_norm": bias,
        "lora_unet_input_blocks_1_0_in_layers_2.diff_b": bias.clone(),
    })  # fmt: skip
    applied = apply_lora(load_lora(path), tiny.model)
    assert applied.unused == ()
    for layer, leaf, change in (
        ("input_blocks.1.0.in_layers.0", "weight", norm), ("input_blocks.1.0.in_layers.0", "bias", bias), (CONV, "bias", bias),
    ):  # fmt: skip
        assert torch.equal(changed(applied, layer, leaf), tiny.model.base.get_parameter(f"{layer}.{leaf}") + change)


@pytest.mark.parametrize("layer", [TO_Q, CONV])
@pytest.mark.parametrize("along", ["rows", "columns", "peft"])
def test_dora(tiny, write, weight, layer, along):
    up, down = factors(weight(layer).shape)
    moved = weight(layer) + product(up, down, weight(layer).shape)
    ones = [1] * (moved.ndim - 2)
    if along == "columns":
        lengths = (1 + rand(32).abs()).reshape(1, -1, *ones)
        norm = moved.transpose(0, 1).flatten(1).norm(dim=1).reshape(1, -1, *ones)
    else:
        lengths = (1 + rand(32).abs()).reshape(-1, 1, *ones)
        norm = moved.flatten(1).norm(dim=1).reshape(-1, 1, *ones)
    expected = lengths * moved / norm
    name = f"lora_unet_{under(layer)}"
    if along == "peft":  # one length a row, whatever the shape
        saved = lengths.reshape(1, -1, *ones) if ones else lengths.flatten()
        tensors = {"lora_A.weight": down, "lora_B.weight": up, "lora_magnitude_vector": saved}
        name = "unet." + THEIRS[layer]
    else:
        tensors = {"lora_down.weight": down, "lora_up.weight": up, "dora_scale": lengths}
    lora = load_lora(write({f"{name}.{end}": value for end, value in tensors.items()}))
    full, half = (changed(apply_lora(lora, tiny.model, None, strength), layer) for strength in (1.0, 0.5))
    assert torch.allclose(full, expected, atol=1e-6)
    assert torch.allclose(half, (weight(layer) + expected) / 2, atol=1e-6)


@pytest.mark.parametrize(("stated", "scale"), [
    ({"unet.lora_alpha": 8, "unet.r": 4}, 2), ({"unet.lora_alpha": 8, "unet.use_rslora": True}, 4),
    ({"unet.lora_alpha": 8, "unet.alpha_pattern": {"attn1.to_q": 2}}, 0.5), ({"text_encoder.lora_alpha": 8}, 1),
    ([], 1), ({"unet.lora_alpha": "8"}, 1),
])  # fmt: skip
def test_alpha_stated_beside_the_tensors(tiny, write, weight, stated, scale):
    up, down = factors((32, 32), 4)
    name = "unet." + THEIRS[TO_Q]
    path = write(
        {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}, {"lora_adapter_metadata": json.dumps(stated)}
    )
    applied = apply_lora(load_lora(path), tiny.model)
    assert torch.allclose(changed(applied, TO_Q), weight(TO_Q) + scale * up @ down, atol=1e-6)


@pytest.fixture
def lora(write, weight):
    """A file that changes two layers of the network and one of the text encoder."""
    tensors = {}
    for name, layer in (("unet", TO_Q), ("unet", CONV), ("te_text_model", TEXT_Q)):
        up, down = factors(weight(layer).shape)
        tensors |= {f"lora_{name}_{under(layer)}.lora_{n}.weight": t for n, t in (("up", up), ("down", down))}
    return load_lora(write(tensors, name="good.safetensors"))


def run(model):
    x, context = torch.ones(1, 4, 8, 8), torch.linspace(-1, 1, 5 * 64).view(1, 5, 64)
    return model.denoise(x, 1.0, context)


def test_on_changed_off(tiny, lora):
    """The outputs of merged weights while it is on; the very same model, to the last bit, when it is off."""
    before, state = run(tiny.model), {name: value.clone() for name, value in tiny.model.base.state_dict().items()}
    text = tiny.clip.encode("a cat")[0]
    outputs = []
    for strength in (1.0, 0.3, -2.0):
        applied = apply_lora(lora, tiny.model, tiny.clip, strength, strength)
        merged = tiny.model.with_(network=applied.model.network)
        assert merged.weights.patches == ()
        outputs.append(run(applied.model))
        assert float((outputs[-1] - run(merged)).abs().max()) <= 1e-5
        assert not torch.allclose(outputs[-1], before)
        assert not torch.allclose(applied.clip.encode("a cat")[0], text)
    assert not torch.allclose(outputs[0], outputs[1])
    off = apply_lora(lora, tiny.model, tiny.clip, 0.0, 0.0)
    assert off.model.network is tiny.model.base
    assert torch.equal(run(off.model), before)
    assert torch.equal(off.clip.encode("a cat")[0], text)
    assert all(torch.equal(value, state[name]) for name, value in tiny.model.base.state_dict().items())


def test_nothing_is_computed_before_the_network_runs(tiny, lora):
    model = apply_lora(lora, tiny.model).model
    assert not model.weights.holds
    assert model.weights.held_bytes == 0
    assert (model.device, model.dtype) == (tiny.model.device, tiny.model.dtype)
    assert not model.weights.holds
    run(model)
    assert model.weights.held_bytes == 4 * (32 * 32 + 32 * 32 * 9)
    model.weights.release()
    assert model.weights.held_bytes == 0


def test_stacked(tiny, lora, write, weight):
    up, down = factors((32, 32))
    name = f"lora_unet_{under(TO_Q)}"
    other = load_lora(write({f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": down}))
    first, second = tiny.model, tiny.model
    for item, strength in ((lora, 0.5), (other, 0.25), (lora, -1.0)):
        first = apply_lora(item, first, None, strength).model
    for item, strength in ((other, 0.25), (lora, -0.5)):
        second = apply_lora(item, second, None, strength).model
    for layer in (TO_Q, CONV):
        assert torch.allclose(
            first.network.get_parameter(layer + ".weight"), second.network.get_parameter(layer + ".weight"), atol=1e-6
        )
    alone = apply_lora(lora, tiny.model, None, -0.5).model
    gap = second.network.get_parameter(TO_Q + ".weight") - alone.network.get_parameter(TO_Q + ".weight")
    assert torch.allclose(gap, 0.25 * up @ down, atol=1e-6)


def test_half_precision_is_rounded_once(tiny, lora, weight):
    import copy

    half = tiny.model.with_(network=copy.deepcopy(tiny.model.base).to(torch.bfloat16))
    once = apply_lora(lora, apply_lora(lora, half, None, 0.3).model, None, 0.7).model
    exact = apply_lora(lora, half, None, 1.0).model
    for layer in (TO_Q, CONV):
        got = once.network.get_parameter(layer + ".weight")
        assert got.dtype == torch.bfloat16
        want = exact.network.get_parameter(layer + ".weight")
        assert (got == want).float().mean() > 0.99  # float32's own rounding may tip a few


def test_model_only_leaves_the_text_part_alone(tiny, lora):
    applied = apply_lora(lora, tiny.model)
    assert applied.clip is None
    assert applied.unused == ()
    assert apply_lora(lora, tiny.model, tiny.clip, 1.0, 0.0).clip.network is tiny.clip.base


def test_what_fits_nothing_is_reported(tiny, write):
    up, down = factors((32, 32))
    good, odd = f"lora_unet_{under(TO_Q)}", "lora_unet_down_blocks_9_conv"
    tensors = {
        f"{name}.lora_{n}.weight": t for name in (good, odd) for n, t in (("up", up.clone()), ("down", down.clone()))
    }
    tensors |= {"bundle_emb.cat": rand(2, 8), "lora_te2_text_model_x.alpha": torch.tensor(1.0)}
    lora = load_lora(write(tensors))
    applied = apply_lora(lora, tiny.model)
    assert set(applied.unused) == {key for key in tensors if not key.startswith(good)}
    assert "4 keys fit no layer" in unused_text(lora, applied.unused)
    assert unused_text(lora, ()) == ""


def faulty():
    q = f"lora_unet_{under(TO_Q)}"
    pair = {f"{q}.lora_up.weight": rand(32, 2), f"{q}.lora_down.weight": rand(2, 32)}
    yield "another shape", "M041", {**pair, f"{q}.lora_up.weight": rand(48, 2)}
    yield "ranks that differ", "M041", {**pair, f"{q}.lora_down.weight": rand(3, 32)}
    yield "DoRA of another width", "M041", {**pair, f"{q}.dora_scale": rand(7, 1)}
    yield "one good, one of another shape", "M041", {
        **pair, f"lora_unet_{under(CONV)}.lora_up.weight": rand(32, 2, 1, 1),
        f"lora_unet_{under(CONV)}.lora_down.weight": rand(2, 16, 3, 3),
    }  # fmt: skip
    yield (
        "another family",
        "M042",
        {f"transformer.transformer_blocks.0.attn.to_q.lora_{n}.weight": rand(2, 2) for n in "AB"},
    )
    yield "half a pair", "M040", {f"{q}.lora_up.weight": rand(32, 2)}
    yield "two kinds", "M040", {**pair, f"{q}.lokr_w1": rand(2, 2)}
    yield "both layouts", "M040", {**pair, f"{q}.lora_A.weight": rand(2, 32)}
    yield "no number", "M040", {**pair, f"{q}.alpha": torch.tensor(torch.nan)}
    yield "two alphas", "M040", {**pair, f"{q}.alpha": torch.ones(2)}
    yield "lengths without a direction", "M040", {**pair, "lora_unet_x.dora_scale": rand(2, 1)}
    yield "integers", "M040", {**pair, f"{q}.lora_up.weight": torch.ones(32, 2, dtype=torch.int32)}
    yield "not a LoRA", "M002", {"something.else": rand(2)}
    yield (
        "a text encoder",
        "M003",
        {
            "text_model.embeddings.token_embedding.weight": rand(4, 4),
            "text_model.encoder.layers.0.self_attn.q_proj.weight": rand(4, 4),
        },
    )


@pytest.mark.parametrize(("code", "tensors"), [pytest.param(*case[1:], id=case[0]) for case in faulty()])
def test_one_clear_error(tiny, write, code, tensors):
    with pytest.raises(UserError) as caught:
        apply_lora(load_lora(write(tensors)), tiny.model)
    assert caught.value.code == code
    assert '"a.safetensors"' in caught.value.where


def test_pickles(tiny, tmp_path, weight):
    up, down = factors((32, 32))
    torch.save(
        {f"lora_unet_{under(TO_Q)}.lora_{n}.weight": t for n, t in (("up", up), ("down", down))}, tmp_path / "a.pt"
    )
    with pytest.raises(UserError, match="M005"):
        load_lora(tmp_path / "a.pt")
    applied = apply_lora(load_lora(tmp_path / "a.pt", allow_pickle=True), tiny.model)
    assert torch.allclose(changed(applied, TO_Q), weight(TO_Q) + up @ down, atol=1e-6)


def test_a_new_network_has_nothing_over_it(tiny, lora):
    model = apply_lora(lora, tiny.model).model
    clip = apply_lora(lora, tiny.model, tiny.clip).clip
    assert model.with_(prediction="v").weights is model.weights
    assert model.with_(network=tiny.model.base).network is tiny.model.base
    assert clip.with_(network=tiny.clip.base).network is tiny.clip.base
    assert isinstance(model.with_(network=tiny.model.base).weights, PatchedWeights)
