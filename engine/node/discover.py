"""Finds node modules and makes a Registry of them by importing them: packages, entry points, folders of files.

A module that fails to import becomes a `PackFailure` with its traceback; the rest load. This is one of the two broad
`except` of the engine: a pack may raise anything while it is imported. Knows no node by name.
"""

from __future__ import annotations

import hashlib
import importlib.util
import pkgutil
import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ..errors import LatentloomError
from .registry import PackFailure, Registry, load_module
from .spec import NodeSpec

__all__ = [
    "ENTRY_POINTS",
    "NodeModule",
    "declared",
    "discover",
    "discover_modules",
    "find_folders",
    "find_modules",
    "installed_packs",
    "modules_in_folder",
    "modules_in_package",
]

ENTRY_POINTS = "latentloom.nodes"


class NodeModule(NamedTuple):
    """One module that may declare nodes; `path` is set when it must be loaded from this file or package folder."""

    name: str
    file: str
    path: str | None = None


def discover(packages: Iterable[str] = (), folders: Iterable[Path | str] = (), entry_points: bool = True) -> Registry:
    """Import every node module of `packages`, of the installed entry points and of `folders`, in this order.

    An id that is already taken goes to `failures`: an earlier pack wins. Never raises for a broken pack.
    """
    registry = Registry()
    failures: list[PackFailure] = []
    for package in packages:
        _attempt(package, "", partial(_add_package, registry, failures, package), failures)
    for package in installed_packs() if entry_points else ():
        _attempt(package, "", partial(_add_package, registry, failures, package), failures)
    for folder in folders:
        _attempt(str(folder), str(folder), partial(_add_folder, registry, failures, Path(folder)), failures)
    registry.failures = tuple(failures)
    return registry


def installed_packs() -> tuple[str, ...]:
    """Return the packages that installed distributions name under the entry point group, sorted."""
    import importlib.metadata  # only here: it costs 15 ms, which a start without packs need not spend

    points = importlib.metadata.entry_points(group=ENTRY_POINTS)
    return tuple(sorted({point.value.partition(":")[0].strip() for point in points}))


def discover_modules(modules: Iterable[NodeModule]) -> Registry:
    """Import these modules and return their nodes. Never raises for a broken module."""
    registry = Registry()
    failures: list[PackFailure] = []
    _add_modules(registry, failures, modules)
    registry.failures = tuple(failures)
    return registry


def find_modules(packages: Iterable[str]) -> tuple[list[NodeModule], list[PackFailure]]:
    """List the modules of `packages` without importing them, and the packages that cannot be found. Never raises."""
    found: list[NodeModule] = []
    failures: list[PackFailure] = []
    for package in packages:
        # Looking for "a.b" imports "a", which may raise anything.
        _attempt(package, "", partial(_extend, found, package), failures)
    return found, failures


def _extend(found: list[NodeModule], package: str) -> None:
    found += modules_in_package(package)


def find_folders(folders: Iterable[Path]) -> tuple[list[NodeModule], list[PackFailure]]:
    """List the modules of folders of packs without importing them, and the folders that cannot be read."""
    found: list[NodeModule] = []
    failures: list[PackFailure] = []
    for folder in folders:
        try:
            found += modules_in_folder(folder)
        except OSError as error:
            failures.append(PackFailure(str(folder), str(folder), f"no folder to read: {error.strerror}", ""))
    return found, failures


def modules_in_package(package: str) -> tuple[NodeModule, ...]:
    """List a package's own module and its public sub-modules without importing them. Raises ModuleNotFoundError."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    found = [NodeModule(package, spec.origin or "")]
    for entry in pkgutil.iter_modules(spec.submodule_search_locations or ()):
        if not entry.name.startswith("_"):
            place = Path(getattr(entry.module_finder, "path", "")) / entry.name
            file = place / "__init__.py" if entry.ispkg else place.with_suffix(".py")
            found.append(NodeModule(f"{package}.{entry.name}", str(file)))
    return tuple(found)


def modules_in_folder(folder: Path) -> tuple[NodeModule, ...]:
    """List the `.py` files of `folder` and its packages with their public modules, by name, importing none.

    Names that begin with "." or "_" or end in ".disabled" are left out. Raises OSError.
    """
    found = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "_")) or entry.name.endswith(".disabled"):
            continue
        file = entry / "__init__.py" if entry.is_dir() else entry
        if file.suffix == ".py" and file.is_file():
            # The name must be the same in every process that loads this file, and differ between equal stems.
            stem = re.sub(r"\W", "_", entry.stem)
            digest = hashlib.sha256(str(entry.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:8]
            name = f"loompack_{stem}_{digest}"
            found.append(NodeModule(name, str(file), str(entry)))
            found += _modules_inside(name, entry) if entry.is_dir() else []
    return tuple(found)


def _modules_inside(name: str, package: Path) -> list[NodeModule]:
    found = []
    for entry in pkgutil.iter_modules([str(package)]):
        if not entry.name.startswith("_"):
            file = package / entry.name / "__init__.py" if entry.ispkg else package / f"{entry.name}.py"
            found.append(NodeModule(f"{name}.{entry.name}", str(file), str(package)))
    return found


def declared(module: ModuleType) -> Iterator[Callable[..., Any]]:
    """Yield the functions that `module` itself declares as nodes, in the order written."""
    for value in tuple(vars(module).values()):
        spec = getattr(value, "__node__", None)
        if isinstance(spec, NodeSpec) and spec.module == module.__name__:
            yield value


def _add_package(registry: Registry, failures: list[PackFailure], package: str) -> None:
    _add_modules(registry, failures, modules_in_package(package))


def _add_folder(registry: Registry, failures: list[PackFailure], folder: Path) -> None:
    _add_modules(registry, failures, modules_in_folder(folder))


def _add_modules(registry: Registry, failures: list[PackFailure], modules: Iterable[NodeModule]) -> None:
    for module in modules:
        if module.path is not None and any(module.name.startswith(f"{failure.name}.") for failure in failures):
            continue  # the package it is in has failed: one message is enough
        _attempt(module.name, module.file, partial(_add_module, registry, failures, module), failures)


def _add_module(registry: Registry, failures: list[PackFailure], module: NodeModule) -> None:
    for function in declared(load_module(module.name, module.path)):
        _attempt(module.name, module.file, partial(registry.add, function, path=module.path), failures)


def _attempt(name: str, path: str, action: Callable[[], None], failures: list[PackFailure]) -> None:
    try:
        action()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a pack may raise anything; that is a value here
        text = str(error) if isinstance(error, LatentloomError) else f"{type(error).__name__}: {error}"
        failures.append(PackFailure(name, path, text, "".join(traceback.format_exception(error))))
