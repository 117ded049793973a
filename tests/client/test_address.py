"""Addresses as people write them."""

import pytest

from latentloom.engine.client.address import Address
from latentloom.engine.errors import UserError


@pytest.mark.parametrize(
    ("url", "base", "token", "near"),
    [
        ("http://127.0.0.1:8188", "http://127.0.0.1:8188", None, True),
        ("localhost:8188/", "http://localhost:8188", None, True),
        ("http://[::1]:8188/?token=abc", "http://[::1]:8188", "abc", True),
        ("https://example.org/loom/?token=a%2Bb", "https://example.org/loom", "a+b", False),
        ("192.168.1.20:8188", "http://192.168.1.20:8188", None, False),
    ],
)
def test_an_address_is_read(url, base, token, near):
    address = Address.read(url)
    assert (address.base, address.token, address.near) == (base, token, near)
    assert "abc" not in repr(address)


@pytest.mark.parametrize("url", ["", "ftp://host", "http://", "http://user:secret@host", "http://host:99999", "http://[::1", "host:port"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(UserError) as caught:
        Address.read(url)
    assert caught.value.code == "P101"


def test_a_token_that_no_header_can_hold_is_refused():
    assert Address.read("host", "t.0-k_e~n").headers == {"Authorization": "Bearer t.0-k_e~n"}
    for token in ("a\r\nX: y", "ä", "a b"):
        with pytest.raises(UserError):
            _ = Address.read("host", token).headers


def test_sockets_and_parts():
    assert Address.read("https://h/x").socket("/api/loom/ws", after=3, job="a b") == "wss://h/x/api/loom/ws?after=3&job=a+b"
    assert Address.part("../a b/c") == "..%2Fa%20b%2Fc"
