"""The manifest: what node modules declare, as JSON with each module's fingerprint, so that nothing need be imported.

`load` makes a Registry of it. A module whose file has changed since is imported in another process, once, and the
result kept in the user's cache folder. Knows no node by name; never imports a node module itself, except in `build`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ..durable import replace_file
from ..errors import UserError
from .discover import NodeModule, declared, discover_modules, find_folders, find_modules, modules_in_package
from .registry import PackFailure, Registry

__all__ = ["FORMAT", "Manifest", "build", "fingerprint", "load", "read", "refresh", "stale", "write"]

FORMAT = 2
_TIMEOUT = 300  # seconds for importing changed modules; torch alone may take 30 on a cold disk

Manifest = dict[str, Any]
"""{"format": FORMAT, "modules": {name: {"fingerprint": hex, "nodes": [spec as JSON, ...]}}}"""


def fingerprint(file: str | Path) -> str:
    """Return the SHA-256 of a source file, the same whatever its line ends. Raises OSError."""
    return hashlib.sha256(Path(file).read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def build(packages: Iterable[str]) -> Manifest:
    """Import every module of `packages` and return their manifest. Raises what a module raises."""
    modules: dict[str, Any] = {}
    for package in packages:
        for entry in modules_in_package(package):
            nodes = [function.__node__.as_json() for function in declared(import_module(entry.name))]  # type: ignore[attr-defined]
            modules[entry.name] = {"fingerprint": fingerprint(entry.file), "nodes": nodes}
    return {"format": FORMAT, "modules": modules}


def write(manifest: Manifest, path: str | Path) -> None:
    """Write a manifest, whole or not at all; equal manifests give equal bytes. Raises OSError."""
    content = dumps(manifest).encode()
    replace_file(Path(path), lambda partial: partial.write_bytes(content))


def dumps(manifest: Manifest) -> str:
    """Return the manifest as text: one node a line, so that a change shows as one line."""
    lines = []
    for name, module in sorted(manifest["modules"].items()):
        nodes = ",\n".join(f"   {json.dumps(node, sort_keys=True)}" for node in module["nodes"])
        body = f"[\n{nodes}\n  ]" if nodes else "[]"
        lines.append(f'  {json.dumps(name)}: {{"fingerprint": "{module["fingerprint"]}", "nodes": {body}}}')
    return f'{{"format": {manifest["format"]}, "modules": {{\n' + ",\n".join(lines) + "\n}}\n"


def read(path: str | Path) -> Manifest:
    """Read a manifest; an absent, damaged or older one is as good as an empty one."""
    try:
        data = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("modules"), dict):
        return {"format": FORMAT, "modules": {}}
    return data


def stale(manifest: Manifest, packages: Iterable[str]) -> tuple[str, ...]:
    """Return the modules of `packages` that the manifest lacks, has from another file, or has in vain."""
    modules: Mapping[str, Any] = manifest["modules"]
    names = tuple(packages)
    present, _ = find_modules(names)
    known = {entry.name for entry in present}
    changed = [entry.name for entry in present if not _is_fresh(modules.get(entry.name), entry)]
    gone = [name for name in modules if name not in known and any(_inside(name, package) for package in names)]
    return (*changed, *gone)


def load(
    packages: Iterable[str],
    path: str | Path | None = None,
    cache_folder: Path | None = None,
    folders: Iterable[Path] = (),
    *,
    ask: bool = True,
) -> Registry:
    """Return the registry of `packages` and of the packs in `folders` without importing a node module here.

    path: the manifest that came with the package. cache_folder: where newer facts are kept; None keeps them nowhere.
    Modules that neither knows are imported in another process; one that fails there is listed in `failures`, and
    tried again at the next start, as what it lacks may be there by then.
    """
    known: dict[str, Any] = read(path)["modules"] if path is not None else {}
    present, failures = find_modules(packages)
    in_folders, unreadable = find_folders(folders)
    present += in_folders
    failures += unreadable
    pending = [entry for entry in present if not _is_fresh(known.get(entry.name), entry)]
    if pending:
        kept = cache_folder / "manifest.json" if cache_folder is not None else None
        cached: dict[str, Any] = read(kept)["modules"] if kept is not None else {}
        refreshed = [entry for entry in pending if not _is_fresh(cached.get(entry.name), entry)]
        if refreshed and ask:
            fresh, failed = refresh(refreshed)
            failures += failed
            cached.update(fresh)
            if kept is not None and fresh:
                kept.parent.mkdir(parents=True, exist_ok=True)
                write({"format": FORMAT, "modules": cached}, kept)
        known = {**known, **{entry.name: cached[entry.name] for entry in pending if entry.name in cached}}
    registry = Registry()
    unread: list[str] = []
    for entry in present:
        if not _is_fresh(known.get(entry.name), entry):
            unread.append(entry.name)
            continue
        for node in known[entry.name]["nodes"]:
            try:
                registry.add_unread(node, path=entry.path)
            except UserError as error:
                failures.append(PackFailure(entry.name, entry.file, str(error), ""))
    registry.failures = tuple(failures)
    registry.unread = () if ask else tuple(unread)
    return registry


def refresh(modules: Iterable[NodeModule]) -> tuple[dict[str, Any], list[PackFailure]]:
    """Import `modules` in another process and return what they declare, and what failed there."""
    import subprocess  # only here: it would cost every start a few milliseconds

    asked = tuple(modules)
    code = "import sys, json; from importlib import import_module; a = json.loads(sys.argv[1]); sys.path[:] = a[0]; "
    code += "import_module(a[1]).answer(a[2])"
    argument = json.dumps([sys.path, __name__, asked])
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, argument],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_TIMEOUT,
            check=False,
        )
        found = json.loads(done.stdout.rpartition("\n")[2] or "null")
        trace = done.stderr
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        found, trace = None, str(error)
    if not isinstance(found, dict) and len(asked) > 1:
        # One of them ended the process or hung: ask for each alone, so that the rest are not lost with it.
        answers = [refresh([entry]) for entry in asked]
        return {k: v for fresh, _ in answers for k, v in fresh.items()}, [f for _, failed in answers for f in failed]
    if not isinstance(found, dict):
        reason = trace.strip().rpartition("\n")[2] or "the process that imports it ended without an answer"
        return {}, [PackFailure(entry.name, entry.file, reason, trace) for entry in asked]
    failures = [PackFailure(*entry) for entry in found["failures"]]
    failed = {failure.name for failure in failures}
    fresh = {
        entry.name: {"fingerprint": _fingerprint_of(entry), "nodes": found["nodes"][entry.name]}
        for entry in asked
        if entry.name not in failed and entry.name.rpartition(".")[0] not in failed
    }
    return fresh, failures


def answer(modules: list[tuple[str, str, str | None]]) -> None:
    """Import these modules and write what they declare as the last line of standard output (see `refresh`)."""
    output = sys.stdout
    sys.stdout = sys.stderr  # what a pack prints must not mix with the answer
    asked = [NodeModule(*entry) for entry in modules]
    registry = discover_modules(asked)
    nodes: dict[str, list[Any]] = {entry.name: [] for entry in asked}
    for spec in registry:
        nodes[spec.module].append(spec.as_json())
    output.write("\n" + json.dumps({"nodes": nodes, "failures": registry.failures}))
    output.flush()


def _is_fresh(module: Any, entry: NodeModule) -> bool:
    try:
        return bool(module["fingerprint"] == _fingerprint_of(entry) and isinstance(module["nodes"], list))
    except (OSError, KeyError, TypeError):
        return False


def _fingerprint_of(entry: NodeModule) -> str:
    """Return a module's fingerprint; of a pack that is a folder, one of all its source files. Raises OSError."""
    package = Path(entry.path) if entry.path is not None else None
    if package is None or not package.is_dir():
        return fingerprint(entry.file)
    # What a module of somebody's pack declares may hang on any other file of it.
    files = sorted(package.rglob("*.py"))
    listing = [f"{file.relative_to(package).as_posix()} {fingerprint(file)}" for file in files]
    return hashlib.sha256("\n".join(listing).encode("utf-8", "surrogateescape")).hexdigest()


def _inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
