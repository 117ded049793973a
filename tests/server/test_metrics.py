"""Prometheus' text: read back by a small reader written from the format's description."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.server.metrics import Family, Sample, write

LINE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"')
WORDS = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def parsed(text):
    """Samples by name and labels, and the kinds; every line must be one the format knows."""
    samples, kinds = {}, {}
    assert text == "" or text.endswith("\n")
    for line in text.split("\n")[:-1]:
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            match = LINE.fullmatch(line)
            assert match, line
            labels = {
                name: re.sub(r'\\[\\"n]', lambda found: WORDS[found[0]], value)
                for name, value in LABEL.findall(match[2] or "")
            }
            samples[match[1], tuple(sorted(labels.items()))] = float(match[3])
    return samples, kinds


@given(st.text(max_size=20).filter(lambda text: "\r" not in text), st.floats())
def test_any_label_and_any_number_come_back(label, number):
    samples, kinds = parsed(write([Family("loom_x", "What\nit \\ is.", "gauge", (Sample(number, {"a": label, "b": "1"}),))]))
    (found,) = samples.values()
    assert list(samples) == [("loom_x", (("a", label), ("b", "1")))]
    assert found == number or (math.isnan(found) and math.isnan(number))
    assert kinds == {"loom_x": "gauge"}


def test_the_text():
    families = [
        Family("jobs", "Jobs.", "gauge", (Sample(3, {"state": "done"}), Sample(0, {"state": "failed"}))),
        Family("restarts_total", "Starts.", "counter", (Sample(1.5),)),
        Family("empty", "Nothing.", "gauge", ()),
    ]
    assert write(families) == (
        '# HELP jobs Jobs.\n# TYPE jobs gauge\njobs{state="done"} 3\njobs{state="failed"} 0\n'
        "# HELP restarts_total Starts.\n# TYPE restarts_total counter\nrestarts_total 1.5\n"
    )


@pytest.mark.parametrize(
    "family",
    [
        Family("a b", "", "gauge", ()),
        Family("1a", "", "gauge", ()),
        Family("a", "", "counter", ()),
        Family("a_total", "", "gauge", ()),
        Family("a", "", "gauge", (Sample(1, {"b-c": ""}),)),
    ],
)
def test_names_that_the_format_forbids_are_refused(family):
    with pytest.raises(ValueError):
        write([family])
