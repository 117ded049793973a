import gc
import os

import pytest
import torch
from safetensors.torch import load_file, save_file

from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.errors import UserError
from latentloom.engine.models.latent import SD1_RGB
from latentloom.engine.models.load import (
    identify,
    load_checkpoint,
    load_text_encoder,
    load_unet,
    load_vae,
    save_checkpoint,
)

CPU = torch.device("cpu")
TEXT = "cond_stage_model.transformer.text_model."


@pytest.fixture(scope="module")
def file(tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    return save_checkpoint(path, *tiny, dtype=torch.float32, metadata={"made": "here"})


def assert_same(ours, theirs, dtype=torch.float32):
    state, wanted = ours.network.state_dict(), theirs.network.state_dict()
    assert list(state) == list(wanted)
    for key, value in state.items():
        assert value.dtype == dtype
        assert torch.equal(value, wanted[key].to(dtype)), key


def change(file, tmp_path, edit):
    """Write the file's tensors anew after `edit` has changed them in place."""
    tensors = load_file(file)
    edit(tensors)
    path = tmp_path / "changed.safetensors"
    save_file(tensors, path)
    return path


def test_what_was_saved_is_loaded_bit_by_bit(tiny, file):
    loaded = load_checkpoint(file, device=CPU)
    for ours, theirs in zip(loaded, tiny, strict=True):
        assert_same(ours, theirs)
    assert loaded.model.prediction == "eps"
    assert loaded.model.network.config == tiny.model.network.config
    assert loaded.model.latent.rgb_factors == SD1_RGB
    assert loaded.vae.downscale == 8
    assert not any(p.requires_grad for part in loaded for p in part.network.parameters())
    assert not any(module.training for part in loaded for module in part.network.modules())
    assert identify(file).name == "SD1.x checkpoint"


def test_loaded_weights_are_the_mapped_file_not_a_copy(file):
    loaded = load_checkpoint(file, device=CPU)
    with open("/proc/self/maps") if os.path.exists("/proc/self/maps") else pytest.skip("no /proc") as maps:
        ranges = [line.split()[0].split("-") for line in maps if line.rstrip().endswith(str(file))]
    spans = [(int(low, 16), int(high, 16)) for low, high in ranges]
    assert spans
    for parameter in loaded.model.network.parameters():
        assert any(low <= parameter.data_ptr() < high for low, high in spans)


def test_changing_loaded_weights_never_changes_the_file(file):
    before = file.read_bytes()
    loaded = load_checkpoint(file, device=CPU)
    with torch.no_grad():
        for parameter in loaded.model.network.parameters():
            parameter.add_(1)
    assert file.read_bytes() == before


def test_half_precision_file_and_load(tiny, tmp_path):
    path = save_checkpoint(tmp_path / "half.safetensors", *tiny)
    assert {value.dtype for value in load_file(path).values()} == {torch.float16}
    loaded = load_checkpoint(path, device=CPU)  # float32 on the CPU
    assert {p.dtype for part in loaded for p in part.network.parameters()} == {torch.float32}
    for key, value in loaded.model.network.state_dict().items():
        assert torch.equal(value, tiny.model.network.state_dict()[key].half().float())
    halves = load_checkpoint(path, device=CPU, dtype=torch.float16, vae_dtype=torch.bfloat16)
    assert_same(halves.model, tiny.model, torch.float16)
    assert_same(halves.clip, tiny.clip, torch.float16)
    assert halves.vae.dtype == torch.bfloat16


def test_layout_is_sd15s(file):
    keys = set(load_file(file))
    assert {
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
        "first_stage_model.decoder.mid.attn_1.proj_out.weight",
        "first_stage_model.post_quant_conv.weight",
        TEXT + "encoder.layers.1.self_attn.q_proj.bias",
        TEXT + "final_layer_norm.weight",
    } <= keys
    assert all(key.startswith(("model.diffusion_model.", "first_stage_model.", TEXT)) for key in keys)


def test_v_and_zero_snr_travel_as_marker_keys(tiny, tmp_path):
    process = Discrete.stable_diffusion().with_zero_terminal_snr()
    model = tiny.model.with_(prediction="v", process=process)
    path = save_checkpoint(tmp_path / "v.safetensors", model, tiny.clip, tiny.vae)
    assert {"v_pred", "ztsnr"} <= set(load_file(path))
    loaded = load_checkpoint(path, device=CPU).model
    assert loaded.prediction == "v"
    assert torch.equal(loaded.process.sigmas, process.sigmas)


def test_preview_colours_travel_as_metadata(tiny, tmp_path):
    factors = ((0.1, 0.2, 0.3), (0.0, 1.0, 0.0), (0.5, 0.5, 0.5), (-1.0, 0.0, 0.25))
    latent = tiny.model.latent.with_rgb_json(f'{{"factors": {[list(row) for row in factors]}, "bias": [1, 2, 3]}}')
    path = save_checkpoint(tmp_path / "c.safetensors", tiny.model.with_(latent=latent), tiny.clip, tiny.vae)
    loaded = load_checkpoint(path, device=CPU).model.latent
    assert (loaded.rgb_factors, loaded.rgb_bias) == (factors, (1.0, 2.0, 3.0))


def test_junk_of_real_files_is_ignored(tiny, file, tmp_path):
    def edit(tensors):
        tensors |= {
            TEXT + "embeddings.position_ids": torch.arange(77)[None],
            "cond_stage_model.logit_scale": torch.ones(()),
            "betas": torch.ones(1000),
            "alphas_cumprod": torch.ones(1000),
            "model_ema.diffusion_modelinput_blocks00weight": torch.ones(2),
            "first_stage_model.loss.logvar": torch.ones(()),
            "first_stage_model.model_ema.decay": torch.ones(()),
            "lora_te_extra.alpha": torch.ones(()),
        }

    for ours, theirs in zip(load_checkpoint(change(file, tmp_path, edit), device=CPU), tiny, strict=True):
        assert_same(ours, theirs)


def test_text_encoder_without_its_wrapper_name(tiny, file, tmp_path):
    def edit(tensors):
        for key in [key for key in tensors if key.startswith(TEXT)]:
            tensors[key.replace("text_model.", "")] = tensors.pop(key)

    assert_same(load_checkpoint(change(file, tmp_path, edit), device=CPU).clip, tiny.clip)


@pytest.mark.parametrize("doing", ["missing", "unexpected", "shape"])
def test_loading_is_strict(file, tmp_path, doing):
    unet = "model.diffusion_model."

    def edit(tensors):
        if doing == "missing":
            for key in [key for key in tensors if "transformer_blocks.0.norm" in key][:7]:
                del tensors[key]
        elif doing == "unexpected":
            tensors[unet + "input_blocks.1.0.extra.weight"] = torch.ones(2)
        else:
            tensors[unet + "out.2.bias"] = torch.ones(7)

    with pytest.raises(UserError) as caught:
        load_checkpoint(change(file, tmp_path, edit), device=CPU)
    text = str(caught.value)
    assert "tensor(" not in text
    assert len(text) < 900
    if doing == "missing":
        assert caught.value.code == "M004"
        assert "7 missing: " in text
        assert text.count("transformer_blocks.0.norm") == 5
        assert text.count(", ...") == 1
    elif doing == "unexpected":
        assert caught.value.code == "M004"
        assert '1 unexpected: "input_blocks.1.0.extra.weight"' in text
    else:
        assert caught.value.code == "M008"
        assert "expected shape [4], got [7]" in text


def test_another_kind_of_file_is_named(tmp_path):
    path = tmp_path / "l.safetensors"
    save_file({"lora_unet_x.lora_up.weight": torch.ones(2, 2)}, path)
    with pytest.raises(UserError, match=r"M003 .*expected a checkpoint of SD1\.x.*, got LoRA\. .*node for loras"):
        load_checkpoint(path)


def test_parts_alone_and_inside_a_checkpoint(tiny, file, tmp_path):
    for load, part in ((load_unet, tiny.model), (load_vae, tiny.vae), (load_text_encoder, tiny.clip)):
        assert_same(load(file, device=CPU), part)
        path = tmp_path / f"{load.__name__}.safetensors"
        save_file(part.network.state_dict(), path)
        assert_same(load(path, device=CPU), part)
        with pytest.raises(UserError, match="M003"):
            load_checkpoint(path)
    with pytest.raises(UserError, match="M003"):
        load_vae(tmp_path / "load_unet.safetensors")


def test_pickled_checkpoint_only_when_allowed(tiny, file, tmp_path):
    path = tmp_path / "old.ckpt"
    torch.save({"state_dict": load_file(file), "global_step": 1}, path)
    with pytest.raises(UserError, match="M005"):
        load_checkpoint(path)
    for ours, theirs in zip(load_checkpoint(path, device=CPU, allow_pickle=True), tiny, strict=True):
        assert_same(ours, theirs)


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tiny, file, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(path, *tiny)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.safetensors"]


def test_saving_channels_last_weights_and_trained_ones(tiny, tmp_path, file):
    import copy

    network = copy.deepcopy(tiny.model.network).to(memory_format=torch.channels_last).requires_grad_(True)
    path = save_checkpoint(tmp_path / "l.safetensors", tiny.model.with_(network=network), *tiny[1:], torch.float32)
    gc.collect()
    assert_same(load_checkpoint(path, device=CPU).model, tiny.model)
