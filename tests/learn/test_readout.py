"""The readout says which facts a caption holds, and an encoder trained by it tells left from right."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from latentloom.engine.errors import UserError
from latentloom.engine.learn.data import CaptionTable
from latentloom.engine.learn.loop import LoopSettings
from latentloom.engine.learn.optimizer import OptimizerSettings
from latentloom.engine.learn.readout import SLOTS, TRAITS, SceneReadout, end_states, scene_facts, train_readout
from latentloom.engine.learn.start import start_text_encoder
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.tokenize import Tokenizer

TOKENIZER = Tokenizer()
PAIR = ["a red circle left of a blue square", "a red circle right of a blue square"]


def facts(caption: str) -> set[str]:
    names = [f"{slot} {trait}" for slot in SLOTS for trait in TRAITS]
    return {names[number] for number in scene_facts(caption)}


def tokenize(captions: Sequence[str]) -> Tensor:
    rows = [[TOKENIZER.bos, *TOKENIZER.encode(caption)] for caption in captions]
    return torch.tensor([row + [TOKENIZER.eos] * (77 - len(row)) for row in rows])


def test_a_relation_says_who_stands_where() -> None:
    assert facts("a red circle to the right of a small blue square") == {
        "first red", "first circle", "right red", "right circle",
        "second blue", "second square", "second small", "left blue", "left square", "left small",
    }  # fmt: skip
    assert {"top green", "bottom gray"} & facts("a green cross above a blue circle") == {"top green"}


def test_a_corner_is_two_sides_and_two_unplaced_things_have_none() -> None:
    assert facts("a red cross in the top left corner") == {
        "first red", "first cross", "top red", "top cross", "left red", "left cross",
    }  # fmt: skip
    assert {fact.split()[0] for fact in facts("a red cross and a blue square")} == {"first", "second"}


def test_mirrored_captions_say_the_same_of_the_sides() -> None:
    sides = ("left", "right", "top", "bottom")
    one = {fact for fact in facts("a red circle left of a blue square") if fact.startswith(sides)}
    other = {fact for fact in facts("a blue square right of a red circle") if fact.startswith(sides)}
    assert one == other


def test_a_sentence_outside_the_grammar_is_refused() -> None:
    with pytest.raises(UserError, match="D103"):
        scene_facts("a photograph of a dog")


def test_end_states_begin_after_the_last_word() -> None:
    table = CaptionTable(tokenize, PAIR)
    ends = end_states(table.encode([PAIR[0], ""]))
    words = len(TOKENIZER.encode(PAIR[0]))
    assert int(ends[0].int().argmax()) == 1 + words
    assert int(ends[1].int().argmax()) == 1
    assert bool(ends[:, -1].all())


def test_empty_captions_cost_nothing() -> None:
    torch.manual_seed(0)
    readout = SceneReadout(8)
    states = torch.randn(2, 77, 8, requires_grad=True)
    ends = torch.ones(2, 77, dtype=torch.bool)
    assert readout(states, ends, ["", ""]).item() == 0.0
    both = readout(states, ends, [PAIR[0], ""])
    alone = readout(states[:1], ends[:1], [PAIR[0]])
    torch.testing.assert_close(both, alone)


def test_a_trained_encoder_reads_both_sides_and_keeps_its_words() -> None:
    torch.manual_seed(0)
    text = CLIPText(CLIPTextConfig(width=64, layers=2, heads=2, mlp=128))
    start_text_encoder(text)
    readout = SceneReadout(64)
    captions = [
        f"a {one} circle {side} a {other} square"
        for side in ("left of", "right of", "above", "below")
        for one in ("red", "green", "blue")
        for other in ("yellow", "purple", "orange")
    ]
    table = CaptionTable(tokenize, captions)
    rows = table.encode(captions)
    untouched = next(token for token in range(49408) if token not in table.rows)

    losses = train_readout(
        text, readout, lambda step: captions, table, 16, LoopSettings(150, 0, 0.5, 1000), OptimizerSettings(3e-3, warmup=5)
    )
    assert losses[-1] < losses[0] / 20
    full = torch.tensor([*table.rows, untouched])[rows]
    with torch.no_grad():
        states, _ = text(full)
    assert readout.score(states, end_states(rows), captions) == 1.0
    assert text.embeddings.token_embedding.num_embeddings == 49408
