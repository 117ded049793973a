"""Our upscalers against spandrel where it imports, and against references written here from the papers alone.

The same random weights, float32, max|diff| / std <= 1e-4; every file layout goes through a file and our loader.
"""

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from latentloom.engine.models.upscale_load import load_upscaler

LIMIT = 1e-4
CPU = torch.device("cpu")


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    assert theirs.std() > 1e-3, "the oracle's output carries no signal"
    return float((ours - theirs).abs().max() / theirs.std())


class Drawn:
    """Random weights by name."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)
        self.tensors = {}

    def conv(self, name, before, after, kernel=3):
        spread = (before * kernel * kernel) ** -0.5
        self.tensors[f"{name}.weight"] = torch.randn(after, before, kernel, kernel, generator=self.generator) * spread
        self.tensors[f"{name}.bias"] = torch.randn(after, generator=self.generator) * 0.05

    def prelu(self, name, width):
        self.tensors[f"{name}.weight"] = torch.rand(width, generator=self.generator)


NAMES = {
    "new": {
        "first": "conv_first", "dense": "body.{n}.rdb{m}.conv{k}", "body": "conv_body", "ups": ["conv_up1", "conv_up2"],
        "hr": "conv_hr", "last": "conv_last",
    },
    "trunk": {
        "first": "conv_first", "dense": "RRDB_trunk.{n}.RDB{m}.conv{k}", "body": "trunk_conv",
        "ups": ["upconv1", "upconv2"], "hr": "HRconv", "last": "conv_last",
    },
    "old x4": {
        "first": "model.0", "dense": "model.1.sub.{n}.RDB{m}.conv{k}.0", "body": "model.1.sub.2",
        "ups": ["model.3", "model.6"], "hr": "model.8", "last": "model.10",
    },
}  # fmt: skip
NAMES["trunk x2"] = NAMES["trunk"] | {"ups": ["upconv1"]}
NAMES["old x1"] = NAMES["old x4"] | {"ups": [], "hr": "model.2", "last": "model.4"}
NAMES["old x2"] = NAMES["old x4"] | {"ups": ["model.3"], "hr": "model.5", "last": "model.7"}
NAMES["old x8"] = NAMES["old x4"] | {"ups": ["model.3", "model.6", "model.9"], "hr": "model.11", "last": "model.13"}
NAMES["unshuffle x2"] = NAMES["new"]
NAMES["unshuffle x1"] = NAMES["new"]
FOLD = {"unshuffle x2": 2, "unshuffle x1": 4}


def rrdb_weights(layout, features=16, growth=8, blocks=2):
    names, drawn = NAMES[layout], Drawn(1)
    drawn.conv(names["first"], 3 * FOLD.get(layout, 1) ** 2, features)
    for n in range(blocks):
        for m in (1, 2, 3):
            for k in range(1, 6):
                name = names["dense"].format(n=n, m=m, k=k)
                drawn.conv(name, features + (k - 1) * growth, growth if k < 5 else features)
    for name in (names["body"], *names["ups"], names["hr"]):
        drawn.conv(name, features, features)
    drawn.conv(names["last"], features, 3)
    return drawn.tensors


def rrdb_reference(tensors, layout, x, blocks=2):
    """ESRGAN section 3.1 written out: no module, no table of ours."""
    names, fold = NAMES[layout], FOLD.get(layout, 1)
    height, width = x.shape[-2:]

    def conv(name, x):
        return F.conv2d(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"], padding=1)

    def leaky(x):
        return torch.where(x > 0, x, 0.2 * x)

    if fold > 1:
        x = torch.cat([x, x.flip(-2)[..., 1 : 1 + (-height % fold), :]], 2)
        x = torch.cat([x, x.flip(-1)[..., 1 : 1 + (-width % fold)]], 3)
        b, c, h, w = x.shape
        x = x.reshape(b, c, h // fold, fold, w // fold, fold).permute(0, 1, 3, 5, 2, 4).flatten(1, 3)
    first = conv(names["first"], x)
    y = first
    for n in range(blocks):
        block = y
        for m in (1, 2, 3):
            seen = [y]
            for k in range(1, 5):
                seen.append(leaky(conv(names["dense"].format(n=n, m=m, k=k), torch.cat(seen, 1))))
            y = y + 0.2 * conv(names["dense"].format(n=n, m=m, k=5), torch.cat(seen, 1))
        y = block + 0.2 * y
    y = first + conv(names["body"], y)
    for name in names["ups"]:
        y = leaky(conv(name, y.repeat_interleave(2, 2).repeat_interleave(2, 3)))
    scale = 2 ** len(names["ups"]) // fold
    return conv(names["last"], leaky(conv(names["hr"], y)))[..., : height * scale, : width * scale]


def compact_weights(scale, features=16, layers=3):
    drawn = Drawn(2)
    drawn.conv("body.0", 3, features)
    drawn.prelu("body.1", features)
    for n in range(layers):
        drawn.conv(f"body.{2 * n + 2}", features, features)
        drawn.prelu(f"body.{2 * n + 3}", features)
    drawn.conv(f"body.{2 * layers + 2}", features, 3 * scale * scale)
    return drawn.tensors


def shuffled(x, scale):
    """Shi et al. 2016, eq. 4, one number at a time along the channels."""
    b, c, h, w = x.shape
    result = torch.empty(b, c // scale**2, h * scale, w * scale)
    for channel in range(c):
        row, column = channel % scale**2 // scale, channel % scale
        result[:, channel // scale**2, row::scale, column::scale] = x[:, channel]
    return result


def compact_reference(tensors, x, scale):
    y = x
    for index in range(max(int(key.split(".")[1]) for key in tensors) + 1):
        weight = tensors[f"body.{index}.weight"]
        if weight.ndim == 1:
            y = torch.where(y > 0, y, weight[:, None, None] * y)
        else:
            y = F.conv2d(y, weight, tensors[f"body.{index}.bias"], padding=1)
    return shuffled(y, scale) + x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)


ESPCNS = {
    "feature_maps": (("feature_maps.0", "feature_maps.2", "sub_pixel.0"), (8, 6), torch.tanh),
    "first_part": (("first_part.0", "first_part.2", "last_part.0"), (8, 6), torch.tanh),
    "conv": (("conv1", "conv2", "conv3", "conv4"), (8, 8, 6), torch.relu),
}


def espcn_weights(layout, scale, channels=1):
    stems, widths, _ = ESPCNS[layout]
    drawn, before = Drawn(3), channels
    for index, (stem, width) in enumerate(zip(stems, (*widths, channels * scale**2), strict=True)):
        drawn.conv(stem, before, width, 3 if index else 5)
        before = width
    return drawn.tensors


def espcn_reference(tensors, layout, x, scale):
    stems, _, activation = ESPCNS[layout]
    for index, stem in enumerate(stems):
        weight = tensors[f"{stem}.weight"]
        x = F.conv2d(x, weight, tensors[f"{stem}.bias"], padding=weight.shape[-1] // 2)
        x = activation(x) if index + 1 < len(stems) else x
    return shuffled(x, scale)


def loaded(tensors, path):
    save_file(tensors, path)
    return load_upscaler(path, device=CPU).network


def picture(channels=3, size=(13, 18)):
    return torch.rand(2, channels, *size, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("layout", NAMES)
@torch.no_grad()
def test_rrdb(layout, tmp_path):
    tensors = rrdb_weights(layout)
    network = loaded(tensors, tmp_path / "x.safetensors")
    reference = rrdb_reference(tensors, layout, picture())
    assert network.config.scale == reference.shape[-1] // 18
    assert difference(network(picture()), reference) <= LIMIT


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@torch.no_grad()
def test_compact(scale, tmp_path):
    tensors = compact_weights(scale)
    assert difference(loaded(tensors, tmp_path / "x.safetensors")(picture()), compact_reference(tensors, picture(), scale)) <= LIMIT


@pytest.mark.parametrize("layout", ESPCNS)
@pytest.mark.parametrize("channels", [1, 3])
@torch.no_grad()
def test_espcn(layout, channels, tmp_path):
    tensors = espcn_weights(layout, 3, channels)
    network = loaded(tensors, tmp_path / "x.safetensors")
    assert difference(network(picture(channels)), espcn_reference(tensors, layout, picture(channels), 3)) <= LIMIT


# Spandrel takes a growth of 32 for granted.
SPANDREL = {**{layout: lambda layout=layout: rrdb_weights(layout, growth=32) for layout in NAMES},
            **{f"compact x{scale}": lambda scale=scale: compact_weights(scale) for scale in (1, 2, 4)}}  # fmt: skip


@pytest.mark.parametrize("layout", SPANDREL)
@torch.no_grad()
def test_spandrel(layout, tmp_path):
    spandrel = pytest.importorskip("spandrel")
    tensors = SPANDREL[layout]()
    ours = loaded(tensors, tmp_path / "x.safetensors")
    theirs = spandrel.ModelLoader("cpu").load_from_state_dict(dict(tensors))
    assert theirs.scale == ours.config.scale
    assert difference(ours(picture()), theirs.model.eval()(picture())) <= LIMIT
