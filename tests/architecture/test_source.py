"""Rules that every source file keeps: length, docstring, no broad except, no global, no print, nothing of a machine."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sorted([*(ROOT / "engine").rglob("*.py"), *(ROOT / "nodes").rglob("*.py"), *ROOT.glob("*.py")])
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TEXT_SUFFIXES = {".py", ".pyi", ".md", ".toml", ".txt", ".json", ".sh", ".yaml", ".ts", ""}
BROAD_ALLOWED = {"engine/run/call.py": 1, "engine/node/discover.py": 1}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def broad(node: ast.AST) -> bool:
    """Tell whether an except clause catches everything, and does not merely clean up and raise again."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    last = node.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(kind is None or getattr(kind, "id", "") in ("Exception", "BaseException") for kind in kinds)


def test_there_are_sources():
    assert len(PYTHON) > 40


@pytest.mark.parametrize("path", [*PYTHON, *TESTS], ids=name)
def test_file_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_module_says_its_job(path):
    assert not path.read_text(encoding="utf-8").strip() or ast.get_docstring(tree(path))


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_no_global_no_print_no_todo(path):
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, ast.Global), f"line {node.lineno}: global"
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
            assert name(path) == "engine/cli.py" or name(path).startswith("engine/commands/"), (
                f"line {node.lineno}: print"
            )
    assert not re.search(r"\b(TODO|FIXME|XXX)\b(?! #\d)", source)


def test_exactly_two_broad_excepts():
    """Calling a node and discovering nodes; both turn what is raised into a value."""
    found = Counter(name(path) for path in PYTHON for node in ast.walk(tree(path)) if broad(node))
    assert found == BROAD_ALLOWED


def test_no_file_is_called_by_a_name_that_says_nothing():
    vague = {"utils", "helpers", "common", "base", "manager", "misc"}
    assert not [name(path) for path in PYTHON if path.stem in vague]


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_public_names_exist(path):
    """What `__all__` promises is defined in the file or imported by it."""
    module = tree(path)
    promised, defined, lazily = set(), set(), False
    for node in module.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            assert isinstance(node.value, ast.List), "__all__ is not a plain list"
            promised = {item.value for item in node.value.elts}
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        defined |= {part.id for target in targets if target for part in ast.walk(target) if isinstance(part, ast.Name)}
        defined.add(getattr(node, "name", ""))
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            defined |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        lazily |= getattr(node, "name", "") == "__getattr__"
    assert lazily or promised <= defined, promised - defined


def test_nothing_names_a_machine():
    """No absolute path of somebody's machine, no address of a package registry."""
    homes = re.compile(r"(?<![\w.])/(?:" + "|".join(("work", "root", r"home/\w+", r"Users/\w+")) + r")/\w")
    registries = re.compile(
        r"(?:--index-url|--extra-index-url|--find-links)[ =]\S|pypi\.org|pythonhosted", re.IGNORECASE
    )
    folders = ("engine", "nodes", "tests", "docs", "workflows", ".ci")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file() and path.name not in (".git", ".coverage")]
    for path in files:
        if path.suffix in TEXT_SUFFIXES and path.name != "LICENSE" and "__pycache__" not in path.parts:
            text = path.read_text(encoding="utf-8")
            for pattern in (homes, registries):
                if path == Path(__file__).resolve():
                    continue
                match = pattern.search(text)
                assert match is None, f"{name(path)}: {match[0]}"
