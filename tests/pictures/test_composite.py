"""Pasting with masks, partly outside, and over batches."""

import torch

from latentloom.engine.pictures.composite import fit_mask, paste, repeat_to


def test_paste_partly_outside_on_all_sides():
    base = torch.zeros(1, 1, 4, 5)
    patch = torch.arange(1.0, 7.0).reshape(1, 1, 2, 3)
    assert paste(base, patch, 1, 1)[0, 0, 1:3, 1:4].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert paste(base, patch, 3, 3)[0, 0, 3].tolist() == [0, 0, 0, 1, 2]
    assert paste(base, patch, -2, -1)[0, 0, 0].tolist() == [6, 0, 0, 0, 0]
    assert torch.equal(paste(base, patch, 9, 9), base)
    assert not base.any()


def test_paste_weighs_by_the_mask():
    base, patch = torch.zeros(1, 2, 2, 2), torch.ones(1, 2, 2, 2)
    mask = torch.tensor([[[0.0, 0.25], [0.5, 1.0]]])
    assert torch.equal(paste(base, patch, 0, 0, mask), mask[:, None].expand(1, 2, 2, 2))


def test_one_patch_serves_a_batch_and_masks_alternate():
    base, patch = torch.zeros(3, 1, 1, 1), torch.ones(1, 1, 1, 1)
    mask = torch.tensor([1.0, 0.0]).reshape(2, 1, 1)
    assert paste(base, patch, 0, 0, mask).flatten().tolist() == [1.0, 0.0, 1.0]


def test_fit_mask_takes_single_planes():
    assert fit_mask(torch.ones(4, 4), torch.zeros(2, 3, 8, 6)).shape == (2, 1, 8, 6)


def test_repeat_to_repeats_and_cuts():
    x = torch.arange(2)
    assert repeat_to(x, 5).tolist() == [0, 1, 0, 1, 0]
    assert repeat_to(x, 1).tolist() == [0]
    assert repeat_to(x, 2) is x
