"""LoRA files against peft and diffusers: random weights, float32, max|diff| / std <= 1e-4 of the network's output.

Written by them, read by us; or written in a trainer's layout here, read by both.
"""

import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.learn.adapter import Adapter, adapted_layers
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.flux import Flux, FluxConfig, packed, unpacked
from latentloom.engine.models.lora import apply_lora, load_lora
from latentloom.engine.models.lora_keys import flat
from latentloom.engine.models.lora_names import layer_table
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.patched import with_parameters
from latentloom.engine.models.rename import clip_names, unet_names
from latentloom.engine.models.rename_dit import flux_sources
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.unet import UNet, UNetConfig

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

LIMIT = 1e-4
LINEAR = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"]
CONV = ["conv1", "conv2", "conv_shortcut", "time_emb_proj", "downsamplers.0.conv", "upsamplers.0.conv"]


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    assert theirs.std() > 1e-3
    return float((ours - theirs).abs().max() / theirs.std())


def transfer(theirs, ours, names):
    state, shapes = theirs.state_dict(), {key: value.shape for key, value in ours.state_dict().items()}
    table = names([key for key in state if not key.endswith("position_ids")])
    ours.load_state_dict({own: state[key].reshape(shapes[own]) for key, own in table.items()}, strict=True)
    return ours.eval().requires_grad_(False)


@pytest.fixture(params=["SD1.x", "SDXL"])
def unets(request, randomised):
    """diffusers' network and ours, of the same weights."""
    xl = request.param == "SDXL"
    theirs = diffusers.UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=2, cross_attention_dim=64,
        attention_head_dim=(1, 2) if xl else 8, use_linear_projection=xl,
        class_embed_type="projection" if xl else None, projection_class_embeddings_input_dim=96 if xl else None,
        down_block_types=("DownBlock2D" if xl else "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D" if xl else "CrossAttnUpBlock2D"),
    )  # fmt: skip
    ours = UNet(UNetConfig(
        model_channels=32, channel_mult=(1, 2), transformer_depth=(0, 1) if xl else (1, 1), context_dim=64,
        head_channels=32 if xl else None, linear_projection=xl, adm_channels=96 if xl else None,
    ))  # fmt: skip
    return theirs, transfer(randomised(theirs, 1), ours, unet_names)


def outputs(theirs, ours):
    generator = torch.Generator().manual_seed(5)
    x, context, y = (torch.randn(shape, generator=generator) for shape in ((2, 4, 8, 8), (2, 7, 64), (2, 96)))
    extra = y if ours.config.adm_channels else None
    with torch.no_grad():
        time = torch.tensor([333.0, 7.0])
        return ours(x, time, context, extra), theirs(x, time, context, class_labels=extra).sample


