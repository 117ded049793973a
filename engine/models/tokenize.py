"""CLIP's byte-pair tokenizer over the `tokenizers` library, from the merges shipped as package data.

Knows nothing of prompt weights, chunks or networks. Source: Radford et al. 2021; the merges file is OpenAI's
(see data/NOTICE.md). Differs: OpenAI's own code also mends mojibake and HTML entities before splitting;
Hugging Face's does not, and neither does this.
"""

from __future__ import annotations

import gzip
from functools import cached_property
from importlib import resources

import tokenizers
from tokenizers import normalizers, pre_tokenizers
from tokenizers.models import BPE

__all__ = ["Tokenizer", "vocabulary"]

BOS_TEXT = "<|startoftext|>"
EOS_TEXT = "<|endoftext|>"
SIZE = 49408  # of the vocabulary: 256 bytes twice, the merges, the two specials
WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"  # CLIP's split


class Tokenizer:
    """Text to token numbers and back; the first use reads the merges (about 0.1 s), loading a model does not."""

    bos = SIZE - 2
    eos = SIZE - 1
    pad = eos  # CLIP-L; OpenCLIP's encoders pad with 0
    size = SIZE

    @cached_property
    def _backend(self) -> tokenizers.Tokenizer:
        vocab, merges = vocabulary()
        backend = tokenizers.Tokenizer(
            BPE(vocab=vocab, merges=merges, end_of_word_suffix="</w>", unk_token=EOS_TEXT, fuse_unk=False)
        )
        backend.normalizer = normalizers.Sequence(
            [normalizers.NFC(), normalizers.Replace(tokenizers.Regex(r"\s+"), " "), normalizers.Lowercase()]
        )
        split = pre_tokenizers.Split(tokenizers.Regex(WORDS), behavior="removed", invert=True)
        backend.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
        backend.add_special_tokens([BOS_TEXT, EOS_TEXT])
        return backend

    def encode(self, text: str) -> list[int]:
        """Return the tokens of `text`, without start and end, of any number; half a surrogate pair reads as "?"."""
        whole = text.encode("utf-8", "replace").decode("utf-8")  # JSON can carry what UTF-8 cannot
        ids: list[int] = self._backend.encode(whole, add_special_tokens=False).ids
        return ids

    def words(self, tokens: list[int]) -> list[str]:
        """Return the vocabulary's entry of each token; `</w>` ends a word."""
        return [self._backend.id_to_token(token) or "" for token in tokens]


def vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return CLIP's vocabulary (49408 entries) and merges (48894) from the shipped file."""
    source = resources.files(__package__).joinpath("data", "bpe_simple_vocab_16e6.txt.gz")
    lines = gzip.decompress(source.read_bytes()).decode("utf-8").split("\n")
    # Line 0 is a version; the file lists more merges than CLIP uses.
    pairs = [line.split() for line in lines[1 : SIZE - 2 - 2 * 256 + 1]]
    merges = [(left, right) for left, right in pairs]
    symbols = byte_symbols()
    entries = [
        *symbols,
        *(symbol + "</w>" for symbol in symbols),
        *(a + b for a, b in merges),
        BOS_TEXT,
        EOS_TEXT,
    ]
    return {entry: number for number, entry in enumerate(entries)}, merges


def byte_symbols() -> list[str]:
    """Return one printable character for each byte: Latin-1's printable ones, then the rest shifted past 255.

    Source: Radford et al. 2019 (GPT-2), the order of CLIP's vocabulary.
    """
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    rest = len(range(256)) - len(printable)
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(rest)]
