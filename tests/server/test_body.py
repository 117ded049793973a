"""JSON from outside: what is read, what is refused and with which status, and what it may cost."""

import json
import time
import tracemalloc

import pytest
from starlette.requests import Request

from latentloom.engine.errors import UserError
from latentloom.engine.server.body import JSON_DEPTH, parse_json, read_json
from latentloom.engine.server.problems import status_of


def request(*chunks, headers=()):
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    pending = iter(messages)

    async def receive():
        return next(pending)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": list(headers), "query_string": b""}
    return Request(scope, receive), pending


def run(coroutine):
    import asyncio

    return asyncio.run(coroutine)


@pytest.mark.parametrize(
    "document", [{}, [], None, 1, -7.5, "ü😀", {"a": [{"b": [1, 2.5, True, None, "x"]}]}, 10**39, ["9" * 50, 1e300, 1.5e-300, 2], [[]] * 5, "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")]
)
def test_what_is_written_is_read(document):
    for ascii_only in (True, False):
        data = json.dumps(document, ensure_ascii=ascii_only).encode()
        assert run(read_json(request(data)[0])) == document
        assert run(read_json(request(*(data[index : index + 1] for index in range(len(data))))[0])) == document


def test_a_byte_order_mark_is_no_fault():
    assert parse_json(b"\xef\xbb\xbf{}") == {}


def test_a_long_document_is_read_whole():
    document = {"text": ["word " * 50] * 2000}
    assert run(read_json(request(json.dumps(document).encode())[0])) == document


@pytest.mark.parametrize(
    "data, code",
    [
        (b"", "P101"),
        (b"  \n", "P101"),
        (b"{", "P101"),
        (b'{"a":1}x', "P101"),
        (b"{'a':1}", "P101"),
        (b"\xff\xfe{\x00}\x00", "P101"),
        (b'"\xc0\xae"', "P101"),
        (b'{"a": "\\ud800"}', "P101"),
        (b'{"\\udfff": 1}', "P101"),
        (b'["\\ud83d", "\\ude00"]', "P101"),
        (b"NaN", "P104"),
        (b'{"a": [Infinity]}', "P104"),
        (b"-Infinity", "P104"),
        (b"1e999", "P104"),
        (b"-1e999", "P104"),
        (b"[1, 1E+400]", "P104"),
        (b"1e0000999", "P104"),
        (b"1" + b"0" * 400 + b".0", "P104"),
        (b"0.0" + b"1" * 40 + b"e400", "P104"),
        (b"9" * 41, "P104"),
        (b"-" + b"9" * 5000, "P104"),
        (b"[" * 65 + b"]" * 65, "P103"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "P103"),
        (b"[" * 100_000 + b"]" * 100_000, "P103"),
        (b"[" * 1_100_000, "P103"),
        (b"[" + b"{}," * 1_000_001 + b"{}]", "P103"),
        (b"\x80\x04\x95\x00\x00cos\nsystem\n", "P101"),
    ],
)  # fmt: skip
def test_what_is_refused(data, code):
    with pytest.raises(UserError) as refused:
        run(read_json(request(data)[0]))
    assert refused.value.code == code
    assert status_of(refused.value) == 400
    assert len(str(refused.value)) < 400


def test_the_deepest_document_that_is_read():
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        inner = b"1" if opening != b"[" else b""
        assert parse_json(opening * JSON_DEPTH + inner + closing * JSON_DEPTH)
        assert parse_json(opening * JSON_DEPTH + b'"\\u00e4"' + closing * JSON_DEPTH)


def test_an_empty_body_may_mean_something():
    assert run(read_json(request(b"")[0], empty={})) == {}
    assert run(read_json(request(b"[1]")[0], empty={})) == [1]


def test_too_many_bytes_are_refused_when_they_are_seen():
    chunked, pending = request(*[b"[" + b" " * 99] * 10)
    with pytest.raises(UserError) as refused:
        run(read_json(chunked, 250))
    assert (refused.value.code, status_of(refused.value)) == ("P102", 413)
    assert len(list(pending)) == 8  # three chunks were read, not ten


@pytest.mark.parametrize("told", [b"251", b"9" * 4000])
def test_a_length_that_is_told_is_refused_before_anything_is_read(told):
    announced, pending = request(b"{}", headers=[(b"content-length", told)])
    with pytest.raises(UserError) as refused:
        run(read_json(announced, 250))
    assert refused.value.code == "P102"
    assert len(list(pending)) == 2


def test_the_costliest_documents_cost_little():
    """A million of the values that take most memory for their bytes."""
    data = b"[" + b'{"":0},' * 300_000 + b"0]"
    begun = time.perf_counter()
    tracemalloc.start()
    parse_json(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 << 20
    assert time.perf_counter() - begun < 10
