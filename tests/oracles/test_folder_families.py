"""Folders of SD2.x, SDXL, SD3 and Flux that diffusers itself wrote, in shards too: every part computes the same here."""

import json

import pytest
import torch
from safetensors.torch import load_file

from latentloom.engine.diffusion.process import Flow
from latentloom.engine.errors import UserError
from latentloom.engine.models.load import load_checkpoint, load_unet
from latentloom.engine.models.save import save_checkpoint

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")

CPU = torch.device("cpu")
LIMIT = 1e-4
VOCAB = 99
TOKENS = torch.tensor([[97, 5, 6, 7, 98, *[98] * 72]])
PIPELINES = {
    "SD2.x": "StableDiffusionPipeline",
    "SDXL": "StableDiffusionXLPipeline",
    "SDXL refiner": "StableDiffusionXLImg2ImgPipeline",
    "SD3": "StableDiffusion3Pipeline",
    "SD3.5": "StableDiffusion3Pipeline",
    "Flux dev": "FluxPipeline",
}


def randomise(network, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        spread = 0.05 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        value = torch.randn(parameter.shape, generator=generator) * spread
        parameter.data = value + 1 if "norm" in name and name.endswith("weight") else value
    return network.eval()


def unet(adm, **changes):
    sizes = {"addition_embed_type": "text_time", "addition_time_embed_dim": 256} if adm else {}
    return diffusers.UNet2DConditionModel(
        **{
            "block_out_channels": (64, 128), "layers_per_block": 1, "cross_attention_dim": 64,
            "attention_head_dim": (1, 2), "use_linear_projection": True, "transformer_layers_per_block": (1, 2),
            "down_block_types": ("DownBlock2D" if adm else "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D" if adm else "CrossAttnUpBlock2D"), **sizes,
            **({"projection_class_embeddings_input_dim": adm} if adm else {}), **changes,
        }
    )  # fmt: skip


def clip(width, projected, act="gelu"):
    make = transformers.CLIPTextModelWithProjection if projected else transformers.CLIPTextModel
    return make(
        transformers.CLIPTextConfig(
            vocab_size=VOCAB, hidden_size=width, intermediate_size=96, num_hidden_layers=3,
            num_attention_heads=width // 64, hidden_act=act, eos_token_id=VOCAB - 1, projection_dim=width,
        )
    )  # fmt: skip


def t5():
    return transformers.T5EncoderModel(
        transformers.T5Config(
            vocab_size=VOCAB, d_model=64, d_kv=32, d_ff=96, num_layers=2, num_heads=2, feed_forward_proj="gated-gelu"
        )
    )


def vae(channels):
    return diffusers.AutoencoderKL(
        block_out_channels=(32, 32, 64, 64), layers_per_block=1, latent_channels=channels,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        use_quant_conv=channels == 4, use_post_quant_conv=channels == 4,
        scaling_factor=0.13025 if channels == 4 else 1.5305, shift_factor=None if channels == 4 else 0.0609,
    )  # fmt: skip


def sd3(**changes):
    return diffusers.SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=16, num_layers=2, attention_head_dim=64, num_attention_heads=2,
        joint_attention_dim=64, caption_projection_dim=128, pooled_projection_dim=192, out_channels=16,
        pos_embed_max_size=8, **changes,
    )  # fmt: skip


def flux():
    return diffusers.FluxTransformer2DModel(
        in_channels=64, num_layers=1, num_single_layers=2, attention_head_dim=64, num_attention_heads=2,
        joint_attention_dim=64, pooled_projection_dim=64, guidance_embeds=True, axes_dims_rope=(8, 28, 28),
    )  # fmt: skip


def parts_of(name):
    if name == "SD2.x":
        return {"unet": unet(None), "text_encoder": clip(64, projected=False), "vae": vae(4)}
    if name == "SDXL":
        texts = {
            "text_encoder": clip(64, projected=False, act="quick_gelu"),
            "text_encoder_2": clip(128, projected=True),
        }
        return {"unet": unet(2816), **texts, "vae": vae(4)}
    if name == "SDXL refiner":
        return {"unet": unet(2560), "text_encoder_2": clip(128, projected=True), "vae": vae(4)}
    if name == "Flux dev":
        texts = {"text_encoder": clip(64, projected=False, act="quick_gelu"), "text_encoder_2": t5()}
        return {"transformer": flux(), **texts, "vae": vae(16)}
    changes = {"qk_norm": "rms_norm", "dual_attention_layers": (0,)} if name == "SD3.5" else {}
    texts = {
        "text_encoder": clip(64, projected=True, act="quick_gelu"),
        "text_encoder_2": clip(128, projected=True),
        "text_encoder_3": t5(),
    }
    return {"transformer": sd3(**changes), **texts, "vae": vae(16)}


