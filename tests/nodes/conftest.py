"""A tiny model, folders of the test's own, and a guard that inputs stay as they were."""

import copy
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.folders import Folders
from latentloom.engine.models.autoencoder import Autoencoder
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.load import Loaded
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig
from latentloom.engine.node.context import SilentContext

UNET = UNetConfig(model_channels=32, channel_mult=(1, 2), transformer_depth=(1, 1), context_dim=64, res_blocks=1)
VAE = VAEConfig(channels=32, channel_mult=(1, 1, 1, 1), res_blocks=1)
TEXT = CLIPTextConfig(width=64, layers=2, heads=1, mlp=96)

sys.path.append(str(Path(__file__).parents[1] / "models"))  # for tiny_families


@pytest.fixture(scope="session")
def tiny(randomised):
    """A checkpoint in miniature: 8 pixels a latent cell, text of width 64."""
    return Loaded(
        DiffusionModel(randomised(UNet(UNET), 1), Discrete.stable_diffusion()),
        TextEncoder(randomised(CLIPText(TEXT), 2)),
        Autoencoder(randomised(AutoencoderKL(VAE), 3)),
    )


@pytest.fixture(scope="session")
def prompts(tiny):
    """A positive and a negative conditioning."""
    texts = [tiny.clip.encode(text) for text in ("a red circle", "blurred")]
    return [[[cond, {"pooled_output": pooled}]] for cond, pooled in texts]


@pytest.fixture
def files(tmp_path):
    return Folders(tmp_path / "data", packaged=tmp_path / "none")


class Listener(SilentContext):
    """A context that keeps what it is told, and may ask to stop after some steps."""

    def __init__(self, files=None, stop_after=None, previews=False):
        super().__init__(files)
        self.steps, self.shown, self.whole, self.checks = [], [], [], 0
        self._stop_after, self._previews = stop_after, previews

    @property
    def wants_previews(self):
        return self._previews

    def progress(self, value, total, **note):
        from latentloom.engine.errors import Cancelled

        self.steps.append((value, total))
        if self._stop_after is not None and len(self.steps) >= self._stop_after:
            raise Cancelled("test")

    def check(self):
        self.checks += 1

    def preview(self, image, whole=False):
        self.shown.append(image)
        self.whole.append(whole)


@pytest.fixture
def context(files):
    return Listener(files)


@pytest.fixture
def listener():
    return Listener


@contextmanager
def _unchanged(*values):
    before = copy.deepcopy(values)
    yield
    assert same(values, before), "a node changed its input"


def same(a, b):
    """Tell whether two nested values are equal to the last bit."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.fixture
def unchanged():
    """`with unchanged(x, y): node(...)` fails when the node changed x or y."""
    return _unchanged


@pytest.fixture
def rand():
    """`rand(2, 4, 3)`: the same random numbers in 0..1 every time."""

    def make(*shape, seed=0):
        return torch.rand(shape, generator=torch.Generator().manual_seed(seed))

    return make
