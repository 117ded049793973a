"""Plain values are handed on as they are."""

import pytest

from latentloom.nodes import primitives as nodes


@pytest.mark.parametrize(
    ("function", "value", "kind"),
    [
        (nodes.primitive_int, 2**63 - 1, int),
        (nodes.primitive_float, 3, float),
        (nodes.primitive_string, "a", str),
        (nodes.primitive_string_multiline, "a\nb", str),
        (nodes.primitive_boolean, False, bool),
    ],
)
def test_primitive(function, value, kind):
    out = function(value=value)
    assert out == value
    assert type(out) is kind
