"""What is on a device that is too small: never more than fits, never twice without need, and the same results."""

import copy
import gc

import pytest
import torch
from small_device import Books, SmallDevice
from torch import nn

from latentloom.engine.errors import UserError
from latentloom.engine.memory.residency import InPlace, Residency


class Chain(nn.Module):
    """Linear layers in a row, one read without being called, as networks of others do."""

    def __init__(self, width=8, depth=6):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.table = nn.Embedding(3, width)
        self.register_buffer("shift", torch.randn(width))

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x + self.table.weight[1] + self.shift


class Doubled:
    """Lays twice the weight over one parameter."""

    names = frozenset({"layers.2.weight"})

    def network(self, original):
        changed = copy.deepcopy(original)
        with torch.no_grad():
            changed.layers[2].weight.mul_(2)
        return changed

    def weight(self, name, weight):
        assert name == "layers.2.weight"
        return weight * 2


def nbytes(network):
    return sum(t.nbytes for t in (*network.parameters(), *network.buffers()))


@pytest.fixture
def x():
    return torch.randn(4, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def chains():
    torch.manual_seed(0)
    return [Chain().requires_grad_(False) for _ in range(3)]


def run(residency, network, x, laid=None, **options):
    return residency.run(network, lambda running: running(x), laid, **options)


def test_what_fits_is_moved_once(chains, x):
    device = SmallDevice()
    residency = Residency(device)
    for _ in range(3):
        for chain in chains:
            assert torch.equal(run(residency, chain, x), chain(x))
    assert device.most_moves == 1
    assert device.used == residency.stats.used_bytes == sum(map(nbytes, chains))
    assert residency.stats.moved == sum(1 for chain in chains for _ in (*chain.parameters(), *chain.buffers()))


def test_the_network_itself_is_never_changed(chains, x):
    before = {name: (id(t), t.clone()) for name, t in chains[0].state_dict(keep_vars=True).items()}
    run(Residency(SmallDevice(), nbytes(chains[0]) // 2), chains[0], x, Doubled())
    after = chains[0].state_dict(keep_vars=True)
    assert all(id(after[name]) == key and torch.equal(after[name], t) for name, (key, t) in before.items())


def test_the_longest_unused_leaves(chains, x):
    size = nbytes(chains[0])
    device = SmallDevice(2 * size)
    residency = Residency(device, 2 * size)
    first, second, third = chains
    for chain in (first, second, first, third, first):
        assert torch.equal(run(residency, chain, x), chain(x))
    assert device.moves[id(first.table.weight)] == 1
    assert residency.stats.evictions == 1
    run(residency, second, x)
    assert device.moves[id(second.table.weight)] == 2


@pytest.mark.parametrize("share", [0.95, 0.6, 0.4, 0.2])
def test_a_network_larger_than_the_budget_runs_unit_by_unit(chains, x, share):
    chain = chains[0]
    budget = int(nbytes(chain) * share)
    device = SmallDevice(budget)
    residency = Residency(device, budget)
    for _ in range(3):
        assert torch.equal(run(residency, chain, x), chain(x))
    assert 3 <= device.most_moves <= 4  # what does not fit comes with every pass, and is on its way for the next
    kept = sum(t.nbytes for t in chain.parameters() if device.moves[id(t)] == 1)
    assert kept > 0 or share < 0.4
    assert residency.stats.peak_bytes <= budget


def test_a_budget_below_the_largest_layer_is_an_error_that_says_so(chains, x):
    largest = chains[0].layers[0].weight.nbytes
    with pytest.raises(UserError) as caught:
        run(Residency(SmallDevice(), largest - 1), chains[0], x, what="denoising")
    assert caught.value.code == "M090"
    assert "denoising" in str(caught.value)
    assert "--vram-budget" in str(caught.value)


def test_what_is_laid_over_shares_the_rest(chains, x):
    device, chain, laid = SmallDevice(), chains[0], Doubled()
    residency = Residency(device)
    plain = run(residency, chain, x)
    assert torch.equal(run(residency, chain, x, laid), laid.network(chain)(x))
    assert not torch.equal(run(residency, chain, x, laid), plain)
    assert torch.equal(run(residency, chain, x), plain)
    assert device.most_moves == 1
    assert residency.stats.used_bytes == nbytes(chain) + chain.layers[2].weight.nbytes


def test_what_is_shared_stays_when_its_other_user_leaves(chains, x):
    chain, laid = chains[0], Doubled()
    device = SmallDevice(nbytes(chain))
    residency = Residency(device, nbytes(chain))
    run(residency, chain, x)
    assert torch.equal(run(residency, chain, x, laid), laid.network(chain)(x))
    assert max(n for key, n in device.moves.items() if key != id(chain.layers[2].weight)) == 1


def test_sequential_offload_with_something_laid_over(chains, x):
    chain, laid = chains[0], Doubled()
    budget = nbytes(chain) // 3
    residency = Residency(SmallDevice(budget), budget)
    for _ in range(2):
        assert torch.equal(run(residency, chain, x, laid), laid.network(chain)(x))
        assert torch.equal(run(residency, chain, x), chain(x))


def test_networks_that_take_turns_while_held_share_the_room(chains, x):
    first, second, _ = chains
    budget = int(nbytes(first) * 1.5)
    device = SmallDevice(budget)
    residency = Residency(device, budget)
    with residency.hold(first), residency.hold(second):
        for _ in range(4):
            assert torch.equal(run(residency, first, x), first(x))
            assert torch.equal(run(residency, second, x), second(x))
    once = [key for key, n in device.moves.items() if n == 1]
    assert len(once) > len(device.moves) // 3  # much stays; without holding all would come at each turn


def test_a_network_within_a_network_s_run(chains, x):
    first, second, _ = chains
    budget = int(nbytes(first) * 1.6)
    residency = Residency(SmallDevice(budget), budget)
    found = residency.run(first, lambda outer: outer(run(residency, second, x)))
    assert torch.equal(found, first(second(x)))


def test_a_network_that_is_on_the_device_already(chains, x):
    """One that was trained there: it is not moved, and takes what is laid over it."""
    device, chain, laid = SmallDevice(), chains[0], Doubled()
    device.away = lambda tensor: False
    residency = Residency(device)
    assert torch.equal(run(residency, chain, x), chain(x))
    assert torch.equal(run(residency, chain, x, laid), laid.network(chain)(x))
    assert device.moves == {}
    assert residency.stats.used_bytes == chain.layers[2].weight.nbytes


def test_a_dead_network_leaves(chains, x):
    device, books = SmallDevice(), Books()
    residency = Residency(device, account=books)
    run(residency, chains.pop(), x)
    assert device.used
    device.kept.clear()
    gc.collect()
    residency.free()
    assert device.used == residency.stats.used_bytes == 0
    assert books.held == {}


def test_what_is_dead_leaves_before_anything_else(chains, x):
    """Also what runs by sequential offload, and what was laid over."""
    device = SmallDevice()
    budget = nbytes(chains[0]) * 2 // 3
    residency = Residency(device, budget)
    laid = Doubled()
    run(residency, chains.pop(), x)
    run(residency, chains[0], x, laid)
    device.kept.clear()
    del laid
    gc.collect()
    assert all(stay.dead for stay in residency._stays.values())
    run(residency, chains[1], x)
    assert [stay.network() for stay in residency._stays.values()] == [chains[1]]
    assert device.used <= budget


def test_the_account_balances_whatever_happens(chains, x):
    books = Books()
    budget = int(nbytes(chains[0]) * 0.7)
    residency = Residency(SmallDevice(), budget, account=books)
    for chain in (*chains, chains[0]):
        run(residency, chain, x, Doubled())
        assert sum(books.held.values()) == residency.stats.used_bytes <= budget
    residency.free()
    assert sum(books.held.values()) == residency.stats.used_bytes == 0


def test_out_of_memory_first_lets_others_leave(chains, x):
    device = SmallDevice()
    residency = Residency(device)
    first, second, _ = chains
    run(residency, second, x)

    def call(network):
        if device.used > nbytes(first):
            raise torch.OutOfMemoryError("Tried to allocate 2.00 GiB. ... of which 1.00 MiB is free.")
        return network(x)

    assert torch.equal(residency.run(first, call), first(x))
    assert device.moves[id(second.table.weight)] == 1


def test_out_of_memory_then_keeps_less_of_the_network(chains, x):
    device = SmallDevice()
    residency = Residency(device)
    chain = chains[0]

    def call(network):
        result = network(x)
        if device.used > nbytes(chain) * 0.6:
            raise torch.OutOfMemoryError("Tried to allocate 2.00 GiB.")
        return result

    with residency.hold(chain):
        assert torch.equal(residency.run(chain, call), chain(x))
        assert residency.stats.used_bytes <= nbytes(chain) * 0.6
        moved = dict(device.moves)
        assert torch.equal(residency.run(chain, call), chain(x))
        assert device.moves[id(chain.shift)] == moved[id(chain.shift)]  # it stays so while held
    run(residency, chain, x)
    assert residency.stats.used_bytes == nbytes(chain)


def test_twenty_failures_leave_nothing_behind(chains, x):
    """A job too big, then a good one: the good one succeeds, in as much memory as the first time (F7)."""
    device = SmallDevice(2 * nbytes(chains[0]))
    residency = Residency(device, 2 * nbytes(chains[0]))
    chain = chains[0]

    def too_big(network):
        kept = torch.zeros(1000)
        network(x)
        raise torch.OutOfMemoryError(f"Tried to allocate {kept.nbytes} GiB.")

    run(residency, chain, x)
    before = device.used
    for _ in range(20):
        with pytest.raises(UserError), residency.hold(chain):
            residency.run(chain, too_big)
        assert torch.equal(run(residency, chain, x), chain(x))
        assert device.used == before


def test_out_of_memory_that_nothing_helps_is_one_error(chains, x):
    residency = Residency(SmallDevice())

    def call(network):
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 3.50 GiB. "
            "GPU 0 has a total capacity of 8.00 GiB of which 1.25 GiB is free."
        )

    with pytest.raises(UserError) as caught:
        residency.run(chains[0], call, what="denoising")
    assert caught.value.code == "M090"
    assert "3.50 GiB" in caught.value.expected
    assert "1.25 GiB" in caught.value.got
    with pytest.raises(torch.OutOfMemoryError):
        residency.run(chains[0], call, shrink=False)


def test_other_errors_pass(chains):
    calls = []

    def call(network):
        calls.append(network)
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        Residency(SmallDevice()).run(chains[0], call)
    assert len(calls) == 1


def test_what_the_device_has_free_is_a_limit_too(chains, x):
    device = SmallDevice()
    chain = chains[0]
    device.free_bytes = lambda: nbytes(chain) - device.used
    residency = Residency(device, working_bytes=nbytes(chain) // 2)
    assert torch.equal(run(residency, chain, x), chain(x))
    assert device.peak <= nbytes(chain) // 2


def test_in_place_networks_run_where_they_are(chains, x):
    place, chain, laid = InPlace(), chains[0], Doubled()
    assert place.run(chain, lambda network: network) is chain
    assert torch.equal(place.run(chain, lambda network: network(x), laid), laid.network(chain)(x))
    assert place.device_of(chain) == torch.device("cpu")
    with place.hold(chain):
        place.free()


def test_copying_a_model_does_not_copy_the_device(chains):
    residency = Residency(SmallDevice())
    assert copy.deepcopy({"residence": residency})["residence"] is residency
