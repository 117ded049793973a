"""Models that a workflow names by names that are not here: each replaced by the file that is meant, and told of.

What to look for by hash comes from `properties.models` of a UI file or from a picture's provenance. What a person chose
is kept in `user/default/loom.remap.json`. Opens no model file; hashes come from the caller.

    C050 another file stands in for the one named    C051 no file here is the one named
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..durable import replace_file
from ..errors import UserError, brief
from ..folders import Folders, safe_name
from ..graph.graph import Graph, Node
from ..model_match import Match, ModelNames
from ..model_paths import model_type
from ..node.registry import Registry
from ..node.widget import File
from .report import Note, Report

__all__ = ["REMAP", "forget", "remember", "remembered", "resolve_models", "wanted_hashes"]

REMAP = "default/loom.remap.json"  # below the folder "user", where ComfyUI's page may read it too
_IO = ("input", "output", "temp")
_MOST = 10_000  # entries read of one file
_LARGEST = 4 << 20  # bytes of the remap's file
_GUESSES = 50  # different names for which like ones are looked for: each look costs milliseconds
_HEX = re.compile(r"[0-9a-f]{64}")
_HOW = {
    "remembered": "as was chosen before",
    "hash": "which has the hash recorded for it",
    "name": "which has the same name in another folder",
    "like": "which has nearly the same name",
}

FolderHash = Callable[[Path], str | None]
"""The SHA-256 (hex) of a file, None where it is not known without waiting."""


def resolve_models(
    graph: Graph,
    registry: Registry,
    folders: Folders,
    *,
    hashes: Callable[[], Mapping[str, str]] | None = None,
    hash_of: FolderHash | None = None,
) -> tuple[Graph, Report]:
    """Return the graph with the models that are here, and a note for each that was replaced or not found.

    hashes: gives SHA-256 by "folder/name" (`wanted_hashes`), asked for when a model is not here. hash_of: of files
    that are. Never raises.
    """
    names: dict[str, ModelNames] = {}
    chosen: Mapping[str, str] | None = None
    recorded: Mapping[str, str] = {}
    found: dict[tuple[str, str], Match] = {}
    changes: list[Node] = []
    notes: list[Note] = []
    for node, entry, folder, name in _named(graph, registry):
        try:
            if folders.look(folder, name) is not None:
                continue
            kind = model_type(folder)
            if kind not in names:
                names[kind] = ModelNames(folders.names(kind))
        except (UserError, OSError):
            continue  # validation says what is wrong with the name
        if chosen is None:
            chosen = remembered(folders)
            recorded = hashes() if hashes is not None else {}
        match = found.get((kind, name))
        if match is None:
            place = f"{kind}/{name.replace(chr(92), '/')}"
            match = found[kind, name] = names[kind].match(
                name,
                sha256=recorded.get(place),
                hash_of=_in_folder(folders, kind, hash_of),
                remembered=chosen.get(place),
                guess=len(found) < _GUESSES,
            )
        if match.found is None:
            near = f"; like it: {', '.join(match.near)}" if match.near else ""
            text = f'no file of the folder "{kind}" is {brief(name)}{near}'
            notes.append(Note("warning", "C051", node.id, node.type, text))
            continue
        changes.append(node._replace(inputs={**node.inputs, entry: match.found}))
        if match.how != "same":  # another separator is no other file
            text = f"{brief(match.found)} stands in for {brief(name)}, {_HOW[match.how]}"
            notes.append(Note("info" if match.how == "hash" else "warning", "C050", node.id, node.type, text))
    return _merged(graph, changes), tuple(notes)


def wanted_hashes(ui: Any = None, provenance: Any = None) -> dict[str, str]:
    """Return the SHA-256 by "folder/name" that a UI file's nodes or a picture's provenance record. Never raises."""
    found: dict[str, str] = {}
    for entry in _recorded(ui):
        name, folder, value = entry.get("name"), entry.get("directory"), entry.get("hash")
        kind = entry.get("hash_type")
        if not (isinstance(name, str) and isinstance(folder, str) and isinstance(value, str)):
            continue
        if (kind is None or str(kind).casefold() in ("sha256", "sha-256")) and _HEX.fullmatch(value.lower()):
            found[f"{model_type(folder)}/{name.replace(chr(92), '/')}"] = value.lower()
    files = provenance.get("files") if isinstance(provenance, Mapping) else None
    for place, value in list(files.items())[:_MOST] if isinstance(files, Mapping) else ():
        kind, _, digest = value.partition(":") if isinstance(value, str) else ("", "", "")
        if isinstance(place, str) and kind == "sha256" and _HEX.fullmatch(digest):
            folder, _, name = place.partition("/")
            found[f"{model_type(folder)}/{name.replace(chr(92), '/')}"] = digest
    return found


def remembered(folders: Folders) -> dict[str, str]:
    """Return what was chosen before: "folder/name" as workflows say it, to the name here; {} for a spoilt file."""
    path = folders.roots("user")[0] / REMAP
    try:
        data = json.loads(path.read_bytes()) if path.stat().st_size <= _LARGEST else None
    except (OSError, ValueError, RecursionError):
        return {}
    models = data.get("models") if isinstance(data, dict) else None
    if not isinstance(models, dict):
        return {}
    return {key: value for key, value in list(models.items())[:_MOST] if isinstance(value, str)}


def remember(folders: Folders, folder: str, name: str, found: str) -> None:
    """Keep that `name` of `folder` means the file `found` from now on. Raises UserError F001, F002, F003."""
    folders.find(folder, found)
    _write(folders, {**remembered(folders), f"{model_type(folder)}/{safe_name(name)}": found})


def forget(folders: Folders, folder: str, name: str) -> None:
    """Drop what was chosen for `name`; nothing happens when there is nothing. Raises UserError F002."""
    kept = remembered(folders)
    if kept.pop(f"{model_type(folder)}/{safe_name(name)}", None) is not None:
        _write(folders, kept)


def _write(folders: Folders, models: Mapping[str, str]) -> None:
    text = json.dumps({"format": 1, "models": dict(sorted(models.items()))}, indent=1)
    replace_file(folders.target("user", REMAP), lambda partial: partial.write_text(text, encoding="utf-8"))


def _named(graph: Graph, registry: Registry) -> Iterator[tuple[Node, str, str, str]]:
    """Yield (node, input, folder, name) of each literal that names a model file."""
    inputs: dict[str, list[tuple[str, str]]] = {}
    for node in graph:
        if node.type not in inputs:
            spec = registry.spec(node.type)
            entries = () if spec is None else spec.inputs
            inputs[node.type] = [
                (entry.name, entry.widget.folder)
                for entry in entries
                if isinstance(entry.widget, File) and entry.widget.folder not in _IO
            ]
        for entry, folder in inputs[node.type]:
            value = node.inputs.get(entry)
            if isinstance(value, str) and value:
                yield node, entry, folder, value


def _merged(graph: Graph, changes: list[Node]) -> Graph:
    """Return the graph with all changes; a node may have several."""
    merged: dict[str, Node] = {}
    for node in changes:
        before = graph[node.id].inputs
        new = {name: value for name, value in node.inputs.items() if before.get(name) != value}
        known = merged.get(node.id, graph[node.id])
        merged[node.id] = known._replace(inputs={**known.inputs, **new})
    return graph.with_nodes(*merged.values()) if merged else graph


def _in_folder(folders: Folders, kind: str, hash_of: FolderHash | None) -> Callable[[str], str | None] | None:
    if hash_of is None:
        return None

    def ask(name: str) -> str | None:
        path = folders.look(kind, name)
        return None if path is None else hash_of(path)

    return ask


def _recorded(ui: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the model records of a UI file: of the root, its nodes and those of its subgraphs."""
    waiting, count = [ui], 0
    while waiting:
        layer = waiting.pop()
        if not isinstance(layer, Mapping):
            continue
        nodes = layer.get("nodes")
        owners = [layer]
        for node in nodes if isinstance(nodes, list) else ():
            properties = node.get("properties") if isinstance(node, Mapping) else None
            if isinstance(properties, Mapping):
                owners.append(properties)
        for owner in owners:
            models = owner.get("models")
            for entry in models if isinstance(models, list) else ():
                if isinstance(entry, Mapping) and count < _MOST:
                    count += 1
                    yield entry
        definitions = layer.get("definitions")
        inner = definitions.get("subgraphs") if isinstance(definitions, Mapping) else None
        waiting += inner if isinstance(inner, list) else []
