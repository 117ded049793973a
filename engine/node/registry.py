"""Registry: the node types one engine knows, as a value that is passed along.

Specs come from imported functions or, unread, from a manifest; code is imported when a node first runs. Knows nothing
of graphs; imports no node by itself.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ..errors import NodeBug, UserError
from .spec import NodeSpec, from_json

__all__ = ["PackFailure", "Registry", "load_module"]

Function = Callable[..., Any]


class PackFailure(NamedTuple):
    """A module or pack that could not be loaded; the others load all the same."""

    name: str
    path: str
    error: str
    traceback: str

    def __str__(self) -> str:
        return f"{self.path or self.name} could not be loaded: {self.error}"


def load_module(name: str, path: str | None = None) -> ModuleType:
    """Import `name`; with `path`, load that file or package folder under this name instead. Raises what it raises.

    A dotted `name` is a module inside the package folder `path`, which is loaded first.
    """
    if path is not None and "." in name:
        load_module(name.partition(".")[0], path)
        path = None
    if path is None or name in sys.modules:
        return importlib.import_module(name)
    place = Path(path)
    is_package = place.is_dir()
    spec = importlib.util.spec_from_file_location(
        name,
        place / "__init__.py" if is_package else place,
        submodule_search_locations=[str(place)] if is_package else None,
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no Python source at {path}", name=name, path=path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before running it, so that its own sub-modules find their parent
    loaded = False
    try:
        spec.loader.exec_module(module)
        loaded = True
    finally:
        if not loaded:
            del sys.modules[name]
    return module


class Registry:
    """Node types by id. Adding a type in use changes what later graphs see, never a graph already checked."""

    def __init__(self, nodes: Iterable[Function | NodeSpec] = (), failures: Iterable[PackFailure] = ()) -> None:
        """Take `nodes` as `add` does. Raises UserError N002 when two claim one id."""
        self._specs: dict[str, NodeSpec] = {}
        self._unread: dict[str, Mapping[str, Any]] = {}  # manifest entries, turned into specs when asked for
        self._functions: dict[str, Function] = {}
        self._former: dict[str, str] = {}
        self._paths: dict[str, str] = {}  # module -> file, for modules that a plain import does not find
        self._derived: dict[str, dict[str, Any]] = {}
        self.failures: tuple[PackFailure, ...] = tuple(failures)
        self.unread: tuple[str, ...] = ()
        """Modules that may declare nodes but were not asked (see `manifest.load` with `ask=False`)."""
        for item in nodes:
            self.add(item)

    def add(self, item: Function | NodeSpec, *, replace: bool = False, path: str | None = None) -> None:
        """Add a declared function, or a spec whose module is imported later (from `path` if given).

        Raises UserError N002 when another node has its id, unless `replace`; NodeBug N001 for an undeclared function.
        """
        spec = item if isinstance(item, NodeSpec) else getattr(item, "__node__", None)
        if not isinstance(spec, NodeSpec):
            name = getattr(item, "__qualname__", repr(item))
            raise NodeBug("N001", name, "a function declared with @node", "none", "Decorate it with @node.")
        self._claim(spec.id, spec.module, spec.former_ids, replace, path)
        self._specs[spec.id] = spec
        if not isinstance(item, NodeSpec):
            self._functions[spec.id] = item

    def add_unread(self, entry: Mapping[str, Any], *, replace: bool = False, path: str | None = None) -> None:
        """Add a spec as JSON data (see `NodeSpec.as_json`) without reading it yet. Raises UserError N002, KeyError."""
        self._claim(entry["id"], entry["module"], entry["former_ids"], replace, path)
        self._unread[entry["id"]] = entry

    def _claim(self, node_id: str, module: str, former: Iterable[str], replace: bool, path: str | None) -> None:
        if node_id in self and not replace:
            other = self.spec(node_id)
            place = "another module" if other is None else other.module
            raise UserError(
                "N002",
                f"node {node_id} of {module}",
                "an id of its own",
                f"the id of a node of {place}",
                "Rename one of them, or load only one of the packs.",
            )
        for table in (self._specs, self._unread, self._functions):
            table.pop(node_id, None)
        if path is not None:
            self._paths[module] = path
        for old in former:
            self._former.setdefault(old, node_id)
        self._derived.clear()

    def resolve(self, node_id: str) -> str | None:
        """Return the present id of a present or former id, or None."""
        if node_id in self._specs or node_id in self._unread:
            return node_id
        return self._former.get(node_id)

    def spec(self, node_id: str) -> NodeSpec | None:
        """Return the spec of a present or former id, or None."""
        spec = self._specs.get(node_id)
        if spec is not None:
            return spec
        entry = self._unread.get(node_id)
        if entry is not None:
            spec = from_json(entry)
            self._specs[node_id] = spec
            return spec
        present = self._former.get(node_id)
        return None if present is None else self.spec(present)

    def function(self, node_id: str) -> Function:
        """Return the node's function, importing its module on first use.

        Raises UserError G001 for an unknown id, NodeBug N003 when the module no longer holds the function, and
        whatever the module raises when it is imported.
        """
        present = self.resolve(node_id)
        if present is None:
            raise unknown_node(node_id, self.nearest(node_id), self.failures)
        function = self._functions.get(present)
        if function is None:
            spec = self.spec(present)
            assert spec is not None
            module = load_module(spec.module, self._paths.get(spec.module))
            found: Any = module
            for part in spec.function.split("."):
                found = getattr(found, part, None)
            if getattr(getattr(found, "__node__", None), "id", None) != present:
                raise NodeBug(
                    "N003",
                    f"node {present}",
                    f"the function {spec.function} in {spec.module}",
                    "none",
                    "Rebuild the manifest: the module has changed since.",
                )
            function = self._functions[present] = found
        return function

    def needs(self, node_id: str) -> Callable[..., Iterable[str]] | None:
        """Return the function that names the lazy inputs wanted now, or None. Raises as `function` does."""
        found: Callable[..., Iterable[str]] | None = getattr(self.function(node_id), "__needs__", None)
        return found

    @property
    def ids(self) -> tuple[str, ...]:
        """All present ids, sorted."""
        return tuple(sorted({*self._specs, *self._unread}))

    def nearest(self, node_id: str, count: int = 3) -> tuple[str, ...]:
        """Return up to `count` known ids that look like `node_id`."""
        return nearest(node_id, self.ids, count)

    def derived(self, name: str) -> dict[str, Any]:
        """Return a table where a caller keeps what it derives from specs; emptied whenever a node is added."""
        table = self._derived.get(name)
        if table is None:
            table = self._derived.setdefault(name, {})
        return table

    def copy(self) -> Registry:
        """Return an independent registry with the same nodes."""
        twin = Registry(failures=self.failures)
        twin._specs = dict(self._specs)
        twin._unread = dict(self._unread)
        twin._functions = dict(self._functions)
        twin._former = dict(self._former)
        twin._paths = dict(self._paths)
        return twin

    def path_of(self, module: str) -> str | None:
        """Return the file a module was loaded from, for modules that a plain import does not find."""
        return self._paths.get(module)

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._specs or node_id in self._unread

    def __len__(self) -> int:
        return len({*self._specs, *self._unread})

    def __iter__(self) -> Iterator[NodeSpec]:
        for node_id in self.ids:
            spec = self.spec(node_id)
            assert spec is not None
            yield spec

    def __repr__(self) -> str:
        return f"Registry({len(self)} nodes, {len(self.failures)} failures)"


def nearest(word: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """Return up to `count` of `known` that look like `word`, the most alike first, whatever their case."""
    folded: dict[str, str] = {}
    for name in known:
        folded.setdefault(name.casefold(), name)
    # Longer words cost quadratic time and are never a slip of the hand.
    found = difflib.get_close_matches(word[:60].casefold(), folded, count, 0.6)
    return tuple(folded[name] for name in found)


def unknown_node(node_id: str, near: tuple[str, ...], failures: tuple[PackFailure, ...] = ()) -> UserError:
    """Return the error for a node id that no pack declares; a pack that failed to load may be the reason."""
    hint = f"Did you mean {' or '.join(near)}?" if near else "Install the pack that brings it, or choose another node."
    if failures:
        # A module that names the node in its text is the likely one.
        likely = [failure for failure in failures if _mentions(failure.path, node_id)] or list(failures)
        hint += "".join(f" {_short(_brief_failure(failure))}." for failure in likely[:2])
        hint += f" {len(likely) - 2} more packs failed too." if len(likely) > 2 else ""
    return UserError("G001", f'node type "{node_id[:80]}"', "a known node type", "none of this name", hint)


def _brief_failure(failure: PackFailure) -> str:
    """Return the failure without the folder it lies in: the message may go to whoever reaches the server."""
    name = Path(failure.path).name or failure.name
    folder = str(Path(failure.path).parent) if failure.path else ""
    error = failure.error.replace(folder + os.sep, "") if len(folder) > 1 else failure.error
    return f"{name} could not be loaded: {error}"


def _mentions(path: str, node_id: str) -> bool:
    try:
        return bool(path and node_id) and node_id.encode() in Path(path).read_bytes()
    except (OSError, ValueError):
        return False


def _short(text: str, limit: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
