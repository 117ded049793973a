"""T5's tokenizer against the `tokenizers` library over a Unigram vocabulary that it trained here."""

import random
from pathlib import Path

import pytest

from latentloom.engine.models.tokenize_t5 import T5Tokenizer

tokenizers = pytest.importorskip("tokenizers")

ROOT = Path(__file__).parents[2]
ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz      ", "ABCxyz0123456789 .,;:!?'\"()[]{}<>|\\/-_+=*&^%$#@~`", " \t\n\u00a0\u2003\u200b",
    "éüñßøåçÅÉœæ", "日本語中文한국어", "½²ⅷﬁ①", "😀🎨",
)  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Return our tokenizer and theirs over one trained file."""
    normal = tokenizers.normalizers
    theirs = tokenizers.Tokenizer(tokenizers.models.Unigram())
    drop = tokenizers.Regex("[\u0001-\u0008\u000b\u000e-\u001f\u007f]")
    gap = tokenizers.Regex("[\t\n\f\r\u061c\u1680\u200b\u200c\u200e\u200f\u2028\u2029\u2581\ufeff\ufffd]")
    theirs.normalizer = normal.Sequence([normal.Replace(drop, ""), normal.Replace(gap, " "), normal.NFKC()])
    pre = tokenizers.pre_tokenizers
    theirs.pre_tokenizer = pre.Sequence([pre.WhitespaceSplit(), pre.Metaspace()])
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=1500, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    text = [line for path in sorted((ROOT / "docs").glob("*.md"))[:6] for line in path.read_text("utf-8").split("\n")]
    theirs.train_from_iterator([*text, *["café Größe 東京 日本語"] * 20], trainer)
    path = tmp_path_factory.mktemp("t5") / "tokenizer.json"
    theirs.save(str(path))
    return T5Tokenizer.read(path), theirs


@pytest.mark.parametrize(
    "text",
    ["", "  ", "a photo of a cat", "A Photo, OF 1234 hats!!!", "x" * 300, "naïve café ½ ﬁne", "日本語の漢字 😀😀"],
)
def test_fixed(both, text):
    ours, theirs = both
    assert ours.encode(text) == theirs.encode(text).ids


def test_random(both):
    ours, theirs = both
    rng = random.Random(7)
    words = (ROOT / "README.md").read_text("utf-8").split()
    seen = set()
    for i in range(600):
        alphabet = "".join(rng.sample(ALPHABETS, rng.randint(1, 3)))
        drawn = "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 60)))
        text = drawn if i % 2 else " ".join(rng.sample(words, 12))
        tokens = ours.encode(text)
        assert tokens == theirs.encode(text).ids, repr(text)
        seen.update(tokens)
    assert len(seen) > 500
