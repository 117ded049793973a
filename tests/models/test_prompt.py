import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.models.prompt import LIMIT, Span, parse, resolve_choices


def spans(prompt):
    return [(span.text, round(span.weight, 6)) for span in parse(prompt)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a cat", [("a cat", 1.0)]),
        ("a (red) cat", [("a ", 1.0), ("red", 1.1), (" cat", 1.0)]),
        ("((a)) b", [("a", 1.21), (" b", 1.0)]),
        ("(a:1.3)", [("a", 1.3)]),
        ("(a (b) c:0.5)", [("a ", 0.5), ("b", 0.55), (" c", 0.5)]),
        ("(a (b:1.2):0.5)", [("a ", 0.5), ("b", 1.2)]),
        ("(a:-1)", [("a", -1.0)]),
        ("(a:0)", [("a", 0.0)]),
        (r"smile \(happy\)", [("smile (happy)", 1.0)]),
        (r"(a \(b\):1.2)", [("a (b)", 1.2)]),
        (r"(a\\:1.2)", [(r"a\\", 1.2)]),
        ("((a", [("((a", 1.0)]),
        ("a) (b)", [("a) ", 1.0), ("b", 1.1)]),
        ("(a:b)", [("a:b", 1.1)]),
        ("(a:nan)", [("a:nan", 1.1)]),
        ("(a:inf)", [("a:inf", 1.1)]),
        ("(:1.3)", [(":1.3", 1.1)]),
        ("(a:1.2:1.4)", [("a:1.2", 1.4)]),
        ("a:1.3", [("a:1.3", 1.0)]),
        ("() (  )", []),
        ("", []),
        (":)", [(":)", 1.0)]),
    ],
)
def test_weights(prompt, expected):
    assert spans(prompt) == expected


def test_embeddings():
    assert parse("a (embedding:foo:1.2), embedding:bar, x") == [
        Span("a "),
        Span("foo", 1.2, embedding=True),
        Span(", "),
        Span("bar,", embedding=True),
        Span(" x"),
    ]
    assert parse("notembedding:foo") == [Span("notembedding:foo")]


def test_depth_is_no_limit():
    (span,) = parse("(" * 50_000 + "x" + ")" * 50_000)
    assert span == Span("x", LIMIT)


@given(st.text(alphabet=r"ab(): \.1-", max_size=60))
def test_never_raises_and_keeps_letters(prompt):
    found = parse(prompt)
    letters = [c for span in found for c in span.text if c in "ab"]
    assert letters == [c for c in prompt if c in "ab"]
    assert all(abs(span.weight) <= LIMIT for span in found)


def test_choices_follow_the_seed():
    results = [resolve_choices("a {red|blue|{dark|light} green} cat", seed) for seed in range(60)]
    assert set(results) == {"a red cat", "a blue cat", "a dark green cat", "a light green cat"}
    assert results == [resolve_choices("a {red|blue|{dark|light} green} cat", seed) for seed in range(60)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a // rest\nb", "a \nb"),
        ("a /* x\ny */ b", "a  b"),
        (r"\{a\|b\}", "{a|b}"),
        ("{a}", "a"),
        ("{}", ""),
        ("a|b", "a|b"),
        ("a}b", "a}b"),
        ("{a", "a"),
        (r"a \n", r"a \n"),
        ("(a:1.2)", "(a:1.2)"),
    ],
)
def test_choice_syntax(text, expected):
    assert resolve_choices(text, 3) == expected


@given(st.text(alphabet=r"ab{}|\/* ", max_size=60), st.integers(0, 2**64))
def test_choices_never_raise(text, seed):
    assert isinstance(resolve_choices(text, seed), str)


def test_choices_nest_without_limit():
    assert resolve_choices("{" * 20_000 + "x" + "}" * 20_000, 1) == "x"
