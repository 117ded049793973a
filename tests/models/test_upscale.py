"""Upscale networks through files: every layout recognised and reloaded equal, every wrong or cut file one clear error."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from latentloom.engine.errors import UserError
from latentloom.engine.models.upscale import (
    ESPCN,
    CompactConfig,
    ESPCNConfig,
    RRDBConfig,
    RRDBNet,
    SRVGGNetCompact,
)
from latentloom.engine.models.upscale_load import load_upscaler
from latentloom.engine.models.upscale_names import compact_config, espcn_config, rrdb_config

CPU = torch.device("cpu")
RRDB = RRDBConfig(features=8, blocks=2, growth=4)
NETWORKS = {
    "rrdb x4": lambda: RRDBNet(RRDB),
    "rrdb x2, unshuffled": lambda: RRDBNet(RRDBConfig(features=8, blocks=1, growth=4, unshuffle=2)),
    "rrdb x1, unshuffled": lambda: RRDBNet(RRDBConfig(features=8, blocks=1, growth=4, unshuffle=4)),
    "compact x2": lambda: SRVGGNetCompact(CompactConfig(3, 8, 2, 2)),
    "compact x4": lambda: SRVGGNetCompact(CompactConfig(3, 16, 3, 4)),
    "compact x1": lambda: SRVGGNetCompact(CompactConfig(1, 8, 0, 1)),
    "espcn": lambda: ESPCN(ESPCNConfig(widths=(8, 4))),
}


def to_old(key, doublings=2, blocks=2):
    """Our key in the first ESRGAN's layout."""
    tops = {"conv_first": 0, "conv_hr": 3 * doublings + 2, "conv_last": 3 * doublings + 4}
    tops |= {f"conv_up{step}": 3 * step for step in range(1, doublings + 1)}
    stem, _, leaf = key.rpartition(".")
    if stem in tops:
        return f"model.{tops[stem]}.{leaf}"
    if stem == "conv_body":
        return f"model.1.sub.{blocks}.{leaf}"
    _, block, dense, layer = stem.split(".")
    return f"model.1.sub.{block}.{dense.upper()}.{layer}.0.{leaf}"


def to_trunk(key):
    """Our key in BSRGAN's layout."""
    for ours, theirs in (("conv_body", "trunk_conv"), ("conv_up", "upconv"), ("conv_hr", "HRconv")):
        key = key.replace(ours, theirs)
    return key.replace("body.", "RRDB_trunk.").replace("rdb", "RDB")


def to_espcn(key):
    stems = ("feature_maps.0", "feature_maps.2", "sub_pixel.0")
    _, index, leaf = key.split(".")
    return f"{stems[int(index)]}.{leaf}"


NAMED = {**dict.fromkeys(NETWORKS, lambda key: key), "espcn": to_espcn}
LAYOUTS = {name: (NETWORKS[name], NAMED[name]) for name in NETWORKS} | {
    "trunk": (NETWORKS["rrdb x4"], to_trunk),
    "trunk x2": (lambda: RRDBNet(RRDBConfig(features=8, blocks=2, growth=4, doublings=1)), to_trunk),
    **{
        f"old, {steps} doublings": (
            lambda steps=steps: RRDBNet(RRDBConfig(features=8, blocks=2, growth=4, doublings=steps)),
            lambda key, steps=steps: to_old(key, steps),
        )
        for steps in range(4)
    },
}


def written(name, path, randomised):
    """Return a network of random weights and the file that holds it in a layout."""
    make, rename = LAYOUTS[name]
    network = randomised(make(), 5)
    save_file({rename(key): value.clone() for key, value in network.state_dict().items()}, path)
    return network


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_recognised_and_reloaded_equal(name, randomised, tmp_path):
    network = written(name, tmp_path / "x.safetensors", randomised)
    loaded = load_upscaler(tmp_path / "x.safetensors", device=CPU)
    assert loaded.network.config == network.config
    state = loaded.network.state_dict()
    assert list(state) == list(network.state_dict())
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert not any(p.requires_grad for p in loaded.network.parameters()) and not loaded.network.training
    x = torch.rand(2, network.config.channels, 7, 10)
    with torch.no_grad():
        result = loaded.network(x)
        assert torch.equal(result, network(x))
    assert result.shape == (2, network.config.out_channels, 7 * loaded.scale, 10 * loaded.scale)


@pytest.mark.parametrize("wrapper", ["params_ema", "params"])
def test_pickles_of_basicsr(wrapper, randomised, tmp_path):
    network = randomised(RRDBNet(RRDB), 5)
    torch.save({wrapper: network.state_dict()}, tmp_path / "x.pth")
    with pytest.raises(UserError) as caught:
        load_upscaler(tmp_path / "x.pth", device=CPU)
    assert caught.value.code == "M005"
    loaded = load_upscaler(tmp_path / "x.pth", device=CPU, allow_pickle=True)
    assert torch.equal(loaded.network.conv_last.weight, network.conv_last.weight)


