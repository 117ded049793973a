"""The manifest: specs without imports, staleness, and refreshing in another process."""

import json
import sys

import pytest

from latentloom.engine.node import manifest
from latentloom.engine.node.discover import modules_in_package
from latentloom.engine.node.spec import from_json

NODE = """
from latentloom.engine.node import node

print("a pack may print")

@node("{id}", category="test", former_ids=("Old{id}",))
def f(*, x: int = {default}) -> int:
    return x
"""


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """A package of two node modules on the import path, and a place for manifests; nothing of it stays imported."""
    folder = tmp_path / "site" / "loomtest_manifest"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "one.py").write_text(NODE.format(id="One", default=1))
    (folder / "two.py").write_text(NODE.format(id="Two", default=2))
    monkeypatch.syspath_prepend(str(folder.parent))
    yield folder
    for name in [name for name in sys.modules if name.startswith("loomtest_manifest")]:
        del sys.modules[name]


NAME = "loomtest_manifest"


def forget():
    for name in [name for name in sys.modules if name.startswith(NAME)]:
        del sys.modules[name]


def test_what_is_written_is_read_without_imports(pack, tmp_path):
    path = tmp_path / "manifest.json"
    manifest.write(manifest.build([NAME]), path)
    forget()
    registry = manifest.load([NAME], path)
    assert registry.ids == ("One", "Two")
    assert registry.spec("OldOne").inputs[0].default == 1
    assert f"{NAME}.one" not in sys.modules
    assert registry.function("Two")() == 2
    assert f"{NAME}.two" in sys.modules
    assert manifest.stale(manifest.read(path), [NAME]) == ()


def test_equal_manifests_give_equal_bytes(pack, tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    manifest.write(manifest.build([NAME]), first)
    manifest.write(manifest.build([NAME]), second)
    assert first.read_bytes() == second.read_bytes()
    assert json.loads(first.read_bytes())["format"] == manifest.FORMAT
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.json", "b.json", "site"]


def test_line_ends_do_not_change_a_fingerprint(tmp_path):
    (tmp_path / "a").write_bytes(b"x\ny\n")
    (tmp_path / "b").write_bytes(b"x\r\ny\r\n")
    (tmp_path / "c").write_bytes(b"x\ny")
    prints = [manifest.fingerprint(tmp_path / name) for name in "abc"]
    assert prints[0] == prints[1] != prints[2]


def test_changed_new_and_removed_modules_are_stale(pack, tmp_path):
    found = manifest.build([NAME])
    (pack / "one.py").write_text(NODE.format(id="One", default=11))
    (pack / "three.py").write_text(NODE.format(id="Three", default=3))
    (pack / "two.py").unlink()
    assert manifest.stale(found, [NAME]) == (f"{NAME}.one", f"{NAME}.three", f"{NAME}.two")


def test_a_changed_module_is_refreshed_elsewhere_and_kept(pack, tmp_path, monkeypatch):
    path, cache = tmp_path / "manifest.json", tmp_path / "cache"
    manifest.write(manifest.build([NAME]), path)
    before = path.read_bytes()
    forget()
    (pack / "one.py").write_text(NODE.format(id="One", default=11))
    registry = manifest.load([NAME], path, cache)
    assert registry.failures == ()
    assert registry.spec("One").inputs[0].default == 11
    assert registry.spec("Two").inputs[0].default == 2
    assert f"{NAME}.one" not in sys.modules  # it was imported in another process
    assert path.read_bytes() == before  # what came with the package is not ours to change
    assert (cache / "manifest.json").is_file()

    def never(modules):
        raise AssertionError("the second time the cache knows")

    monkeypatch.setattr(manifest, "refresh", never)
    assert manifest.load([NAME], path, cache).spec("One").inputs[0].default == 11


def test_a_module_that_breaks_is_a_failure_and_the_rest_loads(pack, tmp_path):
    (pack / "one.py").write_text("import no_such_module_anywhere\n")
    registry = manifest.load([NAME])
    assert registry.ids == ("Two",)
    (failure,) = registry.failures
    assert failure.name == f"{NAME}.one"
    assert "no_such_module_anywhere" in failure.error
    assert "Traceback" in failure.traceback


def test_a_module_that_ends_the_process_is_a_failure(pack, tmp_path):
    (pack / "one.py").write_text("import os\nos._exit(3)\n")
    registry = manifest.load([NAME])
    assert [failure.name for failure in registry.failures] == [f"{NAME}.one"]
    assert registry.ids == ("Two",)


def test_a_package_that_does_not_exist_is_a_failure(pack, tmp_path):
    registry = manifest.load(["loomtest_nowhere", "loomtest_nowhere.below", NAME])
    assert [failure.name for failure in registry.failures] == ["loomtest_nowhere", "loomtest_nowhere.below"]
    assert registry.ids == ("One", "Two")


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"format": 0, "modules": {}}', b'{"format": 2}'])
def test_a_damaged_manifest_is_an_empty_one(content, tmp_path):
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_bytes(content)
    assert manifest.read(path)["modules"] == {}


def test_the_first_module_keeps_an_id(pack, tmp_path):
    (pack / "two.py").write_text(NODE.format(id="One", default=2))
    manifest.write(manifest.build([NAME]), tmp_path / "m.json")
    registry = manifest.load([NAME], tmp_path / "m.json")
    assert registry.spec("One").inputs[0].default == 1
    assert [failure.error[:4] for failure in registry.failures] == ["N002"]


def test_a_spec_is_made_only_when_it_is_asked_for(pack, tmp_path, monkeypatch):
    template = manifest.build([NAME])["modules"][f"{NAME}.one"]["nodes"][0]
    wide = {**template, "inputs": template["inputs"] * 10, "description": "x" * 200}
    nodes = [{**wide, "id": f"Node{number}", "former_ids": []} for number in range(150)]
    modules = {
        entry.name: {"fingerprint": manifest.fingerprint(entry.file), "nodes": nodes if entry.name == NAME else []}
        for entry in modules_in_package(NAME)
    }
    path = tmp_path / "manifest.json"
    manifest.write({"format": manifest.FORMAT, "modules": modules}, path)
    made = []

    def counted(data):
        made.append(data["id"])
        return from_json(data)

    monkeypatch.setattr("latentloom.engine.node.registry.from_json", counted)
    registry = manifest.load([NAME], path)
    assert len(registry) == 150
    assert made == []
    assert registry.spec("Node7").id == "Node7"
    assert made == ["Node7"]


def test_what_nobody_knows_may_be_left_for_later(pack, tmp_path):
    path, cache = tmp_path / "manifest.json", tmp_path / "cache"
    manifest.write(manifest.build([NAME]), path)
    forget()
    (pack / "two.py").write_text(NODE.format(id="Second", default=3))
    early = manifest.load([NAME], path, cache, ask=False)
    assert early.ids == ("One",) and early.unread == (f"{NAME}.two",) and early.failures == ()
    assert not cache.exists(), "another process was asked"
    assert manifest.load([NAME], path, cache).ids == ("One", "Second")
    known = manifest.load([NAME], path, cache, ask=False)
    assert known.ids == ("One", "Second") and known.unread == ()
