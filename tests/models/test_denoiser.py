import pytest
import torch
from torch import nn

from latentloom.engine.diffusion.process import Discrete, Flow
from latentloom.engine.errors import UserError
from latentloom.engine.models.denoiser import DiffusionModel


class Perfect(nn.Module):
    """Answers what a perfect network would for a known clean latent; keeps what it was fed."""

    def __init__(self, x0, noise, prediction):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.x0, self.noise, self.prediction = x0, noise, prediction

    def forward(self, x, timesteps, context, **extra):
        self.fed = (x, timesteps, context, extra)
        if self.prediction == "v":  # alpha * noise - sigma * x0 with alpha^2 + sigma^2 = 1
            alpha = 1 / (1 + self.sigma**2) ** 0.5
            return alpha * self.noise - self.sigma * alpha * self.x0
        return {"eps": self.noise, "x0": self.x0, "flow": self.noise - self.x0}[self.prediction]


@pytest.mark.parametrize("sigma", [0.03, 1.0, 14.0])
@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_a_perfect_network_gives_the_clean_latent(prediction, sigma):
    x0, noise = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    network = Perfect(x0, noise, prediction)
    network.sigma = sigma
    process = Discrete.stable_diffusion()
    model = DiffusionModel(network, process, prediction)
    out = model.denoise(x0 + sigma * noise, sigma, torch.randn(1, 5, 7), y=torch.ones(2, 3))
    assert torch.allclose(out, x0, atol=1e-4)
    fed, time, context, extra = network.fed
    assert torch.allclose(fed, (x0 + sigma * noise) / (1 + sigma**2) ** 0.5, atol=1e-6)
    assert torch.allclose(time, process.timestep(torch.tensor([sigma, sigma])))
    assert context.shape == (2, 5, 7)
    assert extra["y"].shape == (2, 3)


def test_flow():
    x0, noise = torch.randn(1, 4, 2, 2), torch.randn(1, 4, 2, 2)
    model = DiffusionModel(Perfect(x0, noise, "flow"), Flow(3.0), "flow")
    assert torch.allclose(model.denoise(0.3 * x0 + 0.7 * noise, 0.7, torch.zeros(1, 1, 1)), x0, atol=1e-5)


def test_each_item_has_its_own_sigma(tiny):
    x, context = torch.randn(2, 4, 8, 8), torch.randn(2, 77, 64)
    together = tiny.model.denoise(x, torch.tensor([0.5, 9.0]), context)
    for i, sigma in enumerate((0.5, 9.0)):
        alone = tiny.model.denoise(x[i : i + 1], torch.tensor(sigma), context[i : i + 1])
        assert torch.allclose(alone[0], together[i], atol=1e-4)


def test_precision_of_state_and_network():
    network = Perfect(torch.zeros(1, 4, 2, 2), torch.ones(1, 4, 2, 2), "eps").half()
    model = DiffusionModel(network, Discrete.stable_diffusion())
    x = torch.randn(1, 4, 2, 2, dtype=torch.float64)
    out = model.denoise(x, torch.tensor([2.0]), torch.zeros(1, 1, 1))
    assert (network.fed[0].dtype, network.fed[1].dtype, out.dtype) == (torch.float16, torch.float64, torch.float64)
    assert torch.equal(out, x - 2.0)
    assert model.denoise(x.half(), 2.0, torch.zeros(1, 1, 1)).dtype == torch.float16
    assert network.fed[1].dtype == torch.float32  # half precision would merge neighbouring times
    assert (model.dtype, model.device) == (torch.float16, torch.device("cpu"))


def test_inpainting_channels_are_joined_unscaled():
    network = Perfect(torch.zeros(2, 4, 2, 2), torch.ones(2, 4, 2, 2), "eps")
    concat = torch.rand(1, 5, 2, 2)
    model = DiffusionModel(network, Discrete.stable_diffusion())
    model.denoise(torch.randn(2, 4, 2, 2), 3.0, torch.zeros(2, 1, 1), concat=concat)
    assert network.fed[0].shape == (2, 9, 2, 2)
    assert torch.equal(network.fed[0][:, 4:], concat.expand(2, -1, -1, -1))


def test_changes_make_copies(tiny):
    patched = tiny.model.with_(guidance_patches=(print,), prediction="v")
    assert tiny.model.guidance_patches == ()
    assert patched.prediction == "v"
    assert patched.network is tiny.model.network


def test_parts_of_other_families_are_refused(tiny):
    with pytest.raises(UserError, match=r"V132 .* 4 channels.*got 16"):
        tiny.model.denoise(torch.zeros(1, 16, 8, 8), 1.0, torch.zeros(1, 77, 64))
    with pytest.raises(UserError, match=r"V133 .*width 64.*got width 768"):
        tiny.model.denoise(torch.zeros(1, 4, 8, 8), 1.0, torch.zeros(1, 77, 768))
