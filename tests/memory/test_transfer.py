"""Ways to a device: which tensors have to go, pinned copies and their limit, and CUDA where there is one."""

import gc

import pytest
import torch
from families import nbytes, networks, picture, sd3, sdxl, settled

from latentloom.engine.memory.pinned import PinnedCopies
from latentloom.engine.memory.residency import Residency
from latentloom.engine.memory.transfer import CudaTransfer, Transfer, transfer_to

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_what_is_there_need_not_go():
    here = Transfer(torch.device("cpu"))
    tensor = torch.zeros(2)
    assert not here.away(tensor)
    assert here.away(torch.zeros(2, device="meta"))
    assert here.bring([tensor])[0] is tensor
    assert here.begin([tensor]).take()[0] is tensor
    assert here.free_bytes() is None
    assert type(transfer_to(torch.device("cpu"))) is Transfer


class TestPinnedCopies:
    def test_a_tensor_that_comes_again_is_pinned(self):
        pinned = PinnedCopies(1000, pin=torch.clone)
        tensor = torch.arange(5.0)
        assert pinned.of(tensor) is tensor
        copy = pinned.of(tensor)
        assert copy is not tensor
        assert torch.equal(copy, tensor)
        assert pinned.of(tensor) is copy
        assert pinned.used_bytes == 20

    def test_one_that_is_known_to_come_often_is_pinned_at_once(self):
        pinned = PinnedCopies(1000, pin=torch.clone)
        tensor = torch.arange(5.0)
        assert pinned.of(tensor, often=True) is not tensor

    def test_there_is_a_limit(self):
        pinned = PinnedCopies(30, pin=torch.clone)
        first, second = torch.arange(5.0), torch.arange(5.0)
        assert pinned.of(first, often=True) is not first
        assert pinned.of(second, often=True) is second
        assert pinned.used_bytes == 20

    def test_copies_go_with_their_originals(self):
        pinned = PinnedCopies(30, pin=torch.clone)
        first, second = torch.arange(5.0), torch.arange(5.0)
        pinned.of(first, often=True)
        del first
        gc.collect()
        assert pinned.of(second, often=True) is not second
        pinned.clear()
        assert pinned.used_bytes == 0

    def test_a_system_that_lets_pin_no_more_is_asked_once(self):
        asked = []

        def refuse(tensor):
            asked.append(tensor)
            raise RuntimeError("no more memory can be pinned")

        pinned = PinnedCopies(1000, pin=refuse)
        tensor = torch.arange(5.0)
        assert pinned.of(tensor, often=True) is tensor
        assert pinned.of(tensor, often=True) is tensor
        assert len(asked) == 1

    def test_what_is_on_a_device_stays_as_it_is(self):
        pinned = PinnedCopies(1000, pin=torch.clone)
        tensor = torch.zeros(3, device="meta")
        assert pinned.of(tensor, often=True) is tensor


@cuda
@pytest.mark.parametrize("make", [sdxl, sd3])
@pytest.mark.parametrize("share", [None, 1.1, 0.5])
def test_on_cuda_a_budget_changes_nothing(make, share):
    device = torch.device("cuda")
    values = make()
    wanted = picture(*settled(values, Residency(CudaTransfer(device))))
    largest = max(map(nbytes, networks(*values)))
    budget = None if share is None else int(largest * share)
    residency = Residency(CudaTransfer(device), budget)
    for _ in range(3):  # the second and third from pinned memory
        assert torch.equal(picture(*settled(values, residency)), wanted)
    assert budget is None or residency.stats.peak_bytes <= budget
    residency.free()
    assert residency.stats.used_bytes == 0


@cuda
def test_on_cuda_a_network_larger_than_what_is_free_runs():
    """The budget is the device's: all of it is taken but a little."""
    values = sdxl()
    transfer = CudaTransfer(torch.device("cuda"))
    wanted = picture(*settled(values, Residency(transfer)))
    working = transfer.free_bytes() - nbytes(values[0].base) // 2
    residency = Residency(transfer, working_bytes=working)
    assert torch.equal(picture(*settled(values, residency)), wanted)
    assert residency.stats.peak_bytes < nbytes(values[0].base)
