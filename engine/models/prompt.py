"""Prompt syntax: weights in parentheses, `embedding:name`, and choices in braces. Pure functions on strings.

Knows nothing of tokens, networks or torch. The syntax is ComfyUI's (observed behaviour), so that prompts
carry over.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

__all__ = ["Span", "parse", "resolve_choices"]

STEP = 1.1  # what one pair of parentheses multiplies by
LIMIT = 1e6  # of a weight: thousands of nested parentheses would otherwise overflow
ESCAPED = re.compile(r"\\([()])")
EMBEDDING = re.compile(r"(?:^|(?<=\s))embedding:(\S+)")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of prompt under one weight: either text or the name of a learned embedding."""

    text: str
    weight: float = 1.0
    embedding: bool = False


def parse(prompt: str) -> list[Span]:
    r"""Split a prompt into weighted spans, in order; empty ones are left out.

    `(x)` multiplies the weight around it by 1.1, `(x:1.3)` sets it to 1.3, `\(` and `\)` are plain
    characters. A parenthesis without its partner is a plain character. Depth is no limit. Never raises.
    """
    spans: list[Span] = []
    for text, weight in weigh(prompt):
        start = 0
        for match in EMBEDDING.finditer(text):
            add_text(spans, text[start : match.start()], weight)
            spans.append(Span(match[1], weight, embedding=True))
            start = match.end()
        add_text(spans, text[start:], weight)
    return spans


def add_text(spans: list[Span], text: str, weight: float) -> None:
    """Append the unescaped text unless nothing is left of it."""
    if text.strip():
        spans.append(Span(ESCAPED.sub(r"\1", text), weight))


def weigh(prompt: str) -> list[tuple[str, float]]:
    """Return pieces of still escaped text with their weights."""
    closing = partners(prompt)
    number_ends = {}  # index of the colon of an explicit weight -> index of its closing parenthesis
    pieces: list[tuple[str, float]] = []
    weights = [1.0]
    current: list[str] = []
    i = 0
    ends: list[int] = []

    def flush() -> None:
        if current:
            pieces.append(("".join(current), weights[-1]))
            current.clear()

    while i < len(prompt):
        if i in closing:
            flush()
            end = closing[i]
            colon, weight = explicit_weight(prompt, i, end)
            weights.append(min(weights[-1] * STEP, LIMIT) if weight is None else weight)
            if weight is not None:
                number_ends[colon] = end
            ends.append(end)
        elif ends and i == ends[-1]:
            flush()
            ends.pop()
            weights.pop()
        elif i in number_ends:
            i = number_ends[i] - 1  # the number is not part of the text
        elif prompt[i] == "\\" and i + 1 < len(prompt):
            current.append(prompt[i : i + 2])
            i += 1
        else:
            current.append(prompt[i])
        i += 1
    flush()
    return pieces


def partners(prompt: str) -> dict[int, int]:
    """Return the index of each opening parenthesis that has a partner, with the partner's index."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    escaped = False
    for i, character in enumerate(prompt):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "(":
            opened.append(i)
        elif character == ")" and opened:
            pairs[opened.pop()] = i
    return pairs


def explicit_weight(prompt: str, start: int, end: int) -> tuple[int, float | None]:
    """Return where the `:` stands and the number after it, or (-1, None) if the group names none."""
    colon = prompt.rfind(":", start + 2, end)
    if colon < 0:
        return -1, None
    try:
        weight = float(prompt[colon + 1 : end])
    except ValueError:
        return -1, None
    return (colon, weight) if abs(weight) <= LIMIT else (-1, None)  # not nan, not inf


@dataclass(slots=True)
class Choice:
    """An open brace: the options read so far; the last one is still growing."""

    options: list[list[str]] = field(default_factory=lambda: [[]])


def resolve_choices(text: str, seed: int) -> str:
    r"""Strip `// ...` and `/* ... */`, then pick one option of every `{a|b}`, nested ones too.

    The same text and seed give the same result. `\{`, `\}` and `\|` are plain characters. An unclosed brace
    ends with the text. Never raises.
    """
    rng = random.Random(seed)
    text = COMMENT.sub("", text)
    stack = [Choice()]
    i = 0
    while i < len(text):
        character = text[i]
        nested = len(stack) > 1
        if character == "\\" and text[i + 1 : i + 2] in ("{", "}", "|"):
            i += 1
            stack[-1].options[-1].append(text[i])
        elif character == "{":
            stack.append(Choice())
        elif character == "|" and nested:
            stack[-1].options.append([])
        elif character == "}" and nested:
            close(stack, rng)
        else:
            stack[-1].options[-1].append(character)
        i += 1
    while len(stack) > 1:
        close(stack, rng)
    return "".join(stack[0].options[0])


def close(stack: list[Choice], rng: random.Random) -> None:
    """Replace the innermost open choice by one of its options."""
    options = stack.pop().options
    stack[-1].options[-1].extend(rng.choice(options))
