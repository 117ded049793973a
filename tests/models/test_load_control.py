"""ControlNet files: every layout gives the same network, and what is none or half of one is refused."""

import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.errors import UserError
from latentloom.engine.models.control import ControlNet, ControlNetConfig
from latentloom.engine.models.control_mmdit import MMDiTControl, MMDiTControlConfig
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.load_control import control_config, load_control, mmdit_control_config
from latentloom.engine.models.mmdit import MMDiTConfig
from latentloom.engine.models.unet import UNet, UNetConfig

CPU = torch.device("cpu")
PLAIN = UNetConfig(model_channels=32, channel_mult=(1, 2), transformer_depth=(1, 1), context_dim=768, res_blocks=1)
XL = UNetConfig(
    model_channels=64, channel_mult=(1, 2, 4), transformer_depth=(0, 2, 3), middle_depth=3, context_dim=2048,
    head_channels=64, linear_projection=True, adm_channels=96,
)  # fmt: skip
FORMS = {
    "SD1.x": ControlNetConfig(PLAIN, hint_widths=(16, 32)),
    "SDXL": ControlNetConfig(XL),
    "union": ControlNetConfig(XL, kinds=6, union_layers=2),
}


@pytest.fixture
def saved(randomised, tmp_path):
    """Build and save a ControlNet: (network, path)."""

    def make(form, prefix="", change=None, name="control.safetensors", **more):
        network = randomised(ControlNet(form), 1)
        state = {prefix + key: value.clone() for key, value in network.state_dict().items()}
        state |= {prefix + key: value for key, value in more.items()}
        save_file(change(state) if change else state, tmp_path / name)
        return network, tmp_path / name

    return make


def same(ours, network):
    state, wanted = ours.network.state_dict(), network.state_dict()
    return state.keys() == wanted.keys() and all(torch.equal(state[key], wanted[key]) for key in wanted)


@pytest.mark.parametrize("prefix", ["", "control_model."])
@pytest.mark.parametrize("name", FORMS)
def test_the_form_is_read_from_the_shapes(saved, name, prefix):
    network, path = saved(FORMS[name], prefix)
    control = load_control(path, device=CPU)
    assert control.network.form == FORMS[name]
    assert same(control, network)
    assert control.family == ("SD1.x" if name == "SD1.x" else "SDXL")
    assert not any(parameter.requires_grad for parameter in control.network.parameters())


@pytest.mark.parametrize("kind", [torch.float16, torch.float8_e4m3fn], ids=str)
def test_small_storage_becomes_the_precision_that_computes(saved, kind):
    network, path = saved(FORMS["SD1.x"], change=lambda state: {key: value.to(kind) for key, value in state.items()})
    control = load_control(path, device=CPU)
    assert all(weight.dtype == torch.float32 for weight in control.network.parameters())
    own = network.state_dict()
    assert all(torch.equal(value, own[key].to(kind).float()) for key, value in control.network.state_dict().items())


def test_a_whole_checkpoint_beside_it_is_left_alone(saved):
    extra = {f"model.diffusion_model.{key}": torch.zeros(2) for key in ("out.2.weight", "time_embed.0.weight")}
    network, path = saved(FORMS["SD1.x"], "control_model.", lambda state: {**state, **extra})
    assert same(load_control(path, device=CPU), network)


def test_differences_are_added_to_the_model(saved, randomised):
    unet = randomised(UNet(PLAIN), 5)
    base = unet.state_dict()

    def less(state):
        return {
            key: value - base[bare] if (bare := key.removeprefix("control_model.")) in base else value
            for key, value in state.items()
        } | {"difference": torch.zeros(0)}

    network, path = saved(ControlNetConfig(PLAIN), "control_model.", less)
    model = DiffusionModel(unet, Discrete.stable_diffusion())
    control = load_control(path, model=model, device=CPU)
    for key, value in network.state_dict().items():
        assert torch.allclose(control.network.state_dict()[key], value, atol=1e-6), key
    with pytest.raises(UserError) as caught:
        load_control(path, device=CPU)
    assert caught.value.code == "M050"
    other = DiffusionModel(
        UNet(UNetConfig(model_channels=64, channel_mult=(1, 2), transformer_depth=(1, 1))), Discrete.stable_diffusion()
    )
    with pytest.raises(UserError) as caught:
        load_control(path, model=other, device=CPU)
    assert caught.value.code == "M050"


@pytest.mark.parametrize("name", ["control_shuffle", "control_shuffle_fp16", "shuffle_control"])
def test_shuffles_are_known_by_their_name(saved, name):
    _, path = saved(FORMS["SD1.x"], name=f"{name}.safetensors")
    assert load_control(path, device=CPU).averaged == ("_shuffle" in name)


@pytest.mark.parametrize(
    "key", ["zero_convs.1.0.bias", "middle_block_out.0.weight", "input_blocks.1.0.in_layers.2.weight"]
)
def test_a_file_that_lacks_a_key_is_refused_whole(saved, key):
    _, path = saved(FORMS["SD1.x"], change=lambda state: {name: v for name, v in state.items() if name != key})
    with pytest.raises(UserError) as caught:
        load_control(path, device=CPU)
    assert caught.value.code in ("M003", "M004")
    assert key.rpartition(".")[0].split(".")[0] in str(caught.value)


def test_what_is_no_controlnet_is_refused(tmp_path):
    for name, keys in {"lora": ["a.lora_up.weight"], "controllora": ["lora_controlnet"]}.items():
        save_file({key: torch.zeros(2, 2) for key in keys}, tmp_path / f"{name}.safetensors")
        with pytest.raises(UserError, match="ControlNet") as caught:
            load_control(tmp_path / f"{name}.safetensors", device=CPU)
        assert caught.value.code == "M003"


def test_configurations_round_trip():
    for form in FORMS.values():
        with torch.device("meta"):
            shapes = {key: tuple(value.shape) for key, value in ControlNet(form).state_dict().items()}
        assert control_config(shapes) == form
    sd3 = MMDiTControlConfig(MMDiTConfig(4, 4, 128, 3, 64, 2, 48, 24, 8, True, (0, 1)), 1)
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in MMDiTControl(sd3).state_dict().items()}
    assert mmdit_control_config(shapes) == sd3
