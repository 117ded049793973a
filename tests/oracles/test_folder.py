"""Folders that diffusers itself wrote: loaded by us, every part computes what diffusers' own does."""

import json

import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.models.load import load_checkpoint, load_text_encoder, load_unet, load_vae

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")

CPU = torch.device("cpu")
LIMIT = 1e-4


def randomise(network, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        spread = 0.05 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        value = torch.randn(parameter.shape, generator=generator) * spread
        parameter.data = value + 1 if "norm" in name and name.endswith("weight") else value
    return network.eval()


@pytest.fixture(scope="module")
def parts():
    unet = diffusers.UNet2DConditionModel(
        in_channels=4, out_channels=4, block_out_channels=(32, 64), layers_per_block=2, cross_attention_dim=64,
        attention_head_dim=4, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        block_out_channels=(32, 32, 64, 64), layers_per_block=1, latent_channels=4, scaling_factor=0.2,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
    )  # fmt: skip
    text = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            vocab_size=49408,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            hidden_act="gelu",
            eos_token_id=49407,
        )
    )
    return {"unet": randomise(unet, 1), "vae": randomise(vae, 2), "text_encoder": randomise(text, 3)}


@pytest.fixture
def folder(parts, tmp_path):
    root = tmp_path / "pipeline"
    for name, network in parts.items():
        network.save_pretrained(root / name)
    diffusers.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
    ).save_pretrained(root / "scheduler")  # fmt: skip
    (root / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    return root


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / theirs.std())


@torch.no_grad()
def test_every_part_computes_the_same(folder, parts):
    loaded = load_checkpoint(folder, device=CPU)
    x, context = torch.randn(2, 4, 8, 8), torch.randn(2, 9, 64)
    time = torch.tensor([10.0, 700.0])
    assert difference(loaded.model.network(x, time, context), parts["unet"](x, time, context).sample) <= LIMIT
    image = torch.rand(1, 16, 24, 3)
    latent = parts["vae"].encode(image.movedim(-1, 1) * 2 - 1).latent_dist.mean
    assert difference(loaded.vae.encode(image), latent) <= LIMIT
    pixels = parts["vae"].decode(latent).sample
    assert difference(loaded.vae.network.decode(latent), pixels) <= LIMIT
    (chunk,) = loaded.clip.chunks("a red cat on a mat")
    tokens = torch.tensor([[token.number for token in chunk]])
    states = parts["text_encoder"](input_ids=tokens).last_hidden_state
    assert difference(loaded.clip.encode("a red cat on a mat")[0], states) <= LIMIT


def test_what_configurations_say_is_honoured(folder):
    loaded = load_checkpoint(folder, device=CPU)
    assert loaded.model.network.config.heads == 4
    assert (loaded.clip.network.config.heads, loaded.clip.network.config.activation) == (4, "gelu")
    assert loaded.model.latent.scale == 0.2
    assert loaded.model.prediction == "v"
    assert loaded.model.process.sigma_max > 4000
    theirs = diffusers.DDIMScheduler.from_pretrained(folder / "scheduler").alphas_cumprod.double()
    ours = loaded.model.process.alphas_bar
    assert (ours[:-1] - theirs[:-1]).abs().max() < 1e-5


def test_schedule_defaults_and_other_kinds(folder):
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}))
    model = load_checkpoint(folder, device=CPU).model
    assert model.prediction == "eps"
    assert model.process.sigma_max == pytest.approx(14.6146, abs=1e-3)
    path.write_text(json.dumps({"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02}))
    theirs = diffusers.DDIMScheduler(beta_start=0.0001, beta_end=0.02).alphas_cumprod.double()
    ours = load_checkpoint(folder, device=CPU).model.process.alphas_bar
    assert (ours - theirs).abs().max() < 1e-6
    for bad, message in (
        ({"beta_schedule": "squaredcos_cap_v2"}, "squaredcos"),
        ({"prediction_type": "flow"}, "prediction_type"),
    ):
        path.write_text(json.dumps(bad))
        with pytest.raises(UserError, match=f"M009.*{message}"):
            load_checkpoint(folder, device=CPU)


def test_parts_as_single_files(folder, parts):
    unet = load_unet(folder / "unet" / "diffusion_pytorch_model.safetensors", device=CPU)
    assert unet.network.config.heads == 8  # a lone file does not say; SD1.x has 8
    load_vae(folder / "vae" / "diffusion_pytorch_model.safetensors", device=CPU)
    load_text_encoder(folder / "text_encoder" / "model.safetensors", device=CPU)


def test_old_names_of_attention_in_the_autoencoder(folder, parts):
    from safetensors.torch import load_file, save_file

    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = {}
    for key, value in load_file(path).items():
        for new, name in old.items():
            key = key.replace(f"attentions.0.{new}.", f"attentions.0.{name}.")
        tensors[key] = value
    save_file(tensors, path)
    latent = torch.randn(1, 4, 2, 3)
    with torch.no_grad():
        ours = load_checkpoint(folder, device=CPU).vae.network.decode(latent)
        assert difference(ours, parts["vae"].decode(latent).sample) <= LIMIT


def test_half_files_and_pickles(folder):
    vae = folder / "vae"
    (vae / "diffusion_pytorch_model.safetensors").rename(vae / "diffusion_pytorch_model.fp16.safetensors")
    load_checkpoint(folder, device=CPU)
    from safetensors.torch import load_file

    torch.save(load_file(vae / "diffusion_pytorch_model.fp16.safetensors"), vae / "diffusion_pytorch_model.bin")
    (vae / "diffusion_pytorch_model.fp16.safetensors").unlink()
    with pytest.raises(UserError, match="M005"):
        load_checkpoint(folder, device=CPU)
    load_checkpoint(folder, device=CPU, allow_pickle=True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "model_index.json").unlink(), r"model_index\.json, got no such file"),
        (lambda root: (root / "model_index.json").write_text("{"), r"JSON in model_index\.json"),
        (lambda root: (root / "model_index.json").write_text("[]"), "an object"),
        (lambda root: (root / "model_index.json").write_text('{"_class_name": "FluxPipeline"}'), "transformer"),
        (lambda root: (root / "model_index.json").write_text('{"_class_name": "KandinskyPipeline"}'), "Kandinsky"),
        (
            lambda root: (root / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}'),
            "StableDiffusionXLPipeline",
        ),
        (lambda root: (root / "unet" / "config.json").unlink(), r'folder "unet"'),
        (lambda root: (root / "vae" / "diffusion_pytorch_model.safetensors").unlink(), "weights in one file.*, got none"),
    ],
)
def test_incomplete_folders(folder, spoil, message):
    spoil(folder)
    with pytest.raises(UserError, match=f"M009.*{message}"):
        load_checkpoint(folder, device=CPU)
