"""What the checks on wires accept and refuse."""

import pytest
import torch

from latentloom.engine.diffusion.noise import NoNoise, RandomNoise
from latentloom.engine.diffusion.samplers import sampler_named
from latentloom.engine.values import check_value

IMAGE = torch.rand(2, 4, 5, 3)
COND = torch.zeros(1, 77, 8)

GOOD = [
    ("IMAGE", IMAGE),
    ("IMAGE", torch.rand(1, 4, 5, 4)),
    ("IMAGE", IMAGE * 3 - 1),
    ("IMAGE", IMAGE.permute(0, 2, 1, 3)),
    ("MASK", torch.rand(2, 4, 5)),
    ("MASK", torch.rand(4, 5)),
    ("LATENT", {"samples": torch.zeros(1, 4, 8, 8), "unknown": object()}),
    ("LATENT", {"samples": torch.zeros(1, 16, 3, 8, 8), "noise_mask": torch.ones(1, 1, 8, 8)}),
    ("CONDITIONING", [[COND, {}], (COND, {"strength": 1.0})]),
    ("CONDITIONING", []),
    ("FEATURES", torch.randn(1, 12, 3, 4) * 100),
    ("SIGMAS", torch.linspace(14, 0, 5)),
    ("SIGMAS", torch.zeros(0)),
    ("FLOAT", 1),
    ("FLOAT", 0.5),
    ("INT", 2**64 - 1),
    ("STRING", ""),
    ("BOOLEAN", True),
    ("NOISE", RandomNoise(3)),
    ("NOISE", NoNoise()),
    ("SAMPLER", sampler_named("euler")),
    ("*", object()),
    ("MY_PACK_TYPE", object()),
    ("IMAGE,MASK", torch.rand(2, 4, 5)),
    ("IMAGE, MASK", IMAGE),
]

BAD = [
    ("IMAGE", IMAGE[0], "shape (4, 5, 3)"),
    ("IMAGE", IMAGE.numpy(), "ndarray"),
    ("IMAGE", IMAGE.half(), "float16"),
    ("IMAGE", (IMAGE * 255).to(torch.uint8), "uint8"),
    ("IMAGE", IMAGE * 255, "values up to"),
    ("IMAGE", IMAGE.permute(0, 2, 1, 3) * 255, "values up to"),
    ("IMAGE", IMAGE.permute(0, 3, 1, 2), "3 or 4 channels"),
    ("IMAGE", IMAGE[:0], "3 or 4 channels"),
    ("MASK", IMAGE, "shape"),
    ("MASK", torch.rand(1, 4, 5) * 255, "values up to"),
    ("LATENT", torch.zeros(1, 4, 8, 8), '"samples"'),
    ("LATENT", {"samples": None}, "samples [b c h w]"),
    ("LATENT", {"samples": torch.zeros(4, 8, 8)}, "shape"),
    ("LATENT", {"samples": torch.zeros(1, 4, 8, 8), "noise_mask": 3}, "noise_mask"),
    ("CONDITIONING", COND, "a list"),
    ("CONDITIONING", [COND], "entries"),
    ("CONDITIONING", [[COND, None]], "entries"),
    ("CONDITIONING", [[torch.zeros(1, 77, dtype=torch.long), {}]], "tensor"),
    ("FEATURES", torch.zeros(3, 4, 5), "feature maps [b c h w]"),
    ("FEATURES", torch.zeros(1, 3, 4, 5, dtype=torch.long), "int64"),
    ("UPSCALE_MODEL", torch.nn.Identity(), "upscale, scale"),
    ("SIGMAS", torch.zeros(2, 2), "shape"),
    ("SIGMAS", [1.0, 0.0], "[1.0, 0.0]"),
    ("FLOAT", float("nan"), "finite"),
    ("FLOAT", True, "finite"),
    ("INT", 1.0, "whole"),
    ("INT", False, "whole"),
    ("STRING", b"x", "text"),
    ("BOOLEAN", 1, "true or false"),
    ("NOISE", object(), "generate_noise"),
    ("MODEL", object(), "denoise"),
    ("CLIP", object(), "encode"),
    ("VAE", None, "decode"),
    ("GUIDER", object(), "sample"),
    ("SAMPLER", "euler", "step"),
    ("IMAGE,MASK", torch.zeros(3), "; or "),
]


@pytest.mark.parametrize(("types", "value"), GOOD)
def test_accepts(types, value):
    assert check_value(types, value) is None


@pytest.mark.parametrize(("types", "value", "said"), BAD)
def test_refuses_and_says_why(types, value, said):
    fault = check_value(types, value)
    assert fault is not None
    assert said in fault
    assert len(fault) < 300


def test_a_tensor_on_a_device_is_never_read():
    """A meta tensor has no data at all: reading any would raise."""
    meta = torch.empty(1, 4, 5, 3, device="meta")
    assert check_value("IMAGE", meta) is None
    assert check_value("MASK", meta[..., 0]) is None
    assert check_value("LATENT", {"samples": torch.empty(1, 4, 8, 8, device="meta")}) is None
    assert check_value("SIGMAS", torch.empty(4, device="meta")) is None


def test_a_large_picture_is_not_read_in_full():
    """One pixel in another unit among millions may pass; the check reads a few hundred, whatever the size."""
    image = torch.zeros(1, 2048, 2048, 3)
    image[0, 0, 1, 0] = 255.0
    assert check_value("IMAGE", image) is None
