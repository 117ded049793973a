"""Our tokenizer against transformers' CLIPTokenizer, built from the same vocabulary and merges."""

import json
import random

import pytest

from latentloom.engine.models.tokenize import Tokenizer, vocabulary

transformers = pytest.importorskip("transformers")

ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz      ",
    "ABCxyz0123456789 .,;:!?'\"()[]{}<>|\\/-_+=*&^%$#@~`",
    " \t\n\r\u00a0\u2003",
    "éüñßøåçÅÉœæİıſ",
    "日本語中文한국어العربيةहिन्दीไทย",
    "😀🎨🏳️‍🌈👩‍🚀",
    "e\u0301a\u0308o\u0302\u200d\ufeff",
)
FIXED = (
    "", " ", "a photo of a cat", "A Photo, OF (a) CAT's 1234 hats!!!", "don't you'll we've I'm he'd they're",
    "<|startoftext|>a<|endoftext|>b", "  many   spaces\n\nand lines ", "naïve café", "x" * 500, "½ ² ⅷ ١٢٣",
    "masterpiece, best quality, ultra-detailed, 8k", "'s 'S 'LL", "a'b''c", "<|endoftext", "||<>||",
)  # fmt: skip


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    vocab, merges = vocabulary()
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    lines = "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in merges)
    (folder / "merges.txt").write_text(lines, encoding="utf-8")
    return transformers.CLIPTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def ours():
    return Tokenizer()


@pytest.mark.parametrize("text", FIXED, ids=lambda text: repr(text[:20]))
def test_fixed(ours, theirs, text):
    assert [ours.bos, *ours.encode(text), ours.eos] == theirs(text)["input_ids"]


def test_random(ours, theirs):
    rng = random.Random(7)
    seen = set()
    for _ in range(600):
        alphabet = "".join(rng.sample(ALPHABETS, rng.randint(1, 3)))
        text = "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 60)))
        tokens = ours.encode(text)
        assert [ours.bos, *tokens, ours.eos] == theirs(text)["input_ids"], repr(text)
        seen.update(tokens)
    assert len(seen) > 500
