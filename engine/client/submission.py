"""What may be submitted, made into a request: a graph, a builder or its wires, data, the path of a workflow file.

A file of JSON and data, in API or UI format, go to the server as they are, which knows its nodes best and names every
problem; a picture is opened here. Knows no network.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidGraph, UserError, brief
from ..graph.assign import assign
from ..graph.builder import GraphBuilder, Handle, Wire
from ..graph.codec import write_api
from ..graph.graph import Graph
from ..library import open_file, open_workflow
from ..library import registry as all_nodes
from ..node.registry import Registry

__all__ = ["Work", "read_work"]

Work = Graph | GraphBuilder | Handle | Wire | Mapping[str, Any] | str | Path | Iterable[Wire | Handle]
"""A graph; a builder, or nodes and wires of one, which are then the targets; API data; the path of a file."""


_HEAD = 4096  # bytes that tell a picture from a text


def read_work(
    what: Work, changes: Mapping[str, Any] | None = None, registry: Registry | None = None
) -> tuple[dict[str, Any], list[str] | None, str]:
    """Return the graph as API data, the ids of its targets (None: all nodes with an effect), and a title.

    changes: inputs to set, {"3.seed": 5} (see `graph.assign`). registry: node types, by default all that are installed;
    looked up only when needed. Raises UserError F001 and G021 (file), C040 to C042 (picture), G010 and G015 (wires),
    G026 and G027 (changes).
    """
    title = ""
    if isinstance(what, str | Path):
        title, what = Path(what).stem, _file(Path(what), registry)
    targets: list[str] | None = None
    if isinstance(what, Mapping):
        if not changes:
            return dict(what), None, title
        graph = open_workflow(dict(what), registry or (registry := all_nodes())).graph
    elif isinstance(what, Graph):
        graph = what
    elif isinstance(what, GraphBuilder):
        graph, registry = what.graph(), what.registry
    else:
        builder, targets = _wires([what] if isinstance(what, Handle | Wire) else list(what))
        graph, registry = builder.graph(), builder.registry
    if graph.faults:
        raise InvalidGraph(graph.faults)
    if changes:
        graph = assign(graph, changes)
    return write_api(graph, registry or all_nodes()), targets, title


def _file(path: Path, registry: Registry | None) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            is_text = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[", b"")
        if not is_text:
            return open_file(path, registry).api
        data = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError("F001", f'workflow "{path}"', "a readable file", reason, "Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise UserError("G021", f'workflow "{path}"', "JSON text in UTF-8", str(error), "Mend the file.") from error
    if not isinstance(data, dict):
        raise UserError("G021", f'workflow "{path}"', "an object of nodes", brief(data), "Mend the file.")
    return data


def _wires(items: list[Any]) -> tuple[GraphBuilder, list[str]]:
    builders: dict[int, GraphBuilder] = {}
    targets: dict[str, None] = {}
    for item in items:
        if isinstance(item, Wire):
            builder, node_id = item.builder, item.link.node
        elif isinstance(item, Handle):
            builder, node_id = item._builder, item.node_id
        else:
            fix = "Give what a builder returned, a graph, API data, or the path of a file."
            raise UserError("G015", "work", "something that can be run", brief(item), fix)
        builders[id(builder)] = builder
        targets[node_id] = None
    if len(builders) != 1:
        raise UserError("G010", "work", "outputs of one builder", f"{len(builders)} builders", "Use one builder.")
    return next(iter(builders.values())), list(targets)
