"""Which of the files here is the model that a workflow names: by hash, by file name, by a name that is nearly the same.

A guess is made only where it is plain: one candidate, and the same numbers in its name ("v1-5" is not "v1-4"). Knows no
graph and opens no file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

__all__ = ["HashOf", "Match", "ModelNames"]

HashOf = Callable[[str], str | None]
"""The SHA-256 (hex) of the file of this name, None where it is not known yet."""

How = Literal["same", "remembered", "hash", "name", "like", "none"]

_LIKE = 0.82  # of 1: how alike two names must be, their separators left out
_APART = 0.04  # by how much the best must be ahead of the second
_LONGEST = 200  # characters of a name that are compared: longer ones would cost quadratic time
_SUGGESTED = 0.6
_SHOWN = 3  # names that are told of
_ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
_SEPARATORS = re.compile(r"[\W_]+")
_NUMBERS = re.compile(r"\d+")


class Match(NamedTuple):
    """found: the name to use, None when there is none. how: what it was found by. near: names that are like it."""

    found: str | None
    how: How
    near: tuple[str, ...] = ()


class ModelNames:
    """The names of one folder (relative, forward slashes), looked through once for any number of questions."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._all = frozenset(self.names)
        self._by_base: dict[str, list[str]] = {}
        self._by_plain: dict[str, list[str]] = {}
        for name in self.names:
            self._by_base.setdefault(_base(name), []).append(name)
            self._by_plain.setdefault(_plain(name), []).append(name)

    def match(
        self,
        name: str,
        *,
        sha256: str | None = None,
        hash_of: HashOf | None = None,
        remembered: str | None = None,
        guess: bool = True,
    ) -> Match:
        """Find the file that `name` means, by the first of these that fits.

        1. the same name, whichever slashes; 2. the one `remembered` for it; 3. the file with this `sha256`; 4. the one
        file of this name in another folder, whatever its capitals; 5. the one whose name is the same without separators
        and kind; 6. unless `guess` is off, the one that is nearest, with the same numbers in it.
        """
        wanted = name.replace("\\", "/")
        if wanted in self._all:
            return Match(wanted, "same")
        if remembered is not None and remembered in self._all:
            return Match(remembered, "remembered")
        if sha256 is not None and hash_of is not None:
            for entry in self.names:
                if hash_of(entry) == sha256.lower():
                    return Match(entry, "hash")
        same = self._by_base.get(_base(wanted))
        if same:
            return Match(same[0], "name") if len(same) == 1 else Match(None, "none", tuple(same[:_SHOWN]))
        plain = _plain(wanted)
        alike = self._by_plain.get(plain) if plain else None
        if alike:
            return Match(alike[0], "like") if len(alike) == 1 else Match(None, "none", tuple(alike[:_SHOWN]))
        return _nearest(plain, self._by_plain) if guess and plain else Match(None, "none")


def _nearest(plain: str, by_plain: Mapping[str, list[str]]) -> Match:
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(plain)  # it keeps what it learns of the second
    scores: list[tuple[float, str]] = []
    for other, entries in by_plain.items():
        matcher.set_seq1(other)
        if matcher.real_quick_ratio() > _SUGGESTED and matcher.quick_ratio() > _SUGGESTED:
            ratio = matcher.ratio()
            scores += [(ratio, entry) for entry in entries]
    scores.sort(key=lambda item: (-item[0], item[1]))
    near = tuple(entry for score, entry in scores[:_SHOWN] if score > _SUGGESTED)
    if not scores:
        return Match(None, "none", near)
    best, entry = scores[0]
    ahead = len(scores) == 1 or best - scores[1][0] >= _APART
    if best >= _LIKE and ahead and _NUMBERS.findall(plain) == _NUMBERS.findall(_plain(entry)):
        return Match(entry, "like", near)
    return Match(None, "none", near)


def _base(name: str) -> str:
    return name.rpartition("/")[2].casefold()


def _plain(name: str) -> str:
    """Return the file's name without folder, kind and separators; numbers stay apart from each other."""
    base = _base(name)
    for ending in _ENDINGS:
        base = base.removesuffix(ending)
    words = _SEPARATORS.sub(" ", base[:_LONGEST]).split()
    joined = ""
    for word in words:
        joined += f" {word}" if joined and joined[-1].isdigit() and word[0].isdigit() else word
    return joined
