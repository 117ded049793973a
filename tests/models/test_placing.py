"""Where loaders put weights: on the host where a residency brings them to the device, else on the device itself."""

import pytest
import torch

from latentloom.engine.memory.residency import InPlace, Residency
from latentloom.engine.memory.transfer import Transfer
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.placing import home, settled
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.text_stack import TextStack

CPU, META = torch.device("cpu"), torch.device("meta")


@pytest.fixture(scope="module")
def encoder():
    return TextEncoder(CLIPText(CLIPTextConfig(vocab=8, width=8, layers=1, heads=1, mlp=8)))


def test_a_residency_keeps_weights_on_the_host(encoder):
    residency = Residency(Transfer(META))
    assert home(META, residency) == CPU
    value = settled(encoder, META, residency)
    assert value.residence is residency
    assert value.base is encoder.base
    assert value.device == META  # where it computes


@pytest.mark.parametrize("residence", [None, InPlace(), Residency(Transfer(CPU))])
def test_without_one_for_that_device_weights_go_there(encoder, residence):
    assert home(META, residence) == META
    assert settled(encoder, META, residence) is encoder


def test_every_encoder_of_a_stack_is_settled(encoder):
    residency = Residency(Transfer(META))
    stack = settled(TextStack({"l": encoder, "g": encoder}, "sdxl"), META, residency)
    assert [part.residence for part in stack.parts.values()] == [residency] * 2
    assert stack.device == META


def test_a_part_that_a_file_lacks_stays_none():
    assert settled(None, META, Residency(Transfer(META))) is None