def stir(network, words, seed=3, spread=0.2):
    """Give the adapter's factors values that matter, whatever its own start."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        if "magnitude" in name:
            parameter.data = parameter.data * (1 + 0.3 * torch.rand(parameter.shape, generator=generator))
        elif any(word in name for word in words):
            parameter.data = torch.randn(parameter.shape, generator=generator) * spread


def written(tmp_path, state, metadata=None):
    path = tmp_path / "lora.safetensors"
    save_file({key: value.clone().contiguous() for key, value in state.items()}, path, metadata=metadata)
    return load_lora(path)


def under(lora, unet, strength=1.0):
    applied = apply_lora(lora, DiffusionModel(unet, Discrete.stable_diffusion()), None, strength)
    assert applied.unused == ()
    return applied.model.network


CONFIGS = {
    "LoRA": lambda: peft.LoraConfig(r=4, lora_alpha=4, target_modules=LINEAR + CONV),
    "DoRA": lambda: peft.LoraConfig(r=4, lora_alpha=4, target_modules=LINEAR + CONV, use_dora=True),
    "LoHa": lambda: peft.LoHaConfig(r=4, alpha=4, target_modules=LINEAR + CONV, use_effective_conv2d=True),
    "LoKr": lambda: peft.LoKrConfig(r=2, alpha=2, target_modules=LINEAR + CONV, decompose_both=True),
    "LoKr, Tucker": lambda: peft.LoKrConfig(r=2, alpha=2, target_modules=LINEAR + CONV, use_effective_conv2d=True),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_what_peft_saves(unets, tmp_path, kind):
    theirs, ours = unets
    plain, reference = outputs(theirs, ours)
    assert difference(plain, reference) <= LIMIT
    model = peft.get_peft_model(theirs, CONFIGS[kind]())
    stir(model, ("lora_", "hada_", "lokr_"))
    lora = written(tmp_path, peft.get_peft_model_state_dict(model))
    out, reference = outputs(model.eval(), under(lora, ours).eval())[::-1]
    assert difference(plain, out) > 0.05
    assert difference(reference, out) <= LIMIT


@pytest.mark.parametrize(("alpha", "root"), [(10, False), (10, True)])
def test_what_diffusers_saves_with_its_alphas(unets, tmp_path, alpha, root):
    """Alpha travels in the file's metadata there, not among its tensors."""
    theirs, ours = unets
    theirs.add_adapter(peft.LoraConfig(r=4, lora_alpha=alpha, use_rslora=root, target_modules=LINEAR))
    stir(theirs, ("lora_",), spread=0.08)  # at these scales; more saturates the attention, and rounding grows
    plain = outputs(theirs, ours)[0]
    layers = peft.get_peft_model_state_dict(theirs)
    stated = theirs.peft_config["default"].to_dict()
    diffusers.StableDiffusionPipeline.save_lora_weights(
        tmp_path, unet_lora_layers=layers, safe_serialization=True, unet_lora_adapter_metadata=stated
    )
    lora = load_lora(tmp_path / "pytorch_lora_weights.safetensors")
    mine, reference = outputs(theirs.eval(), under(lora, ours))
    assert difference(mine, reference) <= LIMIT
    assert difference(plain, reference) > 0.05
    theirs.set_adapters(["default"], [0.4])
    mine, reference = outputs(theirs, under(lora, ours, 0.4))
    assert difference(mine, reference) <= LIMIT


def kohya(ours, rename, alpha=2.0):
    """Return a file in kohya's layout that changes every layer of ours with a matrix in it."""
    generator = torch.Generator().manual_seed(9)
    state = {}
    for name, parameter in ours.named_parameters():
        layer = name.removesuffix(".weight")
        if layer == name or parameter.ndim < 2 or "emb" in layer or layer in ("out.2", "input_blocks.0.0"):
            continue
        ones = [1] * (parameter.ndim - 2)
        stem = "lora_unet_" + rename(layer).replace(".", "_")
        state[stem + ".lora_up.weight"] = torch.randn(len(parameter), 4, *ones, generator=generator) * 0.2
        state[stem + ".lora_down.weight"] = torch.randn(4, *parameter.shape[1:], generator=generator) * 0.2
        state[stem + ".alpha"] = torch.tensor(alpha)
    return state


@pytest.mark.parametrize("names", ["diffusers", "ldm"])
def test_kohya(unets, tmp_path, names):
    theirs, ours = unets
    if names == "ldm" and ours.config.adm_channels is None:
        pytest.skip("kohya names SD1.x's layers as diffusers does")
    back = {own: key for key, own in unet_names(theirs.state_dict()).items()}
    rename = (lambda layer: layer) if names == "ldm" else lambda layer: back[layer + ".weight"].removesuffix(".weight")
    state = kohya(ours, rename)
    lora = written(tmp_path, state)
    loader = diffusers.StableDiffusionXLPipeline if names == "ldm" else diffusers.StableDiffusionPipeline
    extra = {"unet_config": theirs.config} if names == "ldm" else {}
    converted, alphas = loader.lora_state_dict(dict(state), **extra)[:2]
    loader.load_lora_into_unet(converted, network_alphas=alphas, unet=theirs, adapter_name="default")
    mine, reference = outputs(theirs.eval(), under(lora, ours))
    assert difference(mine, reference) <= LIMIT


@pytest.mark.parametrize("which", ["attention", "all"])
def test_what_our_trainer_writes_is_read_by_diffusers(unets, which):
    theirs, ours = unets
    xl = ours.config.adm_channels is not None
    adapter = Adapter(ours, adapted_layers(ours, which), 4, 2.0)
    stir(adapter, ("up", "down"))
    loader = diffusers.StableDiffusionXLPipeline if xl else diffusers.StableDiffusionPipeline
    extra = {"unet_config": theirs.config} if xl else {}
    converted, alphas = loader.lora_state_dict(adapter.tensors(ours), **extra)[:2]
    plain = outputs(theirs.eval(), ours)[1]
    loader.load_lora_into_unet(converted, network_alphas=alphas, unet=theirs, adapter_name="default")
    changed = with_parameters(ours, {name: weight.detach() for name, weight in adapter.weights(ours).items()})
    mine, reference = outputs(theirs.eval(), changed)
    assert difference(mine, reference) <= LIMIT
    assert difference(plain, reference) > 0.05


