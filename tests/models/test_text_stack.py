"""Several text encoders as one: what SDXL, SD3 and Flux are told, long prompts, weights and learned words."""

import json

import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.errors import UserError
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.t5 import T5Config, T5Text
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.text_stack import TextStack
from latentloom.engine.models.text_t5 import FLUX_LENGTH, T5Encoder
from latentloom.engine.models.tokenize_t5 import T5Tokenizer

L, G, T5 = 32, 64, 128
WORDS = ["\u2581a", "\u2581red", "\u2581cat", "\u2581dog", *"acdegorst"]


@pytest.fixture(scope="module")
def t5_tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("t5") / "tokenizer.json"
    pieces = [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], *([word, -2.0 - i] for i, word in enumerate(WORDS))]
    path.write_text(json.dumps({"model": {"type": "Unigram", "unk_id": 2, "vocab": pieces}}), encoding="utf-8")
    return T5Tokenizer.read(path)


@pytest.fixture(scope="module")
def parts(randomised, tokenizer, t5_tokenizer):
    small = CLIPText(CLIPTextConfig(width=L, layers=3, heads=2, mlp=48))
    large = CLIPText(CLIPTextConfig(width=G, layers=3, heads=2, mlp=96, activation="gelu", projection=G))
    t5 = T5Text(T5Config(vocab=32, width=T5, layers=2, heads=2, head_channels=16, mlp=96))
    return {
        "l": TextEncoder(randomised(small, 1), tokenizer, skip=2, norm=False),
        "g": TextEncoder(randomised(large, 2), tokenizer, skip=2, norm=False),
        "t5": T5Encoder(randomised(t5, 3), t5_tokenizer),
    }


def stack(parts, rule, *names):
    return TextStack({name: parts[name] for name in names}, rule)


def test_sdxl(parts):
    states, pooled = stack(parts, "sdxl", "l", "g").encode("a red cat")
    assert states.shape == (1, 77, L + G)
    assert torch.equal(states[..., :L], parts["l"].encode("a red cat")[0])
    assert torch.equal(states[..., L:], parts["g"].encode("a red cat")[0])
    assert torch.equal(pooled, parts["g"].encode("a red cat")[1])


def test_bigg_is_padded_with_0_and_l_with_its_end(parts):
    (l_chunk,), (g_chunk,) = (parts[name].chunks("cat") for name in ("l", "g"))
    assert [token.number for token in l_chunk] == [49406, 2368] + [49407] * 75
    assert [token.number for token in g_chunk] == [49406, 2368, 49407] + [0] * 74


def test_states_before_the_final_norm(parts):
    normed = parts["l"].with_(norm=True).encode("cat")[0]
    norm = parts["l"].network.final_layer_norm
    assert torch.allclose(norm(parts["l"].encode("cat")[0]), normed, atol=1e-5)


def test_each_encoder_may_have_its_prompt_and_all_get_as_many_chunks(parts):
    both = stack(parts, "sdxl", "l", "g")
    states, pooled = both.encode({"l": "dog", "g": "cat " * 80})
    assert states.shape == (1, 154, L + G)
    assert torch.allclose(states[:, :77, :L], parts["l"].encode("dog")[0], atol=1e-5)
    assert torch.allclose(states[:, 77:, :L], parts["l"].encode("")[0], atol=1e-5)
    assert torch.allclose(states[..., L:], parts["g"].encode("cat " * 80)[0], atol=1e-5)
    assert torch.equal(pooled, both.encode({"g": "cat " * 80})[1])


def test_weights_reach_every_encoder(parts):
    whole = stack(parts, "sd3", "l", "g", "t5")
    plain, weighted = whole.encode("a red cat")[0], whole.encode("a (red:1.5) cat")[0]
    changed = ((plain - weighted).abs() > 1e-4).any(-1)[0].nonzero().flatten().tolist()
    assert changed == [2, 77 + 1]  # start, a, red; T5 has no start
    empty = parts["t5"].encode("")[0]
    wanted = empty[0, 1] + 1.5 * (plain[0, 78] - empty[0, 1])
    assert torch.allclose(weighted[0, 78], wanted, atol=1e-5)


