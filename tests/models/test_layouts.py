"""Every family in every layout: what was saved is recognised, loaded equal, and refused whole where it is not."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_families import CLASSES, NETWORKS, base, family_name, vocabulary, whole

from latentloom.engine.diffusion.process import Discrete, Flow
from latentloom.engine.errors import UserError
from latentloom.engine.models.family import FAMILIES, family_of
from latentloom.engine.models.load import identify, load_checkpoint, load_text_encoders, load_unet, load_vae
from latentloom.engine.models.load_text import TextOptions
from latentloom.engine.models.save import save_checkpoint, text_files
from latentloom.engine.models.text import TextEncoder

CPU = torch.device("cpu")
UNET = "model.diffusion_model."


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with T5's tokenizer in it."""
    folder = tmp_path_factory.mktemp("families")
    vocabulary(folder / "tokenizer.json")
    return folder


@pytest.fixture(scope="module")
def made(home, randomised):
    """Give (model, clip, vae, file) of a name, made once."""
    known = {}

    def make(name):
        if name not in known:
            parts = whole(name, randomised, home / "tokenizer.json")
            path = home / f"{len(known)}.safetensors"
            known[name] = (*parts, save_checkpoint(path, *parts, dtype=torch.float32))
        return known[name]

    return make


def assert_equal(ours, theirs, dtype=torch.float32):
    state, wanted = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(wanted)
    for key, value in state.items():
        assert value.dtype == dtype
        assert torch.equal(value, wanted[key].to(dtype)), key


def assert_same_clip(ours, theirs):
    assert type(ours) is type(theirs)
    assert list(ours.parts) == list(theirs.parts)
    for place, part in ours.parts.items():
        assert part.network.config == theirs.parts[place].network.config
        assert_equal(part.network, theirs.parts[place].network)
        if isinstance(part, TextEncoder):
            assert (part.skip, part.norm) == (theirs.parts[place].skip, theirs.parts[place].norm)
        else:
            assert part.min_length == theirs.parts[place].min_length


@pytest.mark.parametrize("name", NETWORKS)
def test_a_checkpoint_is_recognised_and_reloaded_equal(name, made):
    model, clip, vae, path = made(name)
    assert identify(path).family == base(name).name
    loaded = load_checkpoint(path, device=CPU)
    assert loaded.model.family == family_name(name)
    assert loaded.model.network.config == NETWORKS[name]
    assert_equal(loaded.model.network, model.network)
    assert_equal(loaded.vae.network, vae.network)
    assert_same_clip(loaded.clip, clip)
    assert loaded.model.prediction == model.prediction
    assert loaded.model.latent == model.latent
    assert torch.equal(loaded.model.process.sigmas, model.process.sigmas)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_diffusion_model_alone_bare_and_prefixed(name, made, tmp_path):
    model, *_, path = made(name)
    state = model.network.state_dict()
    for prefix in ("", UNET):
        alone = tmp_path / "alone.safetensors"
        save_file({prefix + key: value for key, value in state.items()}, alone)
        loaded = load_unet(alone, device=CPU)
        assert_equal(loaded.network, model.network)
        assert (loaded.family, loaded.latent) == (model.family, model.latent)
        assert identify(alone).kind == "unet"
    assert_equal(load_unet(path, device=CPU).network, model.network)


@pytest.mark.parametrize("name", ["SDXL", "SD3", "Flux dev"])
def test_autoencoders_alone(name, made, tmp_path):
    *_, vae, path = made(name)
    assert_equal(load_vae(path, device=CPU).network, vae.network)
    alone = save_file(vae.network.state_dict(), tmp_path / "vae.safetensors") or tmp_path / "vae.safetensors"
    assert_equal(load_vae(alone, device=CPU).network, vae.network)


@pytest.mark.parametrize(
    ("name", "kind"), [("SD1.x", "stable_diffusion"), ("SDXL", "sdxl"), ("SD3", "sd3"), ("Flux dev", "flux")]
)
def test_text_encoders_as_separate_files_in_any_order(name, kind, made, home):
    _, clip, _, path = made(name)
    files = []
    for i, state in enumerate(text_files(clip).values()):
        files.append(home / f"text{i}.safetensors")
        save_file(state, files[-1])
    for order in (files, files[::-1]):
        assert_same_clip(load_text_encoders(order, kind, device=CPU), ordered(clip, order))
    assert_same_clip(load_text_encoders([path], kind, device=CPU), clip)


def ordered(clip, _files):
    return clip


def test_openclip_files_alone(made, home):
    for name, prefix in (("SD2.x", "cond_stage_model.model."), ("SDXL refiner", "conditioner.embedders.0.model.")):
        _, clip, _, path = made(name)
        state = {k.removeprefix(prefix): v for k, v in load_file(path).items() if k.startswith(prefix)}
        assert "transformer.resblocks.0.attn.in_proj_weight" in state
        save_file(state, home / "open.safetensors")
        loaded = load_text_encoders([home / "open.safetensors"], "stable_diffusion", device=CPU)
        assert_equal(loaded.network, clip.network)
        if name == "SD2.x":
            assert_same_clip(loaded, clip)


