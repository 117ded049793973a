"""Pixels, encoded shards and the compact token table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from latentloom.engine.errors import UserError
from latentloom.engine.learn.data import CaptionTable, LatentShards, fingerprint, to_pixels

START, END = 18, 19


class Numbered:
    """Pictures whose every pixel is the batch's index, captioned by index and place."""

    def batch(self, index: int, count: int) -> tuple[np.ndarray, list[str]]:
        return np.full((count, 4, 4, 3), index, np.uint8), [f"{index}/{place}" for place in range(count)]


def tokenize(captions: Sequence[str]) -> Tensor:
    """One token a letter (a is 0), between start and end, padded with end to 8."""
    rows = [[START, *(ord(letter) - 97 for letter in caption), END] for caption in captions]
    return torch.tensor([row + [END] * (8 - len(row)) for row in rows])


def shards(encoded: list[int], folder: Path | None = None) -> LatentShards:
    def encode(pixels: Tensor) -> Tensor:
        encoded.append(len(pixels))
        return pixels[:, :, :1, :1]

    return LatentShards(Numbered(), encode, key="k", folder=folder, shard=4, window=3, refresh=10)


def test_pixels_span_minus_one_to_one() -> None:
    pixels = to_pixels(np.array([[[[0, 255, 51]]]], np.uint8))
    assert pixels.shape == (1, 3, 1, 1)
    torch.testing.assert_close(pixels.flatten(), torch.tensor([-1.0, 1.0, -0.6]))


def test_batches_come_from_the_steps_window_and_latents_match_captions() -> None:
    source = shards([])
    for step, window in ((0, {0, 1, 2}), (25, {2, 3, 4})):
        latents, captions = source.draw(step, 200, torch.Generator().manual_seed(1))
        indices = ((latents[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
        assert set(indices) == window
        assert indices == [int(caption.split("/")[0]) for caption in captions]
        assert {caption.split("/")[1] for caption in captions} == {"0", "1", "2", "3"}


def test_moving_the_window_encodes_only_what_is_new() -> None:
    encoded: list[int] = []
    source = shards(encoded)
    source.prepare(0)
    source.prepare(9)
    assert sum(encoded) == 12
    source.prepare(10)
    assert sum(encoded) == 16


def test_shards_on_disk_are_read_back_bit_equal_and_not_encoded_again(tmp_path: Path) -> None:
    first = shards([], tmp_path).draw(3, 9, torch.Generator().manual_seed(2))
    encoded: list[int] = []
    second = shards(encoded, tmp_path).draw(3, 9, torch.Generator().manual_seed(2))
    assert encoded == []
    assert torch.equal(first[0], second[0]) and first[1] == second[1]


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(UserError, match="window"):
        LatentShards(Numbered(), lambda pixels: pixels, key="k", window=0)


def test_table_holds_the_rows_in_use_and_strange_words_share_one() -> None:
    table = CaptionTable(tokenize, ["ac"])
    assert table.rows == [0, 2, START, END]
    rows = table.encode(["ac", "ab", ""])
    assert rows[0].tolist() == [2, 0, 1, 3, 3, 3, 3, 3]
    assert rows[1, 2] == table.unseen_row
    assert rows[2].tolist() == [2] + [3] * 7


def test_shrink_train_grow_gives_the_same_vectors_and_fills_the_rest() -> None:
    full = nn.Embedding(20, 4)
    before = full.weight.detach().clone()
    table = CaptionTable(tokenize, ["ac"])
    small = table.shrink(full)
    assert torch.equal(small(table.encode(["ac"])), full(tokenize(["ac"])))
    with torch.no_grad():
        small.weight += 1
    table.grow(small, full)
    assert torch.equal(full.weight[[0, 2, START, END]], before[[0, 2, START, END]] + 1)
    assert torch.equal(full(tokenize(["ab"])), small(table.encode(["ab"])))


def test_unseen_words_come_before_the_caption_and_never_into_an_empty_one() -> None:
    table = CaptionTable(tokenize, ["abc"])
    rows = table.encode(["abc", ""])
    changed = table.with_unseen(rows, 1.0, torch.Generator().manual_seed(0))
    assert torch.equal(changed[1], rows[1])
    words = changed[0].tolist()
    count = words.count(table.unseen_row)
    assert 1 <= count <= 3
    assert words[0] == rows[0, 0] and words[1 : 1 + count] == [table.unseen_row] * count
    assert words[1 + count :] == rows[0, 1 : 8 - count].tolist()
    assert torch.equal(table.with_unseen(rows, 0.0, torch.Generator()), rows)


def test_fingerprint_changes_with_any_weight() -> None:
    network = nn.Linear(3, 3)
    before = fingerprint(network)
    assert fingerprint(network) == before
    with torch.no_grad():
        network.bias[2] += 1e-6
    assert fingerprint(network) != before
