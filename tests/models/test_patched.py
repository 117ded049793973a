"""Changed networks share what they do not change, are few, and go with what asked for them."""

import copy
import gc
import threading
import weakref

import pytest
import torch
from torch import nn

from latentloom.engine.models.patched import KEPT, Patch, PatchedWeights, with_parameters


class Ones:
    """Adds one everywhere, and counts how often it was asked."""

    def __init__(self):
        self.asked = 0

    def difference(self, weight):
        self.asked += 1
        return torch.ones_like(weight)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return (
        nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))).eval().requires_grad_(False)
    )


def patch(strength=1.0, name="1.0.weight"):
    return Patch({name: (Ones(),)}, strength)


def test_only_the_way_to_a_changed_weight_is_copied(net):
    made = PatchedWeights().add(patch()).network(net)
    assert made is not net
    assert type(made) is type(net)
    assert made[0] is net[0]
    assert made[1][1] is net[1][1]
    assert made[1][0].bias is net[1][0].bias
    assert torch.equal(made[1][0].weight, net[1][0].weight + 1)
    assert list(made.state_dict()) == list(net.state_dict())
    x = torch.randn(2, 3)
    assert torch.allclose(made(x), net[1][1](net[1][0](net[0](x)) + net[0](x).sum(1, keepdim=True)), atol=1e-6)


def test_nothing_over_a_network_is_the_network(net):
    assert PatchedWeights().network(net) is net
    empty = PatchedWeights()
    assert empty.add(patch(0.0)) is empty
    assert empty.add(Patch({}, 1.0)) is empty


def test_computed_once_while_it_is_kept(net):
    one = patch()
    weights = PatchedWeights().add(one)
    made = weights.network(net)
    assert weights.network(net) is made
    assert one.changes["1.0.weight"][0].asked == 1
    weights.release()
    assert weights.network(net) is not made
    assert torch.equal(weights.network(net)[1][0].weight, made[1][0].weight)


def test_few_are_kept_and_the_longest_unused_goes(net):
    empty = PatchedWeights()
    several = [empty.add(patch(strength)) for strength in (1.0, 2.0, 3.0)]
    for weights in several[:KEPT]:
        weights.network(net)
    several[0].network(net)  # used last, so the other one goes
    several[2].network(net)
    assert [weights.holds for weights in several] == [True, False, True]
    assert sum(weights.holds for weights in several) == KEPT
    assert torch.equal(several[1].network(net)[1][0].weight, net[1][0].weight + 2)
    assert [weights.holds for weights in several] == [False, True, True]


def test_memory_goes_with_the_value(net):
    weights = PatchedWeights().add(patch())
    made = weakref.ref(weights.network(net)[1][0].weight)
    assert made() is not None
    del weights
    gc.collect()
    assert made() is None


def test_computed_again_after_the_original_changed_its_type(net):
    weights = PatchedWeights().add(patch())
    assert weights.network(net)[1][0].weight.dtype == torch.float32
    net.double()
    assert weights.network(net)[1][0].weight.dtype == torch.float64
    other = copy.deepcopy(net)
    assert weights.network(other)[0] is other[0]


def test_type_and_layout_are_the_originals():
    conv = nn.Conv2d(4, 4, 3).to(torch.bfloat16).to(memory_format=torch.channels_last).requires_grad_(False)
    weight = PatchedWeights().add(patch(0.5, "weight")).network(conv).weight
    assert weight.dtype == torch.bfloat16
    assert weight.stride() == conv.weight.stride()
    assert not weight.requires_grad
    assert torch.equal(weight, (conv.weight.float() + 0.5).bfloat16())


def test_one_weight_alone(net):
    weights = PatchedWeights().add(patch(0.5)).add(patch(0.25)).add(patch(1.0, "0.weight"))
    torch.testing.assert_close(weights.weight("1.0.weight", net[1][0].weight), net[1][0].weight + 0.75)
    assert torch.equal(weights.weight("0.bias", net[0].bias), net[0].bias)


def test_copies_of_values_have_the_same_patches(net):
    weights = PatchedWeights().add(patch())
    weights.network(net)
    twin = copy.deepcopy(weights)
    assert twin.patches == weights.patches
    assert not twin.holds


def test_several_threads_get_one_network(net):
    one = patch()
    weights = PatchedWeights().add(one)
    found, gate = [], threading.Barrier(8)

    def ask():
        gate.wait()
        found.append(weights.network(net))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    assert one.changes["1.0.weight"][0].asked == 1


def test_with_parameters_leaves_the_given_network_alone(net):
    before = copy.deepcopy(net.state_dict())
    made = with_parameters(net, {"0.weight": torch.zeros(3, 3)})
    made[0].weight.add_(5)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert float(made[0].weight.sum()) == 45