def test_diffusers_before_peft(unets, tmp_path):
    """Attention processors' keys, as diffusers itself still reads them."""
    theirs, ours = unets
    generator = torch.Generator().manual_seed(4)
    state = {}
    for name, parameter in theirs.named_parameters():
        head, _, last = name.removesuffix(".weight").partition(".processor.")[0].rpartition("attn")
        if not head or parameter.ndim != 2:
            continue
        number, _, layer = last.partition(".")
        stem = f"unet.{head}attn{number}.processor.{layer.removesuffix('.0')}_lora"
        state[stem + ".up.weight"] = torch.randn(len(parameter), 4, generator=generator) * 0.2
        state[stem + ".down.weight"] = torch.randn(4, parameter.shape[1], generator=generator) * 0.2
    assert len(state) > 20
    converted, alphas = diffusers.StableDiffusionPipeline.lora_state_dict(dict(state))[:2]
    diffusers.StableDiffusionPipeline.load_lora_into_unet(
        converted, network_alphas=alphas, unet=theirs, adapter_name="default"
    )
    mine, reference = outputs(theirs.eval(), under(written(tmp_path, state), ours))
    assert difference(mine, reference) <= LIMIT


@pytest.mark.parametrize("layout", ["kohya", "peft"])
def test_text_encoder(tmp_path, randomised, layout):
    config = transformers.CLIPTextConfig(
        vocab_size=500, hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=77, bos_token_id=498, eos_token_id=499, pad_token_id=499,
    )  # fmt: skip
    theirs = transformers.CLIPTextModel(config)
    ours = CLIPText(CLIPTextConfig(500, 128, 2, 2, 256, 77))
    transfer(randomised(theirs, 1), ours, clip_names)
    targets = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
    model = peft.get_peft_model(theirs, peft.LoraConfig(r=4, lora_alpha=2, target_modules=targets))
    stir(model, ("lora_",))
    state = {}
    for key, value in peft.get_peft_model_state_dict(model).items():
        layer, _, factor = key.removeprefix("base_model.model.").removeprefix("text_model.").partition(".lora_")
        if layout == "kohya":
            stem = "lora_te_text_model_" + layer.replace(".", "_")
            state[stem + {"A.weight": ".lora_down.weight", "B.weight": ".lora_up.weight"}[factor]] = value
        else:
            stem = "text_encoder.text_model." + layer
            state[f"{stem}.lora_{factor}"] = value
        state[stem + ".alpha"] = torch.tensor(2.0)
    unet = DiffusionModel(torch.nn.Linear(1, 1), Discrete.stable_diffusion())
    applied = apply_lora(written(tmp_path, state), unet, TextEncoder(ours), 1.0, 0.8)
    assert applied.unused == ()
    for module in model.modules():
        if hasattr(module, "scaling"):
            module.scaling["default"] *= 0.8
    tokens = torch.randint(0, 498, (2, 77), generator=torch.Generator().manual_seed(2))
    tokens[:, 40:] = 499
    with torch.no_grad():
        reference = model.eval()(input_ids=tokens).last_hidden_state
        assert difference(applied.clip.network(tokens)[0], reference) <= LIMIT
        assert difference(ours(tokens)[0], reference) > 0.05