def test_half_precision_files_are_computed_in_float32(randomised, tmp_path):
    network = randomised(SRVGGNetCompact(CompactConfig(3, 8, 2, 2)), 5)
    save_file({key: value.half() for key, value in network.state_dict().items()}, tmp_path / "x.safetensors")
    loaded = load_upscaler(tmp_path / "x.safetensors", device=CPU)
    assert loaded.dtype == torch.float32
    assert torch.equal(loaded.network.body[0].weight, network.body[0].weight.half().float())


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_file_without_any_one_of_its_keys_is_one_error_that_names_it(name, randomised, tmp_path):
    path = tmp_path / "x.safetensors"
    written(name, path, randomised)
    tensors = load_file(path)
    family = load_upscaler(path, device=CPU).name
    for key in tensors:
        save_file({other: value for other, value in tensors.items() if other != key}, path)
        with pytest.raises(UserError) as caught:
            load_upscaler(path, device=CPU)
        assert caught.value.code in ("M002", "M004"), (key, str(caught.value))
        assert family in str(caught.value), (key, str(caught.value))
        assert "missing" in str(caught.value), (key, str(caught.value))
        if name in NETWORKS and name != "espcn":  # keys as our networks have them
            assert f'"{key}"' in str(caught.value)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_file_cut_after_any_key_is_one_error(name, randomised, tmp_path):
    path = tmp_path / "x.safetensors"
    written(name, path, randomised)
    tensors = list(load_file(path).items())
    whole = path.read_bytes()
    for count in range(1, len(tensors)):
        if name == "trunk" and {key for key, _ in tensors[count:]} == {"upconv2.bias", "upconv2.weight"}:
            continue  # what is left is a whole file for x2
        save_file(dict(tensors[:count]), path)
        with pytest.raises(UserError) as caught:
            load_upscaler(path, device=CPU)
        assert caught.value.code in ("M002", "M003", "M004"), (count, str(caught.value))
    for size in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError) as caught:
            load_upscaler(path, device=CPU)
        assert caught.value.code in ("M010", "M011", "M013")


def test_a_shape_that_does_not_fit(randomised, tmp_path):
    written("rrdb x4", tmp_path / "x.safetensors", randomised)
    tensors = load_file(tmp_path / "x.safetensors")
    tensors["body.1.rdb2.conv3.weight"] = torch.zeros(4, 4, 3, 3)
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(UserError, match=r'M008 .*"body\.1\.rdb2\.conv3\.weight".*expected shape \[4, 16, 3, 3\]'):
        load_upscaler(tmp_path / "x.safetensors", device=CPU)


def test_other_kinds_of_files_are_named(tmp_path):
    save_file({"conv_first.weight": torch.ones(1), "layers.0.residual.weight": torch.ones(1)}, tmp_path / "swin.safetensors")
    with pytest.raises(UserError, match=r"M003 .*got upscaler of another kind"):
        load_upscaler(tmp_path / "swin.safetensors")
    save_file({"lora_unet_x.lora_up.weight": torch.ones(2, 2)}, tmp_path / "lora.safetensors")
    with pytest.raises(UserError, match=r"M003 .*ESRGAN.*got LoRA"):
        load_upscaler(tmp_path / "lora.safetensors")


def test_published_sizes_are_told_from_shapes():
    def shapes(network):
        return {key: tuple(value.shape) for key, value in network.state_dict().items()}

    with torch.device("meta"):
        for config in (RRDBConfig(), RRDBConfig(blocks=6), RRDBConfig(unshuffle=2), RRDBConfig(doublings=0)):
            assert rrdb_config(shapes(RRDBNet(config))) == config
        for config in (CompactConfig(), CompactConfig(layers=32), CompactConfig(scale=2)):
            assert compact_config(shapes(SRVGGNetCompact(config))) == config
        assert espcn_config(shapes(ESPCN(ESPCNConfig(scale=4)))) == ESPCNConfig(scale=4)
        # Real-ESRGAN_x4plus: 16.70 million weights; realesr-animevideov3 and realesr-general-x4v3.
        assert sum(p.numel() for p in RRDBNet(RRDBConfig()).parameters()) == 16_697_987
        assert sum(p.numel() for p in SRVGGNetCompact(CompactConfig(layers=32)).parameters()) == 1_213_296


def test_a_lone_high_number_builds_no_deep_network():
    with pytest.raises(ValueError, match="gaps"):
        rrdb_config({"conv_first.weight": (64, 3, 3, 3), "body.999999.rdb1.conv1.weight": (32, 64, 3, 3)})


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 2), (5, 8)])
def test_the_unshuffle_head_takes_any_size(size, randomised):
    network = randomised(RRDBNet(RRDBConfig(features=8, blocks=1, growth=4, unshuffle=2)), 5)
    assert network(torch.rand(1, 3, *size)).shape[-2:] == (2 * size[0], 2 * size[1])


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_reach_every_weight(name, randomised):
    network = randomised(NETWORKS[name](), 5).requires_grad_(True)
    network(torch.rand(2, network.config.channels, 8, 8)).square().mean().backward()
    assert [key for key, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (RRDBConfig, {"blocks": 0}),
        (RRDBConfig, {"unshuffle": 3}),
        (RRDBConfig, {"doublings": 1, "unshuffle": 4}),
        (CompactConfig, {"scale": 0}),
        (ESPCNConfig, {"kernels": (5, 3)}),
        (ESPCNConfig, {"kernels": (5, 2, 3)}),
        (ESPCNConfig, {"widths": (64, 0)}),
    ],
)
def test_configurations_refuse_what_is_no_network(make, settings):
    with pytest.raises(ValueError):
        make(**settings)
