import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.errors import UserError
from latentloom.engine.models.text import TextEncoder

WIDTH = 64


def numbers(chunks):
    return [[token.number for token in chunk] for chunk in chunks]


def test_plain_prompt_is_one_chunk(tiny, tokenizer):
    (chunk,) = numbers(tiny.clip.chunks("a photo of a cat"))
    assert chunk == [49406, 320, 1125, 539, 320, 2368] + [49407] * 71
    states, pooled = tiny.clip.encode("a photo of a cat")
    wanted, end = tiny.clip.network(torch.tensor([chunk]))
    assert torch.equal(states, wanted)
    assert torch.equal(pooled, end)
    assert states.dtype == torch.float32


def test_empty_prompt_has_a_chunk(tiny):
    assert numbers(tiny.clip.chunks("")) == [[49406] + [49407] * 76]
    assert tiny.clip.encode("")[0].shape == (1, 77, WIDTH)


@pytest.mark.parametrize(("words", "chunks"), [(75, 1), (76, 2), (150, 2), (151, 3)])
def test_long_prompts_fill_chunks_of_75(tiny, words, chunks):
    found = numbers(tiny.clip.chunks("cat " * words))
    assert len(found) == chunks
    assert all(len(chunk) == 77 and chunk[0] == 49406 and chunk[76] == 49407 for chunk in found)
    assert sum(chunk.count(2368) for chunk in found) == words
    states, pooled = tiny.clip.encode("cat " * words)
    assert states.shape == (1, 77 * chunks, WIDTH)
    assert pooled.shape == (1, WIDTH)


def test_very_long_prompts_run_in_groups(tiny):
    states, _ = tiny.clip.encode("cat " * 75 * 65 + "dog")
    assert states.shape == (1, 77 * 66, WIDTH)
    assert torch.allclose(states[:, -77:], tiny.clip.encode("dog")[0], atol=1e-5)


def test_chunks_are_encoded_apart_and_pooled_from_the_first(tiny):
    states, pooled = tiny.clip.encode("cat " * 75 + "dog")
    first, first_pooled = tiny.clip.encode("cat " * 75)
    second, _ = tiny.clip.encode("dog")
    assert torch.allclose(states, torch.cat([first, second], dim=1), atol=1e-5)
    assert torch.allclose(pooled, first_pooled, atol=1e-5)


def test_a_short_weighted_phrase_is_not_split(tiny):
    chunks = tiny.clip.chunks("cat " * 72 + "(a b c d e:1.2) dog")
    assert numbers(chunks)[0][73:] == [49407] * 4
    assert [token.weight for token in chunks[1][1:6]] == [1.2] * 5
    long = tiny.clip.chunks("cat " * 72 + "(a b c d e f g h:1.2)")
    assert [token.weight for token in long[0][73:77]] == [1.2] * 3 + [1.0]
    assert sum(token.weight == 1.2 for token in long[1]) == 5


def test_weights_interpolate_against_the_empty_prompt(tiny):
    plain, _ = tiny.clip.encode("a red cat")
    empty, _ = tiny.clip.encode("")
    weighted, _ = tiny.clip.encode("a (red:1.5) cat")
    wanted = plain.clone()
    wanted[0, 2] = empty[0, 2] + 1.5 * (plain[0, 2] - empty[0, 2])
    assert torch.allclose(weighted, wanted, atol=1e-5)
    assert not torch.allclose(weighted, plain, atol=1e-3)
    gone, _ = tiny.clip.encode("(a red cat:0)")
    assert torch.allclose(gone[0, 1:4], empty[0, 1:4], atol=1e-5)


def test_clip_skip(tiny):
    plain, pooled = tiny.clip.encode("a cat")
    skipped, same = tiny.clip.with_skip(2).encode("a cat")
    assert not torch.allclose(plain, skipped)
    assert torch.equal(pooled, same)
    assert tiny.clip.skip == 1
    assert torch.equal(tiny.clip.with_skip(24).encode("a cat")[0], plain)


def test_batch_reads_no_syntax_and_cuts(tiny):
    states, pooled = tiny.clip.encode_batch(["a cat", "(dog:1.5)", "cat " * 100])
    assert states.shape == (3, 77, WIDTH)
    assert torch.allclose(states[:1], tiny.clip.encode("a cat")[0], atol=1e-5)
    assert torch.allclose(states[1:2], tiny.clip.encode(r"\(dog:1.5\)")[0], atol=1e-5)
    assert torch.allclose(states[2:], tiny.clip.encode("cat " * 75)[0], atol=1e-5)
    assert torch.allclose(pooled[2:], tiny.clip.encode("cat " * 75)[1], atol=1e-5)


def test_learned_words_take_one_place_a_vector(tiny, tokenizer, tmp_path):
    table = tiny.clip.network.embeddings.token_embedding.weight
    (red, cat) = (tokenizer.encode(word)[0] for word in ("red", "cat"))
    save_file({"emb_params": table[[red, cat]].clone()}, tmp_path / "redcat.safetensors")
    clip = tiny.clip.with_(embedding_folders=(tmp_path,))
    assert torch.allclose(clip.encode("a embedding:redcat")[0], clip.encode("a red cat")[0], atol=1e-5)
    assert torch.allclose(clip.encode("a embedding:redcat, dog")[0], clip.encode("a red cat, dog")[0], atol=1e-5)
    weighted = clip.encode("a (embedding:redcat:1.3) dog")[0]
    assert torch.allclose(weighted, clip.encode("a (red cat:1.3) dog")[0], atol=1e-5)
    with pytest.raises(UserError, match=r'M020 "embedding:redcar".*near: redcat'):
        clip.encode("embedding:redcar")


def test_a_copy_shares_network_and_tokenizer(tiny):
    other = tiny.clip.with_(skip=2)
    assert isinstance(other, TextEncoder)
    assert other.network is tiny.clip.network
    assert other.tokenizer is tiny.clip.tokenizer
