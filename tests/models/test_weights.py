import json
import os
import struct
import tracemalloc

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from latentloom.engine.errors import UserError
from latentloom.engine.models.header import read_header
from latentloom.engine.models.weights import open_safetensors, open_weights

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def pack(header, data=b"", length=None):
    """Return a file's bytes: the header as JSON (or raw bytes), then data; `length` lies about the header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(**change):
    return {"a": F32 | change}


def text(value):
    return json.dumps(value).encode()


HOSTILE = {
    "empty": (b"", "M010"),
    "seven bytes": (b"\x00" * 7, "M010"),
    "only a length": (struct.pack("<Q", 0), "M010"),
    "length 0": (pack(b"", b"x" * 20), "M010"),
    "length 1": (pack(b"{", b""), "M010"),
    "length one beyond the file": (pack(b"{}", length=3), "M010"),
    "length 2^63": (pack(b"{}", b"x" * 100, length=2**63), "M010"),
    "length 2^64-1": (pack(b"{}", b"x" * 100, length=2**64 - 1), "M010"),
    "length over 32 MiB": (pack(b"{}", b" " * (33 * 2**20), length=32 * 2**20 + 1), "M010"),
    "leading space": (pack(b' {"a": 1}'), "M011"),
    "byte order mark": (pack(b"\xef\xbb\xbf{}"), "M011"),
    "a list": (pack(b"[1, 2]"), "M011"),
    "cut JSON": (pack(b'{"a": {"dtype": "F32"'), "M011"),
    "trailing text": (pack(b"{} x"), "M011"),
    "no UTF-8": (pack(b'{"\xff\xfe": 1}'), "M011"),
    "NaN": (pack(b'{"a": NaN}'), "M011"),
    "deep nesting": (pack(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), "M011"),
    "duplicate tensor": (pack(b'{"a": %b, "a": %b}' % (text(F32), text(F32)), b"x" * 8), "M011"),
    "duplicate field": (
        pack(b'{"a": {"dtype": "F32", "dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', b"x" * 8),
        "M011",
    ),
    "huge number": (pack(b'{"a": {"dtype": "F32", "shape": [%b], "data_offsets": [0, 8]}}' % (b"9" * 5000)), "M011"),
    "entry is a number": (pack({"a": 1}), "M012"),
    "missing offsets": (pack({"a": {"dtype": "F32", "shape": [2]}}, b"x" * 8), "M012"),
    "extra field": (pack(entry(code="x"), b"x" * 8), "M012"),
    "unknown type": (pack(entry(dtype="F12"), b"x" * 8), "M012"),
    "type is a list": (pack(entry(dtype=["F32"]), b"x" * 8), "M012"),
    "shape negative": (pack(entry(shape=[-2]), b"x" * 8), "M012"),
    "shape fractional": (pack(entry(shape=[2.0]), b"x" * 8), "M012"),
    "shape boolean": (pack(entry(shape=[True, 2]), b"x" * 8), "M012"),
    "shape a text": (pack(entry(shape="2"), b"x" * 8), "M012"),
    "shape wraps to fit": (pack(entry(shape=[2**62, 2**62, 4]), b"x" * 8), "M012"),
    "shape of 17 dimensions": (pack(entry(shape=[1] * 16 + [2]), b"x" * 8), "M012"),
    "shape too large for its bytes": (pack(entry(shape=[3]), b"x" * 8), "M012"),
    "offsets reversed": (pack(entry(data_offsets=[8, 0]), b"x" * 8), "M012"),
    "offsets negative": (pack(entry(data_offsets=[-8, 0]), b"x" * 8), "M012"),
    "three offsets": (pack(entry(data_offsets=[0, 4, 8]), b"x" * 8), "M012"),
    "metadata a number": (pack({"__metadata__": {"a": 1}}), "M012"),
    "metadata a list": (pack({"__metadata__": []}), "M012"),
    "data cut short": (pack(entry(), b"x" * 7), "M013"),
    "data left over": (pack(entry(), b"x" * 9), "M013"),
    "gap at the start": (pack(entry(data_offsets=[4, 12]), b"x" * 12), "M013"),
    "gap between": (pack(entry() | {"b": F32 | {"data_offsets": [12, 20]}}, b"x" * 20), "M013"),
    "overlap": (pack(entry() | {"b": F32 | {"data_offsets": [4, 12]}}, b"x" * 12), "M013"),
    "same bytes twice": (pack(entry() | {"b": F32}, b"x" * 8), "M013"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_malformed_is_refused(tmp_path, name):
    data, code = HOSTILE[name]
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(UserError) as caught:
        open_weights(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.code == code, str(caught.value)
    assert len(str(caught.value)) < 400
    assert str(caught.value).startswith(f'{code} "x.safetensors": expected ')
    assert peak < 32 * 2**20
    if name.startswith("length"):
        assert peak < 2**20  # a length that cannot be is refused before anything of that length is read


def test_well_formed_is_read(tmp_path):
    tensors = {
        "b": torch.arange(6, dtype=torch.float16).view(2, 3),
        "a": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
        "int": torch.tensor([1, 2], dtype=torch.int64),
        "bf": torch.ones(3, dtype=torch.bfloat16),
        "flag": torch.tensor([True, False]),
        "eight": torch.ones(2).to(torch.float8_e4m3fn),
    }
    path = tmp_path / "w.safetensors"
    save_file(tensors, path, metadata={"who": "me"})
    file = open_safetensors(path)
    assert file.shapes == {key: tuple(value.shape) for key, value in tensors.items()}
    assert file.metadata == {"who": "me"}
    for key, value in tensors.items():
        assert file.tensor(key).dtype == value.dtype
        assert torch.equal(file.tensor(key).float(), value.float())


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_one_flipped_header_byte_never_reads_out_of_the_file(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("flip") / "w.safetensors"
    save_file({"a": torch.arange(4.0), "b": torch.ones(2, 2)}, path)
    content = bytearray(path.read_bytes())
    size = 8 + int.from_bytes(content[:8], "little")
    content[data.draw(st.integers(0, size - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        file = open_weights(path)
    except UserError as error:
        assert error.code in {"M005", "M010", "M011", "M012", "M013", "M014"}
    else:
        assert sum(file.tensor(key).nbytes for key in file.shapes) == len(content) - size


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes_give_only_our_errors(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        open_weights(path)
    assert caught.value.code.startswith("M0")


def test_a_replaced_file_is_noticed(tmp_path):
    path, other = tmp_path / "w.safetensors", tmp_path / "o.safetensors"
    save_file({"a": torch.zeros(4)}, path)
    save_file({"a": torch.ones(4)}, other)
    os.utime(other, ns=(0, 1_000_000_000))
    file = open_safetensors(path)
    os.replace(other, path)
    with pytest.raises(UserError, match="M006"):
        file.tensor("a")


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match="M001"):
        open_weights(tmp_path / "nothing.safetensors")


def test_a_header_is_read_without_its_data(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2**20)}, path)
    tracemalloc.start()
    header = read_header(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert header.entries["a"].shape == (2**20,)
    assert peak < 2**20
