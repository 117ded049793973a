"""What is installed: packages are the folders, the wheel carries its data, dependencies are what is imported."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = ("engine", "nodes")
SOURCES = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
IMPORT_NAMES = {"python-multipart": "python_multipart", "pillow": "PIL", "pyyaml": "yaml"}


def requirement(text: str) -> str:
    return re.split(r"[^A-Za-z0-9_-]", text, maxsplit=1)[0].lower().replace("_", "-")


def third_party() -> set[str]:
    found = set()
    for path in [*SOURCES, *ROOT.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").split(".")[0])
    return found - set(sys.stdlib_module_names) - {"__future__"}


def test_packages_listed_are_the_folders():
    folders = {path.parent.relative_to(ROOT) for path in SOURCES}
    expected = {"latentloom", *("latentloom." + ".".join(folder.parts) for folder in folders)}
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(expected)
    for folder in folders:
        assert (ROOT / folder / "__init__.py").exists(), folder


def test_dependencies_are_what_the_package_imports():
    declared = {requirement(text) for text in PROJECT["project"]["dependencies"]}
    assert {IMPORT_NAMES.get(item, item) for item in declared} == third_party()


def test_every_dependency_is_pinned():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split(";")[0].strip() for line in lines if line.strip() and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._]+", pin) for pin in pins)
    pinned = {requirement(pin) for pin in pins}
    groups = PROJECT["project"]["optional-dependencies"]
    wanted = {requirement(text) for text in PROJECT["project"]["dependencies"]}
    wanted |= {requirement(text) for name in ("test", "oracles", "editor") for text in groups[name]}
    assert wanted <= pinned


def test_no_test_folder_is_a_package():
    """With `--import-mode=importlib` test modules need no package, and a package would shadow names."""
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    source = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for room in (*ROOMS, "workflows", "example_workflows"):
        shutil.copytree(ROOT / room, source / room, ignore=ignore)
    for path in ROOT.iterdir():
        if path.is_file() and path.suffix in (".py", ".toml", ".md", ".typed", ""):
            shutil.copy(path, source)
    (source / "web").mkdir()
    shutil.copy(ROOT / "web" / "build_backend.py", source / "web")  # tests/web has the wheel with the editor
    target = tmp_path_factory.mktemp("wheel")
    system = PROJECT["build-system"]
    build = f"import sys; sys.path[:0] = {system['backend-path']}; import {system['build-backend']} as backend; "
    done = subprocess.run(
        [sys.executable, "-c", f"{build} backend.build_wheel(sys.argv[1])", str(target)],
        cwd=source,
        env={**os.environ, "LATENTLOOM_NO_WEB": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(target.glob("*.whl")))


def test_the_wheel_holds_all_code_and_data(wheel):
    names = set(wheel.namelist())
    for path in SOURCES:
        assert f"latentloom/{path.relative_to(ROOT).as_posix()}" in names
    data = [ROOT / "py.typed", ROOT / "nodes" / "manifest.json"]
    data += [path for path in (ROOT / "engine" / "models" / "data").iterdir() if path.is_file()]
    data += [path for path in (ROOT / "workflows").rglob("*") if path.is_file() and not path.name.startswith(".")]
    data += [path for path in (ROOT / "example_workflows").iterdir() if path.is_file()]
    data += list((ROOT / "engine").rglob("*.pyi"))
    assert len(data) > 15
    for path in data:
        assert f"latentloom/{path.relative_to(ROOT).as_posix()}" in names


def test_the_wheel_holds_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"latentloom", f"latentloom-{version()}.dist-info"}
    for name in wheel.namelist():
        assert not re.match(r"latentloom/(tests|docs|web|\.|build|demo)", name), name
        assert "__pycache__" not in name


def test_the_wheel_stays_within_its_budget(wheel):
    weights = [entry for entry in wheel.infolist() if entry.filename.startswith("latentloom/workflows/models/")]
    assert sum(entry.file_size for entry in weights) <= 60e6


def version() -> str:
    text = (ROOT / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]
