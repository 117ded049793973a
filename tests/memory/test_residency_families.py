"""SDXL-shaped and SD3-shaped graphs on a device that is too small, against the same without a limit, bit for bit."""

import copy

import pytest
import torch
from families import nbytes, networks, picture, sd3, sdxl, settled, with_lora
from small_device import Books, SmallDevice

from latentloom.engine.errors import UserError
from latentloom.engine.memory.residency import Residency
from latentloom.engine.models.control import ControlNet, ControlNetConfig
from latentloom.engine.models.flux import Flux, FluxConfig
from latentloom.engine.models.upscale import RRDBConfig, RRDBNet
from latentloom.engine.models.upscaler import Upscaler

FAMILIES = {"sdxl": sdxl, "sd3": sd3}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    """(values, the picture that they make without a limit)."""
    values = FAMILIES[request.param]()
    return values, picture(*values)


def within(budget, values, books=None):
    """Return (picture, device, residency) of a run within a budget."""
    device = SmallDevice(budget)
    residency = Residency(device, budget, account=books)
    return picture(*settled(values, residency)), device, residency


def test_without_a_limit_everything_moves_once(family):
    values, wanted = family
    found, device, residency = within(None, values)
    assert torch.equal(found, wanted)
    assert device.most_moves == 1
    assert residency.stats.used_bytes == sum(map(nbytes, networks(*values)))


def test_within_less_than_their_sum_no_weight_moves_twice(family):
    """Each network fits, all together do not; a graph uses one after the other."""
    values, wanted = family
    sizes = sorted(map(nbytes, networks(*values)))
    budget = sizes[-1] + sizes[0] // 2
    assert budget < sum(sizes)
    books = Books()
    found, device, residency = within(budget, values, books)
    assert torch.equal(found, wanted)
    assert max(device.moves[id(t)] for t in values[0].base.parameters()) == 1
    assert device.peak <= budget
    assert residency.stats.evictions > 0
    assert sum(books.held.values()) == residency.stats.used_bytes <= budget


def test_within_less_than_the_largest_network(family):
    values, wanted = family
    every = networks(*values)
    least = max(weight.nbytes for network in every for weight in network.parameters())
    largest = max(map(nbytes, every))
    budget = (least + largest) // 2
    assert budget < nbytes(values[0].base)
    found, device, _ = within(budget, values)
    assert torch.equal(found, wanted)
    assert device.peak <= budget
    moved = [device.moves[id(t)] for t in values[0].base.parameters()]
    assert max(moved) > 1  # it came and went
    assert min(moved) == 1  # and not more of it than must


def test_with_hardly_more_than_the_largest_layer(family):
    values, wanted = family
    budget = max(weight.nbytes for network in networks(*values) for weight in network.parameters()) + 4096
    found, device, _ = within(budget, values)
    assert torch.equal(found, wanted)
    assert device.peak <= budget


def test_less_than_the_largest_layer_is_refused(family):
    values, _ = family
    budget = max(weight.nbytes for network in networks(*values) for weight in network.parameters()) - 4
    with pytest.raises(UserError) as caught:
        within(budget, values)
    assert caught.value.code == "M090"


@pytest.mark.parametrize("share", [1.5, 0.6])
def test_a_lora_within_a_budget(family, share):
    (model, text, vae), plain = family
    changed = with_lora(model)
    wanted = picture(changed, text, vae)
    assert not torch.equal(wanted, plain)
    budget = int(nbytes(model.base) * share)
    device = SmallDevice()
    residency = Residency(device, budget)
    with_it = settled((changed, text, vae), residency)
    without = settled((model, text, vae), residency)
    assert torch.equal(picture(*with_it), wanted)
    assert torch.equal(picture(*without), plain)
    assert residency.stats.peak_bytes <= budget


def test_the_lora_of_a_model_that_is_there_moves_only_what_it_changes(family):
    (model, text, vae), _ = family
    device = SmallDevice()
    residency = Residency(device)
    picture(*settled((model, text, vae), residency))
    moved = residency.stats.moved
    picture(*settled((with_lora(model), text, vae), residency))
    assert residency.stats.moved == moved