@pytest.mark.parametrize(
    ("kinds", "kind", "code", "text"),
    [
        (["l"], "flux", "M071", "CLIP-L and T5"),
        (["l", "l"], "flux", "M071", "OpenCLIP bigG"),
        (["t5"], "stable_diffusion", "M071", "one CLIP"),
        (["l", "t5"], "stable_diffusion", "M071", "CLIP-L and T5"),
        (["t5", "t5"], "sd3", "M071", "T5 twice"),
        (["l"], "hunyuan_video", "M070", "stable_diffusion, sdxl, sd3, flux"),
    ],
)
def test_encoders_that_do_not_go_together(made, home, kinds, kind, code, text):
    files = text_files(made("SD3")[1])
    paths = []
    for i, place in enumerate(kinds):
        paths.append(home / f"odd{i}.safetensors")
        save_file(files[{"l": "clip_l", "t5": "t5xxl"}[place]], paths[-1])
    with pytest.raises(UserError) as caught:
        load_text_encoders(paths, kind, device=CPU)
    assert caught.value.code == code
    assert text in str(caught.value)


@pytest.mark.parametrize("missing", [("t5",), ("l", "g"), ("l", "g", "t5")])
def test_sd3_without_some_of_its_text_encoders(made, home, missing, tmp_path):
    model, clip, vae, _ = made("SD3")
    left = {place: part for place, part in clip.parts.items() if place not in missing}
    vocabulary(tmp_path / "tokenizer.json")
    less = clip.with_(parts=left) if left else None
    path = save_checkpoint(tmp_path / "less.safetensors", model, less, vae, torch.float32)
    loaded = load_checkpoint(path, device=CPU)
    assert_equal(loaded.model.network, model.network)
    assert (loaded.clip is None) == (not left)
    if left:
        assert_same_clip(loaded.clip, less)


def test_t5_without_its_tokenizer_is_refused_before_anything_loads(made, tmp_path):
    model, clip, vae, _ = made("Flux dev")
    path = save_checkpoint(tmp_path / "f.safetensors", model, clip, vae)
    with pytest.raises(UserError, match=r"tokenizer\.json or spiece\.model"):
        load_checkpoint(path, device=CPU)
    place = tmp_path / "elsewhere"
    place.mkdir()
    vocabulary(place / "tokenizer.json")
    assert load_checkpoint(path, device=CPU, tokenizer_folders=[place]).clip is not None


@pytest.mark.parametrize(("name", "shift"), [("SD3", 3.0), ("SD3.5", 3.0), ("Flux dev", 2.71828182845**1.15)])
def test_the_shift_of_flow_families(name, shift, made):
    process = load_unet(made(name)[3], device=CPU).process
    assert isinstance(process, Flow)
    assert process.shift == pytest.approx(shift)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_half_and_eighth_precision_files(dtype, made, tmp_path):
    model, *_ = made("Flux schnell")
    state = {key: value.to(dtype) for key, value in model.network.state_dict().items()}
    path = tmp_path / "small.safetensors"
    save_file(state, path)
    loaded = load_unet(path, device=CPU)  # float32 on the CPU
    for key, value in loaded.network.state_dict().items():
        assert torch.equal(value, state[key].float()), key
    wide = load_unet(path, device=CPU, dtype=torch.bfloat16)
    assert wide.dtype == torch.bfloat16


def test_eight_bits_with_factors_beside_them(made, tmp_path):
    model, *_ = made("Flux dev")
    tensors, wanted = {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}, {}
    for key, value in model.network.state_dict().items():
        if key.endswith(".weight") and value.ndim == 2:
            factor = value.abs().max() / 448
            tensors[key] = (value / factor).to(torch.float8_e4m3fn)
            tensors[key.removesuffix("weight") + "scale_weight"] = factor
            wanted[key] = tensors[key].float() * factor
        else:
            wanted[key] = tensors[key] = value
    path = tmp_path / "scaled.safetensors"
    save_file({UNET + key: value for key, value in tensors.items()}, path)
    loaded = load_unet(path, device=CPU).network.state_dict()
    for key, value in wanted.items():
        assert torch.equal(loaded[key], value), key
        exact = model.network.state_dict()[key]
        assert (loaded[key] - exact).abs().max() <= exact.abs().max() / 14, key  # three bits of mantissa