def test_sd3(parts):
    states, pooled = stack(parts, "sd3", "l", "g", "t5").encode("a red cat")
    assert states.shape == (1, 77 + 77, T5)
    assert torch.equal(states[:, :77, :L], parts["l"].encode("a red cat")[0])
    assert torch.equal(states[:, :77, L : L + G], parts["g"].encode("a red cat")[0])
    assert not states[:, :77, L + G :].any()
    assert torch.equal(states[:, 77:], parts["t5"].encode("a red cat")[0])
    assert torch.equal(pooled, torch.cat([parts[name].encode("a red cat")[1] for name in ("l", "g")], dim=1))


def test_sd3_without_t5_has_the_clips_rows_alone(parts):
    states, pooled = stack(parts, "sd3", "l", "g").encode("cat")
    assert states.shape == (1, 77, 4096)
    assert not states[..., L + G :].any()
    assert pooled.shape == (1, L + G)


@pytest.mark.parametrize(("name", "before", "width"), [("l", 0, L), ("g", 768, G)])
def test_sd3_with_one_clip_has_zeros_for_the_other(parts, name, before, width):
    states, pooled = stack(parts, "sd3", name).encode("cat")
    assert torch.equal(states[..., before : before + width], parts[name].encode("cat")[0])
    assert not states[..., :before].any()
    assert not states[..., before + width :].any()
    whole = {"l": L + 1280, "g": 768 + G}[name]
    assert pooled.shape == (1, whole)
    assert torch.equal(pooled[:, before : before + width], parts[name].encode("cat")[1])


def test_sd3_with_t5_alone(parts):
    states, pooled = stack(parts, "sd3", "t5").encode("cat")
    assert torch.equal(states, parts["t5"].encode("cat")[0])
    assert pooled.shape == (1, 2048)
    assert not pooled.any()


def test_a_small_sd3_network_takes_missing_encoders_for_narrower(parts):
    states, pooled = stack(parts, "sd3", "l").fitting(256, 80).encode("cat")
    assert (states.shape, pooled.shape) == ((1, 77, 256), (1, 80))
    assert torch.equal(states[..., :L], parts["l"].encode("cat")[0])
    states, pooled = stack(parts, "sd3", "g").fitting(256, 80).encode("cat")
    assert torch.equal(states[..., 16 : 16 + G], parts["g"].encode("cat")[0])
    assert torch.equal(pooled[:, 16:], parts["g"].encode("cat")[1])
    whole = stack(parts, "sd3", "l", "g", "t5")
    assert torch.equal(whole.fitting(T5, L + G).encode("cat")[0], whole.encode("cat")[0])
    real = stack(parts, "sd3", "l").fitting(4096, L + 1280)
    assert torch.equal(real.encode("cat")[0], stack(parts, "sd3", "l").encode("cat")[0])


def test_sd3_places_that_say_nothing(parts):
    whole = stack(parts, "sd3", "l", "g", "t5")
    states, pooled = whole.encode({"t5": "cat"})
    assert torch.equal(states, parts["t5"].encode("cat")[0])
    assert not pooled.any()
    states, _ = whole.encode({"l": "cat"})
    assert states.shape == (1, 78, T5)  # bigG reads the empty prompt beside L; T5 gives its end token
    assert torch.equal(states[:, :77, L : L + G], parts["g"].encode("")[0])
    assert torch.equal(states[:, 77:], parts["t5"].with_(min_length=1).encode("")[0])
    states, pooled = stack(parts, "sd3", "l").encode({})
    assert (states.shape, pooled.shape) == ((1, 77, 4096), (1, L + 1280))
    assert not states.any()


