"""Generated stubs: they are Python, complete what they should, and say when they are behind."""

import ast
import shutil
import subprocess
import sys

import pytest

from latentloom.engine.graph.stubs import generate, is_stale
from latentloom.engine.node import node


def classes(text):
    return {item.name: item for item in ast.parse(text).body if isinstance(item, ast.ClassDef)}


def test_is_python_and_the_same_every_time(registry):
    text = generate(registry)
    assert text == generate(reversed(list(registry)))
    found = classes(text)
    methods = {item.name: item for item in found["Builder"].body if isinstance(item, ast.FunctionDef)}
    sample = methods["Sample"].args
    assert [arg.arg for arg in sample.kwonlyargs] == [
        "model", "seed", "steps", "cfg", "sampler", "latent", "tiled", "mask", "_id", "_title",
    ]  # fmt: skip
    annotations = {arg.arg: ast.unparse(arg.annotation) for arg in sample.kwonlyargs}
    assert annotations["sampler"] == "_Literal['euler', 'heun', 'dpm/2'] | _Wired"
    assert annotations["model"] == "_Wired"
    assert annotations["mask"] == "_Wired | None"
    assert annotations["cfg"] == "float | _Wired"
    assert [item.name for item in found["_Load"].body] == ["MODEL", "VAE"]
    assert ast.unparse(methods["Load"].returns) == "_Load"
    assert ast.unparse(methods["Save"].returns) == "_Handle"
    assert methods["Join"].args.kwarg is not None
    assert "prompt" not in [arg.arg for arg in methods["Save"].args.kwonlyargs]


def test_names_python_cannot_spell_are_left_out():
    @node("Two Words", category="test")
    def two(*, x: int = 1) -> int:
        return x

    @node("class", category="test")
    def keyword(*, x: int = 1) -> int:
        return x

    @node("Fine", category="test", outputs=["a,b"])
    def fine(*, x: int = 1) -> int:
        r"""Says "this" and \n that.

        x: ends with a "quote"
        """
        return x

    text = generate([two.__node__, keyword.__node__, fine.__node__])
    found = classes(text)
    names = [item.name for item in found["Builder"].body if isinstance(item, ast.FunctionDef)]
    assert "Fine" in names
    assert "Two Words" not in text
    assert "class" not in names
    assert "_Fine" not in found


def test_staleness(registry, tmp_path):
    path = tmp_path / "build.pyi"
    assert is_stale(path, registry)
    path.write_text(generate(registry), encoding="utf-8")
    assert not is_stale(path, registry)

    @node("New", category="test")
    def new() -> None: ...

    registry.add(new)
    assert is_stale(path, registry)


USE = """
from latentloom.engine.graph.build import Builder
from latentloom.engine.graph.builder import Handle, Wire
b = Builder()
model, vae = b.Load(name="a")
good = b.Sample(model=b.Load(name="a").MODEL, latent=b.Empty(), steps=3)
bad1 = b.Smple()
bad2 = b.Sample(model=model, latent=b.Empty(), steps="x")
bad3 = b.Sample(model=model, latent=b.Empty(), sampler="eular")
bad4 = b.Load(name="a").MODLE
def take(what: Handle | Wire) -> None: ...
take(good)
take(good.LATENT)
b.set(good, steps=4)
"""


@pytest.mark.timeout(120)
def test_a_type_checker_sees_nodes_inputs_and_outputs(registry, root, tmp_path):
    pytest.importorskip("mypy")
    package = tmp_path / "latentloom" / "engine"
    for folder in ("graph", "node"):
        shutil.copytree(root / "engine" / folder, package / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "engine" / "errors.py", package)
    for init in (package, package.parent):
        (init / "__init__.py").write_text("")
    (package / "graph" / "build.pyi").write_text(generate(registry), encoding="utf-8")
    (tmp_path / "use.py").write_text(USE)
    command = [
        sys.executable,
        "-P",
        "-m",
        "mypy",
        "--config-file=",
        "--no-incremental",
        "--hide-error-context",
        "use.py",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    lines = [line.split(": ")[0] for line in done.stdout.splitlines() if ": error:" in line]
    assert lines == [f"use.py:{number}" for number in (7, 8, 9, 10)], done.stdout + done.stderr
