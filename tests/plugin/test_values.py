"""Values between the host and us: inference mode left, containers kept, nothing changed in place."""

import torch
from torch import nn

from latentloom.engine.plugin.values import handed_out, trainable


def test_tensors_of_inference_mode_become_trainable_copies():
    with torch.inference_mode():
        given = {"samples": torch.ones(2), "more": [torch.zeros(1), (torch.full((1,), 3.0), "text")], "n": 5}
    taken = trainable(given)
    assert not taken["samples"].is_inference() and not taken["more"][1][0].is_inference()
    assert taken["more"][1] == (torch.tensor([3.0]), "text") and isinstance(taken["more"][1], tuple)
    weight = nn.Parameter(torch.ones(2))
    (taken["samples"] * weight).sum().backward()
    assert weight.grad.tolist() == [1.0, 1.0]
    assert given["samples"].is_inference() and given["samples"].tolist() == [1.0, 1.0]


def test_networks_made_in_inference_mode_become_trainable_copies():
    with torch.inference_mode():
        given = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    taken = trainable([given])[0]
    assert taken is not given
    assert not any(tensor.is_inference() for tensor in (*taken.parameters(), *taken.buffers()))
    taken.train()(torch.randn(4, 2)).sum().backward()
    assert taken[0].weight.grad is not None


def test_what_needs_no_copy_stays_the_same_object():
    tensor, network = torch.ones(1), nn.Linear(1, 1)
    given = {"a": [tensor, (network, {"b": tensor})]}
    assert trainable(given) is given
    assert handed_out(given, "cpu") is given


def test_tensors_are_handed_out_on_the_hosts_device_and_the_given_stays():
    moved = handed_out([[torch.ones(2), {"pooled_output": torch.ones(1), "area": (1, 2, 3, 4)}]], "meta")
    assert moved[0][0].device.type == moved[0][1]["pooled_output"].device.type == "meta"
    assert moved[0][1]["area"] == (1, 2, 3, 4)


def test_unknown_keys_of_a_latent_are_carried_through():
    latent = {"samples": torch.ones(1, 4, 2, 2), "batch_index": [3], "of_somebody_else": {"x": torch.ones(1)}}
    assert handed_out(latent, "meta").keys() == latent.keys()
    assert latent["samples"].device.type == "cpu"
