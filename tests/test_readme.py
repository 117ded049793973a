"""The scripts of the README: short, and they do what is said beside them."""

import re
import shutil
import sys

import pytest
import torch
from PIL import Image

import latentloom
from latentloom.engine.engine import Engine
from latentloom.engine.library import package_root

TEXT = (package_root() / "README.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def results(monkeypatch):
    """What each run of an `Engine` gave, in order."""
    kept = []

    class Recording(Engine):
        def execute(self, graph, *arguments, **named):
            result = super().execute(graph, *arguments, **named)
            kept.append((graph, result))
            return result

    monkeypatch.setattr(latentloom, "Engine", Recording)
    return kept


def run(script):
    namespace = {}
    exec(compile(script, "README.md", "exec"), namespace)
    return namespace


def ran(graph, result):
    return {graph[node].type for node in result.stats.seconds}


def test_scripts_are_short():
    assert len(SCRIPTS) == 3
    for script in SCRIPTS:
        assert len(script.splitlines()) <= 15


def test_the_second_seed_loads_and_encodes_nothing_again(results, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = run(SCRIPTS[0])
    first, second = results
    assert {"CheckpointLoaderSimple", "CLIPTextEncode", "KSampler", "VAEDecode"} <= ran(*first)
    assert ran(*second) == {"KSampler", "VAEDecode"}
    for picture in (names["first"], names["second"]):
        assert picture.shape == (1, 64, 64, 3)
        assert picture.dtype == torch.float32
        assert picture.min() >= 0 and picture.max() <= 1
    assert (names["first"] - names["second"]).abs().max() > 0.1


def test_a_workflow_is_loaded_changed_run_and_saved(results, monkeypatch, tmp_path):
    (tmp_path / "workflows").mkdir()
    shutil.copy(package_root() / "workflows" / "txt2img.json", tmp_path / "workflows")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LATENTLOOM_HOME", str(tmp_path / "home"))
    run(SCRIPTS[1])
    saved = latentloom.load(tmp_path / "green_cross.json")
    original = latentloom.load(tmp_path / "workflows" / "txt2img.json")
    assert saved != original
    assert saved.with_inputs("6", text=original["6"].inputs["text"]) == original
    pictures = list((tmp_path / "home" / "output").glob("*.png"))
    assert len(pictures) == original["5"].inputs["batch_size"]
    with Image.open(pictures[0]) as picture:
        assert "green cross" in picture.text["prompt"]


def test_the_two_commands_come_first():
    assert TEXT.index("make demo") < TEXT.index("make test") < TEXT.index("\n## ")


@pytest.mark.parametrize(
    "page", sorted([*package_root().glob("*.md"), *package_root().glob("*/*.md")]), ids=lambda p: p.name
)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    for link in links:
        assert "://" in link or (page.parent / link).exists(), link


def test_the_client_draws_on_a_server_and_fetches_the_picture(monkeypatch, tmp_path):
    """`Serving` starts a real server; the script's address becomes the server's."""
    sys.path.insert(0, str(package_root() / "tests" / "server"))
    try:
        from serving import Serving
    finally:
        sys.path.pop(0)
    shutil.copytree(package_root() / "workflows", tmp_path / "workflows", ignore=shutil.ignore_patterns("models"))
    monkeypatch.chdir(tmp_path)
    with Serving(tmp_path / "data") as server:
        names = run(SCRIPTS[2].replace("http://127.0.0.1:8188", server.url))
    (picture,) = names["pictures"]
    assert Image.open(picture).size == (64, 64)
    assert names["job"].state == "done"
