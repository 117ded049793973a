"""T5's tokenizer: text to the most probable sequence of pieces of a Unigram vocabulary.

Knows nothing of prompt weights, padding or networks. Source: Kudo 2018 (the Unigram model, Viterbi in section 3.2),
Kudo & Richardson 2018. Differs from Hugging Face's: names of special tokens in a text are text, as in SentencePiece.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ..errors import UserError
from .charsmap import Charsmap, nmt_nfkc
from .unigram import Unigram, read_unigram

__all__ = ["T5Tokenizer"]

SPACE = "\u2581"  # stands before every word
UNKNOWN_PENALTY = 10.0  # an unknown character costs this more than the least probable piece; SentencePiece's constant
FILES = ("tokenizer.json", "spiece.model")
FOLDERS = (".", "tokenizer", "tokenizer_3", "tokenizer_2", "t5_tokenizer")


class T5Tokenizer:
    """Text to token numbers over one vocabulary; building one takes about 0.1 s."""

    eos = 1
    pad = 0

    def __init__(self, vocabulary: Unigram) -> None:
        """Raises: ValueError when the vocabulary does not begin with T5's padding and end, or its charsmap is none."""
        if vocabulary.names[:2] != ("<pad>", "</s>"):
            raise ValueError(f"pieces 0 and 1 are {vocabulary.names[:2]}, not T5's <pad> and </s>")
        self._vocabulary = vocabulary
        self._charsmap = None if vocabulary.charsmap is None else Charsmap.parse(vocabulary.charsmap)
        self._longest = max(map(len, vocabulary.scores))
        self._unknown_score = min(score for _, score in vocabulary.scores.values()) - UNKNOWN_PENALTY
        self.size = len(vocabulary.names)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the tokenizer of a tokenizer.json or spiece.model. Raises: UserError M061 when it is no T5's."""
        vocabulary = read_unigram(path)
        try:
            return cls(vocabulary)
        except ValueError as error:
            raise UserError(
                "M061",
                where=f'"{path.name}"',
                expected="T5's vocabulary",
                got=str(error)[:120],
                fix="Take tokenizer.json or spiece.model from where the T5 weights came from.",
            ) from error

    @classmethod
    def beside(cls, weights: Path | str, folders: Sequence[Path] = ()) -> Self:
        """Return the tokenizer that lies with a file or folder of weights.

        Looked for: tokenizer.json or spiece.model in the weights' folder, in tokenizer, tokenizer_3, tokenizer_2 and
        t5_tokenizer there or one folder up (diffusers' layout), then in the same way in `folders`. A tokenizer.json
        of another kind, such as CLIP's, is passed over.
        Raises: UserError M060 when there is none, M061 when a spiece.model is damaged.
        """
        weights = Path(weights)
        home = weights if weights.is_dir() else weights.parent
        refused: list[str] = []
        for path in candidates([home, home.parent, *folders], home):
            try:
                return cls.read(path)
            except UserError as error:
                if path.name == "spiece.model":
                    raise
                refused.append(f"{path.parent.name}/{path.name} is {error.got}")
        raise UserError(
            "M060",
            where=f'"{weights.name}", tokenizer of T5',
            expected="tokenizer.json or spiece.model beside the weights",
            got="; ".join(refused)[:200] or "neither",
            fix="Put the tokenizer.json of the same T5 into that folder.",
        )

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, without the end token, of any number."""
        normal = nmt_nfkc(text) if self._charsmap is None else self._charsmap.apply(text)
        # No piece of T5 reaches over a space, so words are looked at one by one.
        return [token for word in normal.replace(SPACE, " ").split(" ") if word for token in self._word(SPACE + word)]

    def words(self, tokens: Sequence[int]) -> list[str]:
        """Return the piece of each token; the sign for a space begins a word."""
        names = self._vocabulary.names
        return [names[token] if 0 <= token < len(names) else "" for token in tokens]

    def _word(self, word: str) -> list[int]:
        """Return the tokens of the most probable way to cut a word; the leftmost longest of equal ones."""
        pieces = self._vocabulary.scores
        unknown = (self._vocabulary.unknown, self._unknown_score)
        best = [0.0] + [float("-inf")] * len(word)
        came: list[tuple[int, int]] = [(0, 0)] * (len(word) + 1)  # where the last piece began, and its number
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + self._longest) + 1):
                found = pieces.get(word[start:end])
                if found is None and end == start + 1:
                    found = unknown
                if found is not None and best[start] + found[1] > best[end]:
                    best[end] = best[start] + found[1]
                    came[end] = (start, found[0])
        tokens: list[int] = []
        end = len(word)
        while end:
            end, token = came[end]
            if not (token == unknown[0] and tokens and tokens[-1] == token):  # a run of unknown characters is one token
                tokens.append(token)
        return tokens[::-1]


def candidates(homes: Sequence[Path], weights: Path) -> list[Path]:
    """Return the files to try, in order; in the folder above the weights only those of its tokenizer folders."""
    found = []
    for home in homes:
        folders = FOLDERS[1:] if home == weights.parent else FOLDERS
        # A text_encoder_3 has its tokenizer in tokenizer_3.
        own = f"tokenizer{weights.name.removeprefix('text_encoder')}"
        order = sorted(folders, key=lambda name: name != own) if home == weights.parent else folders
        found += [home / folder / name for folder in order for name in FILES]
    return [path for path in found if path.is_file()]
