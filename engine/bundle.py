"""A workflow as one file that another machine can run: the graph, what it names, and a lock of versions and hashes.

    workflow.json      the editor's format, byte for byte where the file was in it    input/, output/, temp/
    workflow_api.json  what runs                                                      models/<folder>/, when wanted
    lock.json          versions, node versions, SHA-256 and size of every file

The folders are a data folder's, so that what was unpacked runs with `--data-dir`. Reading one is in `unbundle`.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import zipfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .comfy.document import is_ui
from .comfy.report import Note, Report
from .comfy.write_ui import to_ui
from .durable import replace_file
from .errors import UserError, brief
from .folders import IO_KINDS, Folders, safe_name, split_annotation
from .graph.graph import Graph
from .graph.interface import Interface, bind, interface
from .library import open_file
from .model_paths import model_type
from .node.registry import Registry
from .node.widget import File, Text
from .run.hashes import FileHashes
from .run.key import embeddings_in

__all__ = ["API_FILE", "FORMAT", "LOCK_FILE", "UI_FILE", "Packed", "pack"]

FORMAT = 1
UI_FILE, API_FILE, LOCK_FILE = "workflow.json", "workflow_api.json", "lock.json"

_SOFTWARE = ("torch", "numpy", "pillow", "safetensors", "tokenizers")
_HASH_SECONDS = 24 * 3600.0  # a bundle without hashes would be none, so it waits as long as it takes
_CHUNK = 1 << 20
_DATE = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes


class Packed(NamedTuple):
    """What a bundle holds. lock: as written. report: notes of reading the workflow, and what could not be packed."""

    lock: dict[str, Any]
    report: Report


class _Named(NamedTuple):
    """A file that the graph names: `place` is "folder/name", `path` None when it is not here."""

    place: str
    path: Path | None
    model: bool


def pack(source: Path, target: Path, registry: Registry, folders: Folders, *, with_models: bool = False) -> Packed:
    """Write the workflow file `source` with what it needs to the new or replaced zip `target`.

    Inputs are copied; models are named by their hash, and copied only `with_models`. What is not here is noted, and
    listed in the lock under "missing". Raises UserError as `library.open_file`, C070 when the zip cannot be written.
    """
    opened = open_file(source, registry)
    named = sorted(set(_files(_with_defaults(opened.graph, registry), registry, folders)))
    hashes = FileHashes(lambda: folders.roots("cache")[0])
    contents: dict[str, Path | bytes] = {
        UI_FILE: _ui_bytes(source, opened.api, registry),
        API_FILE: _dumped(opened.api),
    }
    files: dict[str, Any] = {}
    notes = list(opened.report)
    for entry in named:
        if entry.path is None:
            notes.append(Note("warning", "C076", None, None, f"{brief(entry.place)} is not here, so it is left out"))
            continue
        digest = hashes.of(entry.path, _HASH_SECONDS)
        included = with_models or not entry.model
        below = f"models/{entry.place}" if entry.model else entry.place
        parts = list(_parts(entry.path, below))
        size = sum(path.stat().st_size for _, path in parts)
        files[entry.place] = {"sha256": digest, "bytes": size, "included": included}
        if included:
            contents.update(parts)
    lock = {
        "format": FORMAT,
        **_versions(opened.graph, registry),
        "files": files,
        "missing": [entry.place for entry in named if entry.path is None],
    }
    contents[LOCK_FILE] = _dumped(lock)
    try:
        replace_file(target, partial(_write, contents=contents))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError("C070", f'bundle "{target.name}"', "a file that can be written", reason, "Mend it.") from error
    return Packed(lock, tuple(notes))


def _with_defaults(graph: Graph, registry: Registry) -> Graph:
    """Return the graph with what stands in it where nothing is given, so that files named there are found."""
    face = interface(graph, registry)
    given = tuple(port for port in face.inputs if not port.required)
    return bind(graph, registry, {}, ports=Interface(given))


def _files(graph: Graph, registry: Registry, folders: Folders) -> Iterator[_Named]:
    """Yield every file that a literal of the graph names."""
    for node in graph:
        spec = registry.spec(node.type)
        for entry in () if spec is None else spec.inputs:
            value = node.inputs.get(entry.name, entry.default)
            if not isinstance(value, str) or not value:
                continue
            if isinstance(entry.widget, File):
                folder, name = entry.widget.folder, value
                if folder in IO_KINDS:
                    folder, name = split_annotation(value, folder)
                yield _named(folders, folder, name)
            elif isinstance(entry.widget, Text) and entry.widget.prompt:
                for names in embeddings_in(value):
                    found = [_named(folders, "embeddings", name) for name in names]
                    yield next((item for item in found if item.path is not None), found[0])


def _named(folders: Folders, folder: str, name: str) -> _Named:
    model = folder not in IO_KINDS
    try:
        plain = safe_name(name)
        path = folders.look(folder, plain)
    except UserError:  # a name that leaves its folder is nothing that can be packed
        return _Named(f"{folder}/{name[:200]}", None, model)
    return _Named(f"{model_type(folder)}/{plain}", path, model)


def _parts(path: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Yield (name in the zip, path) of a file, or of every file of a model that is a folder."""
    if not path.is_dir():
        yield name, path
        return
    for file in sorted(entry for entry in path.rglob("*") if entry.is_file()):
        yield f"{name}/{file.relative_to(path).as_posix()}", file


def _ui_bytes(source: Path, api: dict[str, Any], registry: Registry) -> bytes:
    """Return the editor's document: the file itself where it is one, else one that is drawn."""
    try:
        content = source.read_bytes()
        if is_ui(json.loads(content.decode("utf-8-sig"))):
            return content
    except (OSError, ValueError, RecursionError):
        pass  # a picture
    return _dumped(to_ui(api, registry))


def _versions(graph: Graph, registry: Registry) -> dict[str, Any]:
    nodes: dict[str, int] = {}
    unknown: set[str] = set()
    packs: dict[str, str | None] = {}
    own = __package__.partition(".")[0]
    for kind in {node.type for node in graph}:
        spec = registry.spec(kind)
        if spec is None:
            unknown.add(kind)
            continue
        nodes[spec.id] = spec.version
        top = spec.module.partition(".")[0]
        if top != own:
            packs[top] = _version(top)
    return {
        "latentloom": _own_version(),
        "python": platform.python_version(),
        "software": {name: version for name in _SOFTWARE if (version := _version(name)) is not None},
        "packs": dict(sorted(packs.items())),
        "nodes": dict(sorted(nodes.items())),
        "unknown": sorted(unknown),
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None


def _own_version() -> str:
    from .. import __version__

    return __version__


def _dumped(data: Any) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=True) + "\n").encode("utf-8", "surrogatepass")


def _write(path: Path, contents: dict[str, Path | bytes]) -> None:
    """Write the zip; what is packed already (pictures, weights) is stored as it is."""
    with zipfile.ZipFile(path, "w") as bundle:
        for name in _ordered(contents):
            content = contents[name]
            info = zipfile.ZipInfo(name, _DATE)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED if isinstance(content, bytes) else zipfile.ZIP_STORED
            with bundle.open(info, "w", force_zip64=not isinstance(content, bytes)) as out:
                if isinstance(content, bytes):
                    out.write(content)
                    continue
                with content.open("rb") as file:
                    while chunk := file.read(_CHUNK):
                        out.write(chunk)


def _ordered(names: Iterable[str]) -> list[str]:
    """Return the documents first, so that a look at a large bundle need not search."""
    first = (LOCK_FILE, UI_FILE, API_FILE)
    return [*first, *sorted(name for name in names if name not in first)]
