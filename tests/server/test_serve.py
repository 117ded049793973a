"""`latentloom serve`: what it refuses to start with, and who gets in once others can reach it."""

from __future__ import annotations

import json
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from follow import hear, until
from serving import PACK, Serving, chain
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

BROWSER = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""


def get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return (status, headers, body), also of an error or a redirect."""
    opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers=headers)
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, dict(answer.headers.items()), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers.items()), error.read()


def refused(server: Serving) -> str:
    """Wait for a server that must not start; return what it said."""
    code = server.process.wait(60)
    said = server.errors()
    assert server.process.stdout is not None
    assert code == 2, said
    assert server.process.stdout.read() == b"", "it told an address"
    server.process.stdout.close()
    server.log.close()
    assert "Traceback" not in said
    return said


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("first") / "data") as server:
        yield server


def test_a_port_in_use_is_named(first: Serving, tmp_path: Path) -> None:
    port = int(first.url.rpartition(":")[2])
    said = refused(Serving(tmp_path / "data", port=port))
    assert "S021" in said and str(port) in said
    assert first.ask("/health")[0] == 200


def test_a_data_folder_in_use_names_the_process(first: Serving) -> None:
    said = refused(Serving(first.data))
    assert "J001" in said and re.search(rf"\b{first.process.pid}\b", said)
    assert first.ask("/health")[0] == 200


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (("--host", "0.0.0.0", "--no-token"), "A012"),
        (("--host", "::", "--no-token"), "A012"),
        (("--token", "--no-token"), "S020"),
        (("--token", "short"), "A010"),
        (("--workers", "0"), "S022"),
        (("--allow-host", "a b"), "A013"),
    ],
)
def test_unfit_flags_are_refused_and_leave_nothing(tmp_path: Path, flags: tuple[str, ...], code: str) -> None:
    said = refused(Serving(tmp_path / "data", *flags))
    assert code in said
    assert not (tmp_path / "data" / "secrets").exists() and not (tmp_path / "data" / "jobs").exists()


# --- off loopback


class Open:
    """A server that listens everywhere, as it greeted us."""

    def __init__(self, server: Serving) -> None:
        assert server.process.stdout is not None
        lines = [server.process.stdout.readline().decode() for _ in range(2)]
        self.server = server
        server.url = self.url = f"http://127.0.0.1:{lines[0].strip().rpartition(':')[2]}"
        self.launch = lines[1].strip().removeprefix("Open ")
        self.token = self.launch.partition("token=")[2]

    def written(self) -> str:
        """Return all that was logged, and what the server shows of its log."""
        files = (self.server.data / "logs").glob("*")
        shown = get(f"{self.url}/internal/logs", Authorization=f"Bearer {self.token}")
        assert shown[0] == 200
        return "".join([self.server.errors(), shown[2].decode(), *(path.read_text("utf-8") for path in files)])


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    data = tmp_path_factory.mktemp("open") / "data"
    server = Serving(data, "--host", "0.0.0.0", "--verbose")
    try:
        yield Open(server)
    finally:
        server.__exit__()


def test_the_launch_address_has_a_token_that_only_the_owner_can_read(everywhere: Open) -> None:
    assert everywhere.launch.startswith(f"{everywhere.url}/?token=")
    assert len(everywhere.token) >= 40
    path = everywhere.server.data / "secrets" / "token"
    assert path.read_text("ascii").strip() == everywhere.token
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("path", ["/", "/health", "/queue", "/api/loom/jobs", "/view?filename=a.png", "/nowhere"])
def test_without_the_token_nothing_is_told(everywhere: Open, path: str) -> None:
    for headers in ({}, BROWSER, {"Authorization": "Bearer " + "x" * 43}):
        status, _, body = get(everywhere.url + path, **headers)
        assert status == 401 and b"A001" in body
        assert everywhere.token.encode() not in body


def test_scripts_bring_the_token_in_a_header(everywhere: Open) -> None:
    assert get(f"{everywhere.url}/queue", Authorization=f"Bearer {everywhere.token}")[0] == 200


def test_a_browser_swaps_the_token_for_a_cookie(everywhere: Open) -> None:
    status, headers, _ = get(everywhere.launch, **BROWSER)
    assert status == 303 and headers["location"] == "/"
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert everywhere.token not in cookie, "a copied cookie would tell the token"
    kept = cookie.partition(";")[0]
    own = {**BROWSER, "Sec-Fetch-Site": "same-origin", "Cookie": kept}
    assert get(f"{everywhere.url}/", **own)[0] == 200
    assert get(f"{everywhere.url}/queue", **{**own, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"})[0] == 200
    wrong = kept[:-1] + ("0" if kept[-1] != "0" else "1")
    assert get(f"{everywhere.url}/", **{**own, "Cookie": wrong})[0] == 401


def test_websockets_need_it_too(everywhere: Open) -> None:
    address = f"ws{everywhere.url[4:]}/ws?clientId=me"
    with pytest.raises(InvalidStatus) as refusal:
        connect(address, proxy=None)
    assert refusal.value.response.status_code == 401
    with connect(f"{address}&token={everywhere.token}", proxy=None) as socket:
        assert hear(socket)["type"] == "status"


def test_the_token_is_in_no_log(everywhere: Open) -> None:
    token = everywhere.token
    assert get(f"{everywhere.url}/nowhere/at/all?token={token}&a=1")[0] == 404
    assert get(f"{everywhere.url}/nowhere/{token}?Token={token}&%74oken={token}")[0] == 404
    with connect(f"ws{everywhere.url[4:]}/api/loom/ws?token={token}&previews=1", proxy=None) as socket:
        assert hear(socket)["kind"] == "hello"
    with pytest.raises(InvalidStatus):  # refused after the gate, and logged
        connect(f"ws{everywhere.url[4:]}/api/loom/ws?after=x&token={token}", proxy=None)
    until(lambda: "previews=1" in everywhere.written())  # so the query is logged, without the token
    assert token not in everywhere.written()


def test_packs_that_nobody_has_read_do_not_hold_up_the_start(tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    shutil.copytree(PACK, packs)
    (packs / "broken.py").write_text("raise RuntimeError('a pack without its library')")
    with Serving(tmp_path / "data", nodes=packs) as server:
        assert server.ask("/health")[1]["workers"] == {"starting": 1}, "it was up before any worker"
        status, answer = server.ask("/prompt", {"prompt": chain(3)})  # waits for the worker that reads them
        assert status == 200, answer
        assert "ProbeAdd" in server.ask("/object_info")[1]
        failures = server.ask("/api/loom/nodes")[1]["failures"]
        assert any("a pack without its library" in failure["error"] for failure in failures)
        assert str(packs) not in json.dumps(failures)
