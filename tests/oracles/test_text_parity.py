"""Text networks of SDXL, SD3 and Flux against transformers: the same random weights, float32, max|diff| / std <= 1e-4."""

import pytest
import torch

from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.deduce_flux import t5_config
from latentloom.engine.models.t5 import T5Config, T5Text

transformers = pytest.importorskip("transformers")

LIMIT = 1e-4


def randomise(network, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        spread = 0.05 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        value = torch.randn(parameter.shape, generator=generator) * spread
        parameter.data = value + 1 if "norm" in name and name.endswith("weight") else value


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    assert theirs.std() > 1e-3, "the oracle's output carries no signal"
    return float((ours - theirs).abs().max() / theirs.std())


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"], ids=["like L", "like G"])
@torch.no_grad()
def test_clip_with_projection(activation):
    theirs = transformers.CLIPTextModelWithProjection(transformers.CLIPTextConfig(
        vocab_size=500, hidden_size=128, intermediate_size=256, num_hidden_layers=4, num_attention_heads=2,
        max_position_embeddings=77, hidden_act=activation, bos_token_id=498, eos_token_id=499, pad_token_id=0,
        projection_dim=96,
    )).eval()  # fmt: skip
    randomise(theirs)
    ours = CLIPText(CLIPTextConfig(500, 128, 4, 2, 256, 77, activation, projection=96)).eval()
    state = theirs.state_dict()
    ours.load_state_dict({key.removeprefix("text_model."): state[key] for key in state if "position_ids" not in key})
    tokens = torch.randint(1, 498, (3, 77), generator=torch.Generator().manual_seed(2))
    tokens[:, 0] = 498
    for row, end in enumerate((5, 40, 76)):
        tokens[row, end] = 499
        tokens[row, end + 1 :] = 0  # bigG's padding
    reference = theirs(input_ids=tokens, output_hidden_states=True)
    states, pooled = ours(tokens, skip=2, norm=False)
    assert difference(states, reference.hidden_states[-2]) <= LIMIT
    assert difference(pooled, reference.text_embeds) <= LIMIT


@pytest.mark.parametrize("length", [9, 300], ids=["near", "past the furthest bucket"])
@torch.no_grad()
def test_t5(length):
    theirs = transformers.T5EncoderModel(transformers.T5Config(
        vocab_size=400, d_model=96, d_kv=16, d_ff=160, num_layers=3, num_heads=5, feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
    )).eval()  # fmt: skip
    randomise(theirs, 3)
    state = {key: value for key, value in theirs.state_dict().items() if key != "encoder.embed_tokens.weight"}
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    assert t5_config(shapes) == T5Config(400, 96, 3, 5, 16, 160)
    ours = T5Text(t5_config(shapes)).eval()
    ours.load_state_dict(state, strict=True)
    tokens = torch.randint(0, 400, (2, length), generator=torch.Generator().manual_seed(4))
    assert difference(ours(tokens), theirs(input_ids=tokens).last_hidden_state) <= LIMIT
    assert torch.equal(ours(tokens, theirs.shared(tokens)), ours(tokens))
