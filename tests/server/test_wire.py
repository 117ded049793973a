"""Frames: what goes in comes out, whatever a node reports, and junk is refused."""

import json
import math
import struct

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.errors import EngineBug
from latentloom.engine.server.wire import decode, encode, frame, plain

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON, max_size=5), st.binary(max_size=200))
def test_round_trip(message, blob):
    found, rest = decode(encode(message, blob))
    assert found == message
    assert bytes(rest) == blob


def test_half_a_surrogate_pair_and_numbers_that_are_none_pass():
    found, _ = decode(encode({"text": "\ud800", "loss": math.nan, "far": -math.inf}))
    assert found["text"] == "\ud800" and math.isnan(found["loss"]) and found["far"] == -math.inf


def test_what_json_cannot_hold_becomes_plain():
    endless: list = []
    endless.append(endless)
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    message = {
        "numpy": np.float32(0.5),
        "scalar": torch.tensor(3),
        "tensor": torch.zeros(2, 3),
        "object": object,
        "keys": {(1, 2): 1, 5: 2},
        "endless": endless,
        "deep": deep,
        "digits": 10**5000,
        "small": 7,
    }
    for name, value in message.items():
        json.dumps(plain(value))
        found, _ = decode(encode({name: value, "beside": 1}))
        assert found["beside"] == 1, name
    assert decode(encode({"a": np.float32(0.5), "b": torch.tensor(3)}))[0] == {"a": 0.5, "b": 3}
    assert decode(encode({"a": torch.zeros(2, 3)}))[0]["a"] == "Tensor(2, 3) torch.float32"
    assert decode(encode({"a": 10**5000}))[0]["a"] == f"integer of {(10**5000).bit_length()} bits"
    assert decode(encode({"a": {(1, 2): 1}}))[0] == {"a": {"[1, 2]": 1}}


@pytest.mark.parametrize(
    "junk",
    [b"", b"\0\0", frame(b"[]"), frame(b"{"), frame(b"\xff"), struct.pack(">I", 9) + b"{}", frame(b"[" * 100_000)],
)
def test_junk_is_refused(junk):
    with pytest.raises(EngineBug, match="W020"):
        decode(junk)


def test_the_blob_is_not_copied():
    data = encode({}, b"x" * 1000)
    _, blob = decode(data)
    assert blob.obj is data