def test_sd3(tmp_path, randomised):
    """diffusers' separate queries, keys and values land in our joined ones; swapped halves come back in order."""
    theirs = diffusers.SD3Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=16, num_layers=2, attention_head_dim=64, num_attention_heads=2,
        joint_attention_dim=96, caption_projection_dim=128, pooled_projection_dim=48, out_channels=16,
        pos_embed_max_size=8, dual_attention_layers=(0,), qk_norm="rms_norm",
    )  # fmt: skip
    randomised(theirs, 1)
    ours = MMDiT(MMDiTConfig(width=128, depth=2, grid=8, context_dim=96, pooled_dim=48, dual=(0,), qk_norm=True)).eval()
    norms = {"norm_q": "x_block.attn.ln_q", "norm_k": "x_block.attn.ln_k"}
    norms |= {"norm_added_q": "context_block.attn.ln_q", "norm_added_k": "context_block.attn.ln_k"}
    table, state = layer_table(ours), ours.state_dict()
    for name, value in theirs.state_dict().items():
        layer, _, leaf = name.rpartition(".")
        if name == "pos_embed.pos_embed":
            state["pos_embed"].copy_(value)
        elif layer.rpartition(".")[2] in norms:
            block, part = layer.split(".")[1], layer.split(".")[2]
            own = norms[layer.rpartition(".")[2]].replace("x_block.attn.", f"x_block.{part}.")
            state[f"joint_blocks.{block}.{own}.{leaf}"].copy_(value)
        else:
            target = table[flat(layer)]
            own = state[f"{target.layer}.{leaf}"]
            own.copy_(value if target.rows is None else own - target.rows.put(target.rows.take(own) - value, own))
    ours.load_state_dict(state)
    generator = torch.Generator().manual_seed(5)
    x, text, pooled = (torch.randn(shape, generator=generator) for shape in ((1, 16, 8, 12), (1, 5, 96), (1, 48)))
    time = torch.tensor([400.0])

    def both(network):
        with torch.no_grad():
            reference = theirs(x, encoder_hidden_states=text, pooled_projections=pooled, timestep=time).sample
            return network(x, time, text, pooled), reference

    plain, reference = both(ours)
    assert difference(plain, reference) <= LIMIT
    targets = ["to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "net.2"]
    targets += ["net.0.proj", "norm1.linear", "norm1_context.linear", "norm_out.linear", "proj_out", "linear_1"]
    theirs.add_adapter(peft.LoraConfig(r=4, lora_alpha=4, target_modules=targets))
    stir(theirs, ("lora_",), spread=0.1)
    saved = {f"transformer.{key}": value for key, value in peft.get_peft_model_state_dict(theirs).items()}
    mine, reference = both(under(written(tmp_path, saved), ours))
    assert difference(mine, reference) <= LIMIT
    assert difference(plain, reference) > 0.05


def test_flux(tmp_path, randomised):
    """diffusers' layers apart land in the rows of our joined ones, in both kinds of blocks."""
    theirs = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=64, num_layers=1, num_single_layers=2, attention_head_dim=32, num_attention_heads=2,
        joint_attention_dim=48, pooled_projection_dim=40, guidance_embeds=True, axes_dims_rope=(4, 14, 14),
    )  # fmt: skip
    state = randomised(theirs, 1).state_dict()
    ours = Flux(FluxConfig(16, 16, 64, 2, 1, 2, 256, 48, 40, (4, 14, 14))).eval()
    ours.load_state_dict({key: made.tensor(state.__getitem__) for key, made in flux_sources(state).items()})
    generator = torch.Generator().manual_seed(5)
    x, text, pooled = (torch.randn(shape, generator=generator) for shape in ((1, 16, 8, 12), (1, 5, 48), (1, 40)))
    time, guidance = torch.tensor([400.0]), torch.tensor([2.0])
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(6), indexing="ij")
    places = torch.stack([torch.zeros(24), rows.flatten(), columns.flatten()], dim=1)

    def both(network):
        with torch.no_grad():
            reference = theirs(
                packed(x), encoder_hidden_states=text, pooled_projections=pooled, timestep=time / 1000,
                img_ids=places, txt_ids=torch.zeros(5, 3), guidance=guidance,
            ).sample  # fmt: skip
            return network(x, time, text, pooled, guidance), unpacked(reference, 4, 6)

    plain, reference = both(ours)
    assert difference(plain, reference) <= LIMIT
    targets = ["to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "net.2"]
    targets += ["net.0.proj", "norm1.linear", "norm1_context.linear", "norm_out.linear", "proj_out", "linear_1"]
    targets += ["norm.linear", "proj_mlp", "x_embedder", "context_embedder"]
    theirs.add_adapter(peft.LoraConfig(r=4, lora_alpha=4, target_modules=targets))
    stir(theirs, ("lora_",), spread=0.1)
    saved = {f"transformer.{key}": value for key, value in peft.get_peft_model_state_dict(theirs).items()}
    mine, reference = both(under(written(tmp_path, saved), ours))
    assert difference(mine, reference) <= LIMIT
    assert difference(plain, reference) > 0.05