@pytest.mark.parametrize("name", [*FAMILIES, "SSD-1B"])
@pytest.mark.parametrize("part", ["network", "vae", "text"])
def test_a_file_cut_short_names_what_it_is_and_what_is_missing(name, part, made, tmp_path):
    path = made(name)[3]
    tensors = load_file(path)
    prefixes = {"network": (UNET,), "vae": ("first_stage_model.", "vae.")}
    others = (UNET, "first_stage_model.", "vae.")
    keys = sorted(
        key for key in tensors if (key.startswith(prefixes[part]) if part in prefixes else not key.startswith(others))
    )
    lost = keys[len(keys) // 2 :]
    for key in lost:
        del tensors[key]
    broken = tmp_path / "broken.safetensors"
    save_file(tensors, broken)
    vocabulary(tmp_path / "tokenizer.json")
    with pytest.raises(UserError) as caught:
        load_checkpoint(broken, device=CPU)
    text = str(caught.value)
    assert caught.value.code in ("M002", "M003", "M004")
    assert base(name).name in text, text
    named = [key for key in lost if f'"{key}"' in text or any(f'"{bare}"' in text for bare in tails(key))]
    renamed = part == "text" and base(name).text in ("h", "g", "sdxl")  # told in our names
    assert named or "nothing under" in text or (renamed and "9 missing: " in text), text


def tails(key):
    """Return a key without its first words, and in our names of text encoders."""
    words = key.split(".")
    return [".".join(words[i:]) for i in range(1, len(words))]


def test_every_byte_of_a_truncated_file_is_missed(made, tmp_path):
    path = tmp_path / "cut.safetensors"
    data = made("SD3")[3].read_bytes()
    for size in (0, 4, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(UserError, match=r"M01\d"):
            load_checkpoint(path)


def test_nothing_is_read_of_a_file_whose_last_part_is_broken(made, tmp_path, monkeypatch):
    tensors = load_file(made("SDXL")[3])
    del tensors["conditioner.embedders.1.model.transformer.resblocks.2.ln_2.bias"]
    path = tmp_path / "broken.safetensors"
    save_file(tensors, path)
    read = []
    monkeypatch.setattr("latentloom.engine.models.weights.SafetensorsFile.tensor", lambda _, key: read.append(key))
    with pytest.raises(UserError, match="M004"):
        load_checkpoint(path)
    assert read == []


def test_sd2_that_predicts_v_is_told_by_one_bias(made, tmp_path, randomised):
    config = NETWORKS["SD2.x"]
    network = randomised(CLASSES[type(config)](replace(config, channel_mult=(1, 1, 1, 1), res_blocks=2,
                         transformer_depth=(1, 1, 1, 0))), 5)  # fmt: skip
    state = network.state_dict()
    key = "output_blocks.11.1.transformer_blocks.0.norm1.bias"
    noise = torch.randn(64, generator=torch.Generator().manual_seed(3))
    for spread, prediction in ((0.02, "eps"), (0.2, "v")):
        save_file({**state, key: noise / noise.std() * spread}, tmp_path / "sd2.safetensors")
        assert load_unet(tmp_path / "sd2.safetensors", device=CPU).prediction == prediction


def test_v_and_zero_snr_are_marked_in_sdxl_too(made, tmp_path):
    model, clip, vae, _ = made("SDXL")
    process = Discrete.stable_diffusion().with_zero_terminal_snr()
    changed = model.with_(prediction="v", process=process)
    loaded = load_checkpoint(save_checkpoint(tmp_path / "v.safetensors", changed, clip, vae), device=CPU).model
    assert loaded.prediction == "v"
    assert torch.equal(loaded.process.sigmas, process.sigmas)


def test_text_encoders_of_another_family_are_not_saved(made, tmp_path):
    with pytest.raises(UserError, match="M072"):
        save_checkpoint(tmp_path / "x.safetensors", made("SD1.x")[0], made("SDXL")[1], made("SD1.x")[2])
    assert not list(tmp_path.iterdir())


def test_families_know_their_variants():
    for family in FAMILIES.values():
        assert family_of(family.name) == family
        wide = family.taking(2 * family.latent.channels + 1)
        assert (wide.name, wide.kin) == (f"{family.name} inpainting", family.kin)
        assert family_of(wide.name) == wide
    with pytest.raises(KeyError):
        family_of("SD9")


def test_the_identity_beside_clip_l_is_left_out(made, tmp_path):
    tensors = load_file(made("SD3")[3])
    key = "text_encoders.clip_l.transformer.text_projection.weight"
    vocabulary(tmp_path / "tokenizer.json")
    for matrix, kept in ((torch.eye(64), False), (torch.eye(64) * 2, True)):
        save_file({**tensors, key: matrix}, tmp_path / "p.safetensors")
        clip = load_checkpoint(tmp_path / "p.safetensors", device=CPU).clip
        assert (clip.parts["l"].network.config.projection is not None) == kept
    alone = {"text_projection.weight": torch.eye(64) * 2, **text_files(made("SD3")[1])["clip_l"]}
    save_file(alone, tmp_path / "l.safetensors")
    loaded = load_text_encoders([tmp_path / "l.safetensors"], "sd3", device=CPU, options=TextOptions())
    assert loaded.parts["l"].network.config.projection is None
