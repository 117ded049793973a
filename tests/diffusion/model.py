"""A small real network behind the interface that guidance asks for; it counts its calls."""

import torch

from latentloom.engine.diffusion.predict import to_x0
from latentloom.engine.diffusion.process import Discrete, scaled_linear


class Space:
    """A latent space of 4 channels."""

    def __init__(self, scale=0.18215, shift=0.0, channels=4):
        self.scale, self.shift, self.channels = scale, shift, channels

    def scaled(self, raw):
        return (raw - self.shift) * self.scale

    def raw(self, scaled):
        return scaled / self.scale + self.shift

    def preview(self, scaled):
        return (scaled.permute(0, 2, 3, 1)[..., :3] + 1).clamp(0, 2) / 2


class Small:
    """Predicts eps by a convolution over x and one softmax attention over the tokens; float64, fixed weights."""

    def __init__(self, process=None, latent=None, guidance_patches=(), prediction="eps", dtype=torch.float64):
        self.process = process or Discrete(scaled_linear())
        self.latent = latent or Space()
        self.guidance_patches = guidance_patches
        self.prediction = prediction
        self.device = torch.device("cpu")
        self.dtype = dtype
        generator = torch.Generator().manual_seed(2)
        self.kernel = torch.randn(4, 4, 3, 3, generator=generator, dtype=torch.float64) * 0.1
        self.value = torch.randn(6, 4, generator=generator, dtype=torch.float64)
        self.calls = []

    def denoise(self, x, sigma, context, **extra):
        assert sigma.shape == (len(x),)
        assert len(context) == len(x)
        self.calls.append((tuple(x.shape), tuple(context.shape), float(sigma[0]), extra))
        fed = self.process.scale_input(x.double(), sigma.double())
        tokens = context.double()
        attention = torch.softmax(tokens.mean(2, keepdim=True), dim=1)
        text = (attention * tokens).sum(1) @ self.value
        output = torch.nn.functional.conv2d(fed, self.kernel, padding=1) + fed * 0.8 + text[:, :, None, None]
        if "bias" in extra:
            output = output + extra["bias"]
        return to_x0(self.prediction, output, x.double(), sigma.double()).to(x.dtype)


def text(seed, tokens=5, batch=1, **options):
    """One CONDITIONING list of one entry."""
    generator = torch.Generator().manual_seed(seed)
    return [[torch.randn(batch, tokens, 6, generator=generator, dtype=torch.float64), options]]
