from dataclasses import replace

import pytest
import torch

from latentloom.engine.models.clip import CLIPText, CLIPTextConfig

TINY = CLIPTextConfig(vocab=60, width=32, layers=3, heads=2, mlp=48, length=12)


def test_clip_l_has_its_published_parameters_and_keys():
    with torch.device("meta"):
        state = CLIPText(CLIPTextConfig()).state_dict()
    assert sum(value.numel() for value in state.values()) == 123_060_480
    assert len(state) == 196
    assert state["embeddings.token_embedding.weight"].shape == (49408, 768)
    assert "encoder.layers.11.self_attn.out_proj.bias" in state


@torch.no_grad()
def test_is_causal_and_pools_at_the_first_end(randomised):
    network = randomised(CLIPText(TINY), 1)
    tokens = torch.tensor([[58, 3, 4, 59, 59, 59], [58, 3, 4, 7, 8, 59]])
    states, pooled = network(tokens)
    assert torch.allclose(states[0, :3], states[1, :3], atol=1e-6)
    assert not torch.allclose(states[0, 3], states[1, 3])
    assert torch.equal(pooled[0], states[0, 3])
    assert torch.equal(pooled[1], states[1, 5])


@torch.no_grad()
def test_skip_takes_an_earlier_layer_but_pools_the_last(randomised):
    network = randomised(CLIPText(TINY), 1)
    tokens = torch.tensor([[58, 3, 4, 59]])
    last, pooled = network(tokens)
    second, same = network(tokens, skip=2)
    assert torch.equal(pooled, same)
    assert not torch.allclose(last, second)
    shallow = CLIPText(CLIPTextConfig(vocab=60, width=32, layers=2, heads=2, mlp=48, length=12))
    shallow.load_state_dict({k: v for k, v in network.state_dict().items() if "layers.2." not in k})
    assert torch.allclose(shallow(tokens)[0], second, atol=1e-6)
    with pytest.raises(ValueError, match="skip must be 1 to 3, got 4"):
        network(tokens, skip=4)


@torch.no_grad()
def test_embeddings_stand_in_for_the_table(randomised):
    network = randomised(CLIPText(TINY), 1)
    tokens = torch.tensor([[58, 3, 59]])
    vectors = network.embeddings.token_embedding(tokens)
    assert torch.equal(network(tokens, embeddings=vectors)[0], network(tokens)[0])
    other = network(tokens, embeddings=vectors.flip(-1))[0]
    assert not torch.allclose(other, network(tokens)[0])


@torch.no_grad()
def test_states_before_the_final_norm_become_those_after_it(randomised):
    network = randomised(CLIPText(TINY), 1)
    tokens = torch.tensor([[58, 3, 4, 59]])
    for skip in (1, 2):
        raw, pooled = network(tokens, skip=skip, norm=False)
        normed, same = network(tokens, skip=skip)
        assert not torch.allclose(raw, normed)
        assert torch.equal(network.final_layer_norm(raw), normed)
        assert torch.equal(pooled, same)


@torch.no_grad()
def test_projection_multiplies_the_pooled_state_alone(randomised):
    network = randomised(CLIPText(replace(TINY, projection=7)), 1)
    plain = CLIPText(TINY)
    state = network.state_dict()
    matrix = state.pop("text_projection.weight")
    plain.load_state_dict(state)
    tokens = torch.tensor([[58, 3, 59]])
    states, projected = network(tokens)
    same, pooled = plain(tokens)
    assert matrix.shape == (7, 32)
    assert torch.equal(states, same)
    assert torch.allclose(projected, pooled @ matrix.T, atol=1e-6)


@pytest.mark.parametrize(("change", "message"), [({"heads": 5}, "5 heads"), ({"activation": "relu"}, "relu")])
def test_configuration_says_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        CLIPTextConfig(**({"width": 32, "heads": 2} | change))