@pytest.fixture
def folder(tmp_path):
    """Give a folder and its networks, written by diffusers, large networks in several files."""

    def write(name):
        root = tmp_path / "pipeline"
        parts = {part: randomise(network, i) for i, (part, network) in enumerate(parts_of(name).items())}
        for part, network in parts.items():
            network.save_pretrained(root / part, max_shard_size="300KB" if part != "vae" else "1GB")
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=2.5) if "transformer" in parts else (
            diffusers.EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                                             prediction_type="v_prediction" if name == "SD2.x" else "epsilon")
        )  # fmt: skip
        scheduler.save_pretrained(root / "scheduler")
        (root / "model_index.json").write_text(json.dumps({"_class_name": PIPELINES[name]}))
        for tokenizer in ("tokenizer_2", "tokenizer_3"):
            (root / tokenizer).mkdir()
            pieces = [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["\u2581", -1.0], ["a", -1.0]]
            (root / tokenizer / "tokenizer.json").write_text(
                json.dumps({"model": {"type": "Unigram", "unk_id": 2, "vocab": pieces}})
            )
        return root, parts

    return write


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / theirs.std())


def denoised(network, theirs, seed=0):
    """Return what both denoisers say to the same inputs, in one shape."""
    generator = torch.Generator().manual_seed(seed)
    rand = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731 - a word for a long call
    time, context = torch.tensor([10.0, 700.0]), rand(2, 9, 64)
    kind = type(theirs).__name__
    if kind == "UNet2DConditionModel":
        x = rand(2, theirs.config.in_channels, 8, 8)
        if not theirs.config.addition_embed_type:
            return network(x, time, context), theirs(x, time, context).sample
        pooled = theirs.config.projection_class_embeddings_input_dim
        ids = 5 if pooled == 2560 else 6
        sizes = torch.arange(2.0 * ids).view(2, ids) * 7
        text = rand(2, pooled - 256 * ids)
        angles = theirs.add_time_proj(sizes.flatten()).view(2, -1)
        added = {"text_embeds": text, "time_ids": sizes}
        y = torch.cat([text, angles], dim=1)
        return network(x, time, context, y), theirs(x, time, context, added_cond_kwargs=added).sample
    x = rand(2, 16, 8, 6)
    pooled = rand(2, theirs.config.pooled_projection_dim)
    if kind == "SD3Transformer2DModel":
        wanted = theirs(x, encoder_hidden_states=context, pooled_projections=pooled, timestep=time).sample
        return network(x, time, context, pooled), wanted
    packed = diffusers.FluxPipeline._pack_latents(x, 2, 16, 8, 6)
    ids = diffusers.FluxPipeline._prepare_latent_image_ids(2, 4, 3, CPU, torch.float32)
    guidance = torch.tensor([3.5, 1.0])
    wanted = theirs(
        packed, encoder_hidden_states=context, pooled_projections=pooled, timestep=time / 1000, img_ids=ids,
        txt_ids=torch.zeros(9, 3), guidance=guidance,
    ).sample  # fmt: skip
    unpacked = wanted.view(2, 4, 3, 16, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(2, 16, 8, 6)
    return network(x, time, context, pooled, guidance), unpacked


@pytest.mark.parametrize("name", PIPELINES)
@torch.no_grad()
def test_every_part_computes_the_same(name, folder, tmp_path):
    root, parts = folder(name)
    assert list(root.glob("*/*.index.json"))
    loaded = load_checkpoint(root, device=CPU)
    assert loaded.model.family == name
    assert difference(*denoised(loaded.model.network, parts.get("unet") or parts["transformer"])) <= LIMIT
    latent = torch.randn(1, parts["vae"].config.latent_channels, 2, 3)
    assert difference(loaded.vae.network.decode(latent), parts["vae"].decode(latent).sample) <= LIMIT
    places = ("l", "t5") if name == "Flux dev" else ("g",) if name == "SDXL refiner" else ("l", "g", "t5")
    for (part, theirs), place in zip([item for item in parts.items() if "text" in item[0]], places, strict=False):
        ours = loaded.clip.parts.get(place) or next(iter(loaded.clip.parts.values()))
        if place == "t5":
            assert difference(ours.network(TOKENS), theirs(input_ids=TOKENS).last_hidden_state) <= LIMIT
            continue
        wanted = theirs(input_ids=TOKENS, output_hidden_states=True)
        used = wanted.hidden_states[-2] if not ours.norm else wanted.last_hidden_state
        states, pooled = ours.network(TOKENS, skip=ours.skip, norm=ours.norm)
        assert difference(states, used) <= LIMIT, part
        wanted_pooled = wanted.text_embeds if "text_embeds" in wanted else wanted.pooler_output
        assert difference(pooled, wanted_pooled) <= LIMIT, part
    # and the same again by way of one file in the family's own layout
    path = save_checkpoint(tmp_path / "pipeline" / "tokenizer_3" / "one.safetensors", *loaded, dtype=torch.float32)
    again = load_checkpoint(path, device=CPU)
    for ours, theirs in zip((again.model, again.vae), (loaded.model, loaded.vae), strict=True):
        state = theirs.network.state_dict()
        assert all(torch.equal(value, state[key]) for key, value in ours.network.state_dict().items())


def test_what_configurations_say_is_honoured(folder):
    root, _ = folder("SD2.x")
    assert load_checkpoint(root, device=CPU).model.prediction == "v"
    (root / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionXLPipeline"}))
    with pytest.raises(UserError, match=r"M009 .*StableDiffusionXLPipeline.*got SD2\.x UNet"):
        load_checkpoint(root, device=CPU)


def test_flow_shift_and_missing_encoders(folder):
    import shutil

    root, _ = folder("SD3")
    process = load_checkpoint(root, device=CPU).model.process
    assert isinstance(process, Flow)
    assert process.shift == 2.5
    shutil.rmtree(root / "text_encoder_3")
    assert set(load_checkpoint(root, device=CPU).clip.parts) == {"l", "g"}


def test_damaged_shards(folder):
    root, _ = folder("SDXL")
    (index,) = (root / "unet").glob("*.index.json")
    data = json.loads(index.read_text())
    key, name = next(iter(data["weight_map"].items()))
    for places, code in (
        ({**data["weight_map"], key: "../vae/diffusion_pytorch_model.safetensors"}, "M009"),
        ({**data["weight_map"], key: "absent.safetensors"}, "M001"),
        ({**data["weight_map"], "more.weight": name}, "M015"),
        ([], "M009"),
    ):
        index.write_text(json.dumps({"weight_map": places}))
        with pytest.raises(UserError) as caught:
            load_checkpoint(root, device=CPU)
        assert caught.value.code == code


@pytest.mark.parametrize("name", ["SDXL", "SD3.5", "Flux dev"])
@torch.no_grad()
def test_denoisers_as_one_file_in_diffusers_names(name, tmp_path):
    network = randomise(next(iter(parts_of(name).values())), 1)
    network.save_pretrained(tmp_path / "one", max_shard_size="1GB")
    path = tmp_path / "one" / "diffusion_pytorch_model.safetensors"
    assert load_file(path)
    model = load_unet(path, device=CPU)
    assert model.family == name
    assert difference(*denoised(model.network, network)) <= LIMIT


@pytest.mark.parametrize("name", ["SD2.x", "SDXL", "SDXL refiner", "SD3", "SD3.5"])
def test_diffusers_reads_the_single_file_that_is_saved(name, folder):
    from diffusers.loaders import single_file_utils as single

    root, parts = folder(name)
    loaded = load_checkpoint(root, device=CPU)
    state = load_file(save_checkpoint(root / "one.safetensors", *loaded, dtype=torch.float32))
    if "unet" in parts:
        found = single.convert_ldm_unet_checkpoint(dict(state), dict(parts["unet"].config))
        assert_same_state(found, parts["unet"])
        prefix = {"SD2.x": "cond_stage_model.model.", "SDXL": "conditioner.embedders.1.model."}
        text = parts.get("text_encoder_2") or parts["text_encoder"]
        at = prefix.get(name, "conditioner.embedders.0.model.")
        found = single.convert_open_clip_checkpoint(text, dict(state), prefix=at)
        if name == "SD2.x":  # its mapping always names a projection
            found.pop("text_projection.weight", None)
        assert_same_state(found, text)
    else:
        unprefixed = {key: value for key, value in state.items() if key.startswith("model.diffusion_model.")}
        found = single.convert_sd3_transformer_checkpoint_to_diffusers(unprefixed)
        assert_same_state(found, parts["transformer"])


def assert_same_state(found, network):
    """Compare weights by name; `text_model.` is there or not, as transformers' versions have it."""
    wanted = {key.removeprefix("text_model."): value for key, value in network.state_dict().items()}
    found = {key.removeprefix("text_model."): value for key, value in found.items()}
    assert set(found) == set(wanted)
    for key, value in wanted.items():
        assert torch.equal(found[key].reshape(value.shape), value), key
