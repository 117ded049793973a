"""The editor's page: built, being built, absent; its files, their twins, and what a browser may keep."""

import gzip
import re
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from latentloom.engine.errors import LatentloomError
from latentloom.engine.server.access import Gate, Policy
from latentloom.engine.server.editor import EditorBuild
from latentloom.engine.server.problems import problem_response
from latentloom.engine.server.routes_editor import routes

PAGE = b'<!doctype html><script type="module" src="/assets/main-1a2b.js"></script>'
SCRIPT = b"export const name = 'loom';\n" * 200
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def root(tmp_path):
    return tmp_path / "package"


@pytest.fixture
def client(root):
    app = Starlette(routes=routes(), exception_handlers={LatentloomError: lambda _, error: problem_response(error)})
    app.router.redirect_slashes = False
    app.state.hub = SimpleNamespace(version="1.2.3")
    app.state.editor = EditorBuild(root)
    with TestClient(Gate(app, Policy("127.0.0.1", 8188)), base_url="http://127.0.0.1:8188") as client:
        yield client


def build(root, *more):
    assets = root / "web" / "dist" / "assets"
    assets.mkdir(parents=True)
    (assets / "main-1a2b.js").write_bytes(SCRIPT)
    for name, data in more:
        (root / "web" / "dist" / name).write_bytes(data)
    (root / "web" / "dist" / "index.html").write_bytes(PAGE)


def test_without_a_page_a_browser_is_told_and_a_script_gets_json(client):
    told = client.get("/", headers=BROWSER)
    assert told.status_code == 200 and told.headers["content-type"].startswith("text/html")
    assert "the editor is not built" in told.text and "1.2.3" in told.text and "<script" not in told.text
    assert told.headers["cache-control"] == "no-store"
    about = client.get("/")
    assert about.json() == {
        "latentloom": "1.2.3", "api": "/api/loom/openapi.json", "health": "/health", "editor": "absent",
    }  # fmt: skip


def test_while_it_is_built_the_page_asks_again(client):
    client.app._app.state.editor._now = ("building", "Bundling <now>.")
    page = client.get("/", headers=BROWSER).text
    assert 'http-equiv="refresh"' in page and "Bundling &lt;now&gt;." in page


def test_a_page_that_comes_later_is_served_at_once(client, root):
    assert "not built" in client.get("/", headers=BROWSER).text
    assert client.get("/assets/main-1a2b.js").status_code == 404
    build(root)
    assert client.get("/", headers=BROWSER).content == PAGE
    assert client.get("/assets/main-1a2b.js").content == SCRIPT
    (root / "web" / "dist" / "index.html").write_bytes(b"<p>new</p>")
    assert client.get("/", headers=BROWSER).content == b"<p>new</p>"


def test_who_asks_for_json_gets_json_beside_a_built_page(client, root):
    build(root)
    assert client.get("/", headers={"Accept": "application/json"}).json()["editor"] == "ready"
    assert client.get("/").content == PAGE  # curl


def test_the_page_is_asked_for_again_and_its_files_are_kept_for_ever(client, root):
    build(root)
    page = client.get("/", headers=BROWSER)
    assert page.headers["cache-control"] == "private, no-cache"
    assert client.get("/", headers={**BROWSER, "If-None-Match": page.headers["etag"]}).status_code == 304
    script = client.get("/assets/main-1a2b.js")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-type"].startswith("text/javascript")
    again = client.get("/assets/main-1a2b.js", headers={"If-None-Match": script.headers["etag"]})
    assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == script.headers["etag"]
    assert client.head("/assets/main-1a2b.js").status_code == 200


@pytest.mark.parametrize(
    "takes, coding, body",
    [
        ("gzip, deflate, br", "br", b"BROTLI"),
        ("gzip", "gzip", gzip.compress(SCRIPT)),
        ("gzip;q=0, br;q=0", None, SCRIPT),
        ("identity", None, SCRIPT),
        ("*", "br", b"BROTLI"),
        ("br;q=0, *;q=0.5", "gzip", gzip.compress(SCRIPT)),
    ],
)
def test_the_twin_that_the_client_takes(client, root, takes, coding, body):
    build(root, ("assets/main-1a2b.js.br", b"BROTLI"), ("assets/main-1a2b.js.gz", gzip.compress(SCRIPT)))
    with client.stream("GET", "/assets/main-1a2b.js", headers={"Accept-Encoding": takes}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert (gzip.decompress(raw) if coding == "gzip" else raw) == (SCRIPT if coding == "gzip" else body)


def test_a_file_without_a_twin_is_compressed_here(client, root):
    build(root)
    with client.stream("GET", "/assets/main-1a2b.js", headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert len(raw) < len(SCRIPT) / 10 and gzip.decompress(raw) == SCRIPT
    (root / "web" / "dist" / "assets" / "main-1a2b.js").write_bytes(b"x" * 5000)
    assert client.get("/assets/main-1a2b.js", headers={"Accept-Encoding": "gzip"}).content == b"x" * 5000


def test_files_beside_the_page(client, root):
    assert client.get("/favicon.svg").status_code == 404
    build(root, ("favicon.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), ("manifest.webmanifest", b"{}"))
    icon = client.get("/favicon.svg")
    assert icon.headers["content-type"] == "image/svg+xml" and icon.headers["cache-control"] == "no-cache"
    assert client.get("/manifest.webmanifest").headers["content-type"] == "application/manifest+json"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../index.html",
        "/assets/..%2findex.html",
        "/assets/%2e%2e/%2e%2e/%2e%2e/secret",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/",
        "/assets/link.js",
        "/assets/main-1a2b.js.gz",
        "/assets/C:%5Csecret",
        "/assets/a%00b",
        "/index.html",
    ],
)
def test_nothing_but_the_built_files(client, root, path):
    build(root, ("assets/main-1a2b.js.gz", gzip.compress(SCRIPT)))
    (root / "secret").write_text("hidden words")
    (root / "web" / "dist" / "assets" / "link.js").symlink_to(root / "secret")
    answer = client.get(path)
    assert answer.status_code in (400, 404) and b"hidden words" not in answer.content


def test_the_page_may_run_only_its_own_scripts(client, root):
    build(root)
    policy = client.get("/", headers=BROWSER).headers["content-security-policy"]
    rules = dict(re.findall(r"([\w-]+) ([^;]+)", policy))
    assert rules["default-src"] == rules["script-src"] == rules["connect-src"] == "'self'"
    assert rules["worker-src"] == "'self' blob:" and "blob:" in rules["img-src"] and "data:" in rules["img-src"]


def test_other_pages_may_link_to_it_but_not_fetch_its_files(client, root):
    build(root)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    opened = {**foreign, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", **BROWSER}
    assert client.get("/", headers=opened).status_code == 200
    assert client.get("/assets/main-1a2b.js", headers={**foreign, "Sec-Fetch-Mode": "no-cors"}).status_code == 403