def test_flux(parts):
    t5 = parts["t5"].with_(min_length=FLUX_LENGTH)
    states, pooled = TextStack({"l": parts["l"], "t5": t5}, "flux").encode({"l": "dog", "t5": "a cat"})
    assert states.shape == (1, 256, T5)
    assert torch.equal(states, t5.encode("a cat")[0])
    assert torch.equal(pooled, parts["l"].encode("dog")[1])


def test_t5_reads_long_prompts_in_one_piece(parts):
    short, long = parts["t5"].tokens("a cat"), parts["t5"].tokens("cat " * 100)
    assert [token.number for token in short] == [3, 5, 1] + [0] * 74
    assert [token.number for token in long] == [5] * 100 + [1]
    assert parts["t5"].encode("cat " * 100)[0].shape == (1, 101, T5)


@pytest.mark.parametrize(
    ("rule", "names", "needs"), [("sdxl", ("l",), "CLIP-L and OpenCLIP bigG"), ("flux", ("t5",), "CLIP-L and T5")]
)
def test_a_family_without_an_encoder_it_needs(parts, rule, names, needs):
    with pytest.raises(UserError, match=f"M067 .*expected {needs}"):
        stack(parts, rule, *names)


def test_learned_words_go_to_the_encoder_of_their_place(parts, tmp_path):
    rows = {
        name: torch.randn(2, width, generator=torch.Generator().manual_seed(5)) for name, width in (("l", L), ("g", G))
    }
    save_file({"clip_l": rows["l"], "clip_g": rows["g"]}, tmp_path / "style.safetensors")
    whole = stack(parts, "sd3", "l", "g", "t5")
    whole = whole.with_parts({name: part.with_(embedding_folders=(tmp_path,)) for name, part in whole.parts.items()})
    for name in ("l", "g"):
        (chunk,) = whole.parts[name].chunks("a embedding:style cat", name)
        vectors = [token.vector for token in chunk if token.vector is not None]
        assert torch.equal(torch.stack(vectors), rows[name])
    # T5 has none of its own, and reads what is left.
    assert torch.equal(whole.encode("a embedding:style cat")[0][:, 77:], whole.encode("a cat")[0][:, 77:])
    with pytest.raises(UserError, match=r'M020 "embedding:other"'):
        whole.encode("embedding:other")


def test_learned_words_of_another_family(parts, tmp_path):
    save_file({"emb_params": torch.ones(1, L)}, tmp_path / "old.safetensors")
    both = stack(parts, "sdxl", "l", "g")
    both = both.with_parts({name: part.with_(embedding_folders=(tmp_path,)) for name, part in both.parts.items()})
    with pytest.raises(UserError, match=f"M021 .*width {G}.*got widths {L}"):
        both.encode("embedding:old")


def test_clip_skip_leaves_t5_alone(parts):
    whole = stack(parts, "sd3", "l", "g", "t5")
    earlier = whole.with_skip(3)
    plain, skipped = whole.encode("cat"), earlier.encode("cat")
    assert torch.equal(plain[1], skipped[1])
    assert torch.equal(plain[0][:, 77:], skipped[0][:, 77:])
    assert not torch.allclose(plain[0][:, :77, :L], skipped[0][:, :77, :L])
    assert not torch.allclose(plain[0][:, :77, L : L + G], skipped[0][:, :77, L : L + G])
    # More layers than there are: the last one, after its norm.
    assert [(part.skip, part.norm) for part in whole.with_skip(20).parts.values() if hasattr(part, "skip")] == [
        (1, True)
    ] * 2


@pytest.mark.parametrize(
    ("rule", "names"), [("sdxl", ("l", "g")), ("sd3", ("l", "g", "t5")), ("sd3", ("l",)), ("flux", ("l", "t5"))]
)
def test_batches_of_plain_texts(parts, rule, names):
    whole = stack(parts, rule, *names)
    states, pooled = whole.encode_batch(["a cat", "a red dog"])
    for i, text in enumerate(("a cat", "a red dog")):
        one, one_pooled = whole.encode(text)
        assert torch.allclose(states[i], one[0], atol=1e-5)
        assert torch.allclose(pooled[i], one_pooled[0], atol=1e-5)
