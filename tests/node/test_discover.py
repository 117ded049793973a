"""Discovery: packages, folders and entry points; what breaks becomes a value and the rest loads."""

import importlib
import sys
from pathlib import Path

import pytest

from latentloom.engine.node import discover
from latentloom.engine.node.discover import ENTRY_POINTS, declared, modules_in_folder, modules_in_package

NODE = """
from latentloom.engine.node import node

@node("{id}", category="test")
def {name}(*, x: int = 1) -> int:
    return x + {plus}
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def importable(tmp_path, monkeypatch):
    """A folder on the import path; what was imported from it is forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("loomtest"):
            del sys.modules[name]
    importlib.invalidate_caches()


def test_a_package_with_a_broken_module(importable):
    write(importable / "loomtest_pack/__init__.py", NODE.format(id="Root", name="root", plus=0))
    write(importable / "loomtest_pack/good.py", NODE.format(id="Good", name="good", plus=1))
    write(importable / "loomtest_pack/bad.py", "import no_such_module_anywhere\n")
    write(importable / "loomtest_pack/leaves.py", "raise SystemExit(3)\n")
    write(
        importable / "loomtest_pack/wrong.py",
        "from latentloom.engine.node import node\n@node('W', category='t')\ndef w(a): ...\n",
    )
    write(importable / "loomtest_pack/_private.py", "raise RuntimeError('never imported')\n")
    registry = discover(["loomtest_pack"], entry_points=False)
    assert registry.ids == ("Good", "Root")
    assert registry.function("Good")(x=1) == 2
    failed = {failure.name: failure for failure in registry.failures}
    assert set(failed) == {"loomtest_pack.bad", "loomtest_pack.leaves", "loomtest_pack.wrong"}
    assert "no_such_module_anywhere" in failed["loomtest_pack.bad"].error
    assert "Traceback" in failed["loomtest_pack.bad"].traceback
    assert failed["loomtest_pack.bad"].path.endswith("bad.py")
    assert failed["loomtest_pack.wrong"].error.startswith("N001")


def test_a_package_that_does_not_exist():
    registry = discover(["loomtest_nowhere"], entry_points=False)
    assert len(registry) == 0
    assert [failure.name for failure in registry.failures] == ["loomtest_nowhere"]


def test_folders_of_files_and_packages(tmp_path):
    write(tmp_path / "packs/single.py", NODE.format(id="Single", name="single", plus=5))
    write(
        tmp_path / "packs/my-pack/__init__.py",
        "from .inner import inner\n" + NODE.format(id="Outer", name="outer", plus=0),
    )
    write(tmp_path / "packs/my-pack/inner.py", NODE.format(id="Inner", name="inner", plus=0))
    write(tmp_path / "packs/off.py.disabled", "raise RuntimeError\n")
    write(tmp_path / "packs/.hidden.py", "raise RuntimeError\n")
    write(tmp_path / "packs/readme.txt", "hello")
    write(tmp_path / "packs/empty/readme.txt", "hello")
    registry = discover(folders=[tmp_path / "packs"], entry_points=False)
    assert registry.failures == ()
    assert registry.ids == ("Inner", "Outer", "Single")
    assert registry.spec("Inner").module.endswith(".inner")  # not of the module that merely imports it
    assert registry.function("Single")(x=1) == 6
    names = [module.name for module in modules_in_folder(tmp_path / "packs")]
    assert len(names) == 3
    assert [module.name for module in modules_in_folder(tmp_path / "packs")] == names


def test_equal_file_names_in_two_folders(tmp_path):
    write(tmp_path / "a/same.py", NODE.format(id="A", name="f", plus=1))
    write(tmp_path / "b/same.py", NODE.format(id="B", name="f", plus=2))
    registry = discover(folders=[tmp_path / "a", tmp_path / "b"], entry_points=False)
    assert (registry.function("A")(x=0), registry.function("B")(x=0)) == (1, 2)


def test_the_first_pack_keeps_an_id(tmp_path):
    write(tmp_path / "a/one.py", NODE.format(id="Same", name="f", plus=1))
    write(tmp_path / "b/two.py", NODE.format(id="Same", name="f", plus=2) + NODE.format(id="Other", name="g", plus=0))
    registry = discover(folders=[tmp_path / "a", tmp_path / "b"], entry_points=False)
    assert registry.ids == ("Other", "Same")
    assert registry.function("Same")(x=0) == 1
    (failure,) = registry.failures
    assert failure.error.startswith("N002")


def test_a_folder_that_does_not_exist(tmp_path):
    registry = discover(folders=[tmp_path / "none"], entry_points=False)
    assert len(registry.failures) == 1


def test_entry_points(importable):
    write(importable / "loomtest_entry.py", NODE.format(id="Entered", name="entered", plus=0))
    info = importable / "loomtest-1.0.dist-info"
    write(info / "METADATA", "Metadata-Version: 2.1\nName: loomtest\nVersion: 1.0\n")
    write(info / "entry_points.txt", f"[{ENTRY_POINTS}]\ngood = loomtest_entry\nbad = loomtest_absent\n")
    registry = discover()
    assert "Entered" in registry
    assert [failure.name for failure in registry.failures] == ["loomtest_absent"]


def test_modules_are_listed_without_being_imported(importable):
    write(importable / "loomtest_list/__init__.py", "")
    write(importable / "loomtest_list/a.py", "raise RuntimeError\n")
    write(importable / "loomtest_list/b/__init__.py", "raise RuntimeError\n")
    found = modules_in_package("loomtest_list")
    assert [module.name for module in found] == ["loomtest_list", "loomtest_list.a", "loomtest_list.b"]
    assert all(Path(module.file).is_file() for module in found)
    assert "loomtest_list.a" not in sys.modules


def test_declared_keeps_the_order_written(tmp_path):
    text = NODE.format(id="Z", name="z", plus=0) + NODE.format(id="A", name="a", plus=0)
    write(tmp_path / "ordered.py", text)
    (module,) = modules_in_folder(tmp_path)
    from latentloom.engine.node.registry import load_module

    assert [f.__node__.id for f in declared(load_module(module.name, module.path))] == ["Z", "A"]
