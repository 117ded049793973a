"""`latentloom serve` from a checkout: it answers at once, builds the editor beside that, and shows it when it is there."""

import shutil
import sys
import time
import urllib.request

import pytest


@pytest.fixture
def server(checkout, root, tmp_path, monkeypatch):
    """A server that runs from a copy of the package whose web folder is the small one."""
    monkeypatch.syspath_prepend(str(root / "tests" / "server"))
    from serving import Serving

    package = tmp_path / "copy" / "latentloom"
    ignore = shutil.ignore_patterns("__pycache__", "models", "*.so")
    for room in ("engine", "nodes", "workflows"):
        shutil.copytree(root / room, package / room, ignore=ignore if room == "workflows" else CACHES)
    for name in ("__init__.py", "__main__.py", "pyproject.toml"):
        shutil.copy(root / name, package)
    shutil.copytree(checkout.web, package / "web")
    checkout.root, checkout.web, checkout.page = package, package / "web", package / "web" / "dist"
    environment = {"PYTHONPATH": str(package.parent), "LATENTLOOM_NO_WEB": ""}
    started = []

    def start():
        started.append(Serving(tmp_path / "data", "--paused", environment=environment).wait())
        return started[-1]

    yield start
    for serving in started:
        serving.__exit__()


CACHES = shutil.ignore_patterns("__pycache__")


def page(server):
    request = urllib.request.Request(server.url, headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Serving reads pipes with select")
def test_the_server_is_up_while_its_editor_is_built(server, checkout):
    checkout.write("WAIT until told")
    serving = server()
    before = page(serving)
    assert "being built" in before and 'http-equiv="refresh"' in before
    assert serving.ask("/health")[0] == 200
    (checkout.root / "go").touch()
    until = time.monotonic() + 30
    while (now := page(serving)) != "<!doctype html>WAIT until told":
        assert time.monotonic() < until, now
        time.sleep(0.05)
    assert "Building the editor: bundling" in serving.errors()
    assert serving.stop() == 0
    again = server()
    assert page(again) == now and checkout.runs == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Serving reads pipes with select")
def test_a_server_that_is_told_to_stop_ends_its_build(server, checkout):
    checkout.write("SLOW")
    serving = server()
    while not (checkout.root / "slow.log").exists():
        time.sleep(0.02)
    begun = time.monotonic()
    assert serving.stop() == 0
    assert time.monotonic() - begun < 20 and checkout.tidy() and not checkout.page.exists()
