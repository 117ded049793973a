"""Start values of a fresh text encoder."""

from __future__ import annotations

import torch

from latentloom.engine.learn.start import start_text_encoder
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig


def fresh() -> CLIPText:
    torch.manual_seed(0)
    return CLIPText(CLIPTextConfig(vocab=60, width=128, layers=3, heads=2, mlp=512))


@torch.no_grad()
def own_share(text: CLIPText) -> float:
    """Return how much of a last state two prompts differ by at the one word that differs."""
    first = torch.tensor([[58, 1, 2, 3, 4, 5, 59]])
    second = first.clone()
    second[0, 4] = 6
    a, b = text(first)[0][0, 4], text(second)[0][0, 4]
    return float((a - b).norm() / a.norm())


def test_a_word_outweighs_what_the_layers_add() -> None:
    plain, started = fresh(), fresh()
    start_text_encoder(started)
    # Unrelated vectors of equal length differ by sqrt(2).
    assert own_share(plain) < 0.7
    assert own_share(started) > 1.0


def test_branches_start_small_and_everything_else_as_it_was() -> None:
    plain, started = fresh(), fresh()
    start_text_encoder(started)
    changed = {
        name
        for (name, before), after in zip(plain.named_parameters(), started.parameters(), strict=True)
        if not torch.equal(before, after)
    }
    assert {name.split(".")[-2] for name in changed} == {
        "token_embedding",
        "position_embedding",
        "out_proj",
        "fc2",
    }
    ratio = started.encoder.layers[0].mlp.fc2.weight.std() / plain.encoder.layers[0].mlp.fc2.weight.std()
    torch.testing.assert_close(ratio, torch.tensor(6**-0.5))
