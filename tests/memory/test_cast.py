from typing import NamedTuple

import torch
from torch import nn

from latentloom.engine.memory.cast import cast, cast_tree, nbytes, place

HALF = torch.float16


class Pair(NamedTuple):
    a: object
    b: object


def test_only_floating_tensors_change_type():
    assert cast(torch.ones(2), dtype=HALF).dtype == HALF
    assert cast(torch.ones(2, dtype=torch.int64), dtype=HALF).dtype == torch.int64
    assert cast(torch.ones(2, dtype=torch.bool), dtype=HALF).dtype == torch.bool


def test_nothing_to_do_is_no_copy():
    x = torch.ones(2)
    assert cast(x) is x
    assert cast(x, torch.device("cpu"), torch.float32) is x


def test_trees_keep_their_form():
    tree = {"a": [torch.ones(2), 3], "b": (torch.ones(1), "x"), "c": Pair(torch.ones(1), None), "d": None}
    out = cast_tree(tree, dtype=HALF)
    assert out["a"][0].dtype == out["b"][0].dtype == out["c"].a.dtype == HALF
    assert out["a"][1] == 3
    assert out["b"][1] == "x"
    assert isinstance(out["c"], Pair)
    assert tree["a"][0].dtype == torch.float32


def test_meta_device_move():
    assert cast(torch.ones(2), torch.device("meta")).device.type == "meta"


def test_networks_move_in_place_and_count_shared_weights_once():
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    assert nbytes(network) == 2 * (16 + 4) * 4
    network[1].weight = network[0].weight
    assert nbytes(network) == (16 + 4 + 4) * 4
    assert place(network, dtype=HALF) is network
    assert nbytes(network) == (16 + 4 + 4) * 2
