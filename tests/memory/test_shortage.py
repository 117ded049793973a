"""Memory that ran out: what counts as it, and what is said in the end."""

import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.memory.shortage import first_that_fits, out_of_memory, shortage


def fail(error):
    raise error


def test_the_first_attempt_that_fits_is_the_last():
    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    made = []
    attempts = [lambda: fail(full), lambda: fail(MemoryError()), lambda: made.append(1) or 7, lambda: made.append(2)]
    assert first_that_fits(attempts, "decoding") == 7
    assert made == [1]


def test_attempts_are_made_one_by_one():
    """What frees memory between two of them happens between them."""
    order = []

    def attempts():
        order.append("first")
        yield lambda: fail(MemoryError())
        order.append("freed")
        yield lambda: order.append("second")

    first_that_fits(attempts(), "decoding")
    assert order == ["first", "freed", "second"]


def test_nothing_of_a_failed_attempt_is_held_while_the_next_runs():
    import weakref

    held = []

    def attempt():
        large = torch.zeros(3)
        held.append(weakref.ref(large))
        raise torch.OutOfMemoryError("Tried to allocate 1.00 GiB.")

    assert first_that_fits([attempt, lambda: held[0]() is None], "decoding")


def test_the_error_says_how_much_and_what_to_do():
    text = "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has ... of which 120.00 MiB is free."
    with pytest.raises(UserError) as caught:
        first_that_fits([lambda: fail(torch.OutOfMemoryError(text))], "decoding a latent")
    error = caught.value
    assert (error.code, error.where) == ("M090", "decoding a latent")
    assert "2.50 GiB" in error.expected
    assert "120.00 MiB free" in error.got
    assert "smaller" in error.fix
    assert isinstance(error.__cause__, torch.OutOfMemoryError)


def test_other_errors_pass_at_once():
    with pytest.raises(RuntimeError, match="shapes"):
        first_that_fits([lambda: fail(RuntimeError("shapes")), lambda: 1], "decoding")


def test_what_counts_as_no_memory():
    assert out_of_memory(MemoryError())
    assert out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."))
    assert out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"))
    assert not out_of_memory(RuntimeError("out of range"))


def test_amounts_are_read_by_people():
    assert "3.00 GiB" in shortage("x", 3 << 30, 5 << 20).expected
    assert "5.0 MiB" in shortage("x", 3 << 30, 5 << 20).got