def test_networks_that_no_graph_here_has():
    """Every kind of network runs unit by unit."""
    torch.manual_seed(0)
    x = torch.randn(1, 16, 4, 4)
    flux = Flux(
        FluxConfig(width=64, heads=2, double=2, single=2, mlp=128, context_dim=24, pooled_dim=8, axes=(8, 12, 12))
    )
    control = ControlNet.beside(sdxl()[0].base, hint_widths=(8, 16, 16, 32))
    for parameter in (*flux.parameters(), *control.parameters()):
        torch.nn.init.normal_(parameter, std=0.05)
    one = torch.tensor([300.0])
    y = torch.randn(1, control.config.adm_channels)
    calls = [
        (flux, lambda network: network(x, one, torch.randn(1, 5, 24, generator=seeded()), x[:, :8, 0, 0], one)),
        (control, lambda network: network(x[:, :4], torch.ones(1, 3, 32, 32), one, torch.ones(1, 5, 32), y)[-1]),
    ]
    for network, call in calls:
        network.requires_grad_(False)
        budget = nbytes(network) // 3
        device = SmallDevice(budget)
        assert torch.equal(Residency(device, budget).run(network, call), call(network))
        assert device.peak <= budget


def seeded():
    return torch.Generator().manual_seed(3)


def test_an_upscaler_runs_unit_by_unit():
    torch.manual_seed(0)
    network = RRDBNet(RRDBConfig(features=16, blocks=2, growth=8)).requires_grad_(False)
    image = torch.rand(1, 12, 12, 3)
    budget = nbytes(network) // 2
    small = Upscaler(network, residence=Residency(SmallDevice(budget), budget))
    assert torch.equal(small.upscale(image, tile=8, overlap=4), Upscaler(network).upscale(image, tile=8, overlap=4))


def test_an_autoencoder_that_runs_out_of_memory_works_in_tiles(family):
    """The device has room for the weights and pictures of 256 pixels, not for more."""
    (_, _, vae), _ = family
    latent = torch.randn(1, vae.latent_channels, 40, 40, generator=seeded())
    sizes = []

    class Decoder(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, z):
            sizes.append(z.shape[-1] * vae.downscale)
            if z.shape[-1] * vae.downscale > 256:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB.")
            return self.inner(z)

    network = copy.copy(vae.network)
    network._modules = {**vae.network._modules, "decoder": Decoder(vae.network.decoder)}
    small = type(vae)(network, Residency(SmallDevice()))
    with torch.no_grad():
        made = small.decode(latent)
        whole = vae.decode(latent)
        tiled = vae.decode_tiled(latent, 256, 64, blend=True)
    assert sizes[0] == 320
    assert set(sizes[-4:]) == {256}
    assert torch.equal(made, tiled)
    assert made.shape == whole.shape


def test_an_autoencoder_that_no_tile_helps_is_one_error(family):
    (_, _, vae), _ = family

    class Full(torch.nn.Module):
        def forward(self, z):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB.")

    network = copy.copy(vae.network)
    network._modules = {**vae.network._modules, "decoder": Full()}
    with pytest.raises(UserError) as caught:
        type(vae)(network, Residency(SmallDevice())).decode(torch.randn(1, vae.latent_channels, 40, 40))
    assert caught.value.code == "M090"
    assert "3.00 GiB" in caught.value.expected


def test_a_controlnet_beside_a_unet_within_a_budget():
    """Both take turns at every step; with room for one and a half, most of both stays."""
    from latentloom.engine.models.controlled import Control, ControlModel

    model, _, _ = sdxl()
    network = ControlNet.beside(model.base, hint_widths=(8, 16, 16, 32))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05, generator=seeded())
    network.requires_grad_(False)
    hint = torch.rand(1, 64, 64, 3, generator=seeded())

    def run(model, control):
        from latentloom.engine.diffusion.generate import sample_latent

        states = torch.ones(1, 4, model.base.config.context_dim)
        options = {
            "pooled_output": torch.ones(1, 16),
            "control": Control(control, hint),
            "control_apply_to_uncond": True,
        }
        latent = {"samples": torch.zeros(1, 4, 8, 8)}
        with torch.no_grad():
            return sample_latent(model, [[states, options]], [[states, options]], latent, seed=1, steps=2)["samples"]

    control = ControlModel(network, family="SDXL")
    wanted = run(model, control)
    budget = int((nbytes(model.base) + nbytes(network)) * 0.75)
    device = SmallDevice(budget)
    found = run(*settled((model, control), Residency(device, budget)))
    assert torch.equal(found, wanted)
    assert isinstance(network.form, ControlNetConfig)
