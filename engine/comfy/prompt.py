"""The body of ComfyUI's POST /prompt: read, checked as ComfyUI checks it, and made fit for our engine.

A bad branch does not hold up the good ones: it is left out and reported. What our own validation refuses but ComfyUI
would bend into shape is bent first (see `mend`). Knows no queue and no network; never recurses.
Differs: a required widget value that is left out takes its default, where ComfyUI refuses the node; a prompt may be in
the UI format too, which ComfyUI refuses.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import Problem, brief
from ..graph.codec import read_api
from ..graph.facets import FacetReader
from ..graph.graph import Graph
from ..graph.order import ancestors
from ..graph.validate import examine
from ..node.context import Files
from ..node.registry import Registry
from .convert import open_workflow
from .document import is_ui
from .faults import downstream, node_errors
from .mend import mended
from .runnable import runnable

__all__ = ["Accepted", "Refused", "accept"]

_MAX_ID = 200  # characters of a job's or client's id, as the store keeps them
_MAX_NUMBER = 1e12  # beyond it, steps of one would vanish in a double; larger ones count as this
# Keys to somebody else's paid service: nothing here needs them, and what is stored and shown must not hold them.
_SECRETS = ("auth_token_comfy_org", "api_key_comfy_org")


@dataclass(frozen=True, slots=True)
class Accepted:
    """What may be queued.

    graph: API data of the branches that will run; the very object received when nothing had to be changed.
    targets: the output nodes, in file order. node_errors: of branches left out. number: None when the caller gave none.
    """

    graph: dict[str, Any]
    targets: tuple[str, ...]
    node_errors: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    client_id: str | None = None
    prompt_id: str | None = None
    number: float | None = None
    front: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing was queued: an HTTP status and ComfyUI's two parts of the answer."""

    status: int
    error: dict[str, Any]
    node_errors: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON."""
        return {"error": self.error, "node_errors": self.node_errors}


def accept(
    document: Any, registry: Registry, files: Files | None = None, facets: FacetReader | None = None
) -> Accepted | Refused:
    """Check a request body (parsed JSON); never raises for anything in it and never changes it.

    files, facets: where names of files and their headers are looked up; None skips these checks.
    """
    if not isinstance(document, Mapping):
        return _refused("invalid_prompt", "The body is no JSON object", brief(document))
    if document.get("prompt") is None:
        return _refused("no_prompt", "No prompt was given", 'The graph belongs under "prompt".')
    given = _envelope(document)
    if isinstance(given, Refused):
        return given
    table = document["prompt"]
    if not isinstance(table, dict):
        return _refused("invalid_prompt", "The prompt is no object of nodes", brief(table))
    if is_ui(table):
        table = _converted(table, registry, given)
    missing = _missing_type(table, registry)
    if missing is not None:
        return missing
    wanted = _outputs(table, registry, document.get("partial_execution_targets"))
    if not wanted:
        details = "No node of it saves, previews or trains, or none was asked for."
        return _refused("prompt_no_outputs", "The prompt has no outputs", details)
    return _settle(table, wanted, given, registry, files, facets)


def _envelope(document: Mapping[str, Any]) -> dict[str, Any] | Refused:
    """Read what stands beside the graph."""
    prompt_id, number, client_id = document.get("prompt_id"), document.get("number"), document.get("client_id")
    extra = document.get("extra_data")
    if prompt_id is not None:
        prompt_id = str(prompt_id) if isinstance(prompt_id, (str, int)) and not isinstance(prompt_id, bool) else ""
        if not prompt_id or len(prompt_id) > _MAX_ID or not prompt_id.isprintable():
            details = f"Give 1 to {_MAX_ID} printable characters, or none."
            return _refused("invalid_prompt_id", "The prompt_id cannot be used", details)
    if number is not None:
        try:
            number = float(number)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            return _refused("invalid_prompt", 'The "number" is no number', brief(document["number"]))
        number = min(max(number, -_MAX_NUMBER), _MAX_NUMBER)
    if extra is not None and not isinstance(extra, dict):
        return _refused("invalid_prompt", 'The "extra_data" is no object', brief(extra))
    kept = {name: value for name, value in (extra or {}).items() if name not in _SECRETS}
    if client_id is None:
        client_id = kept.get("client_id")
    if client_id is not None:
        # Half of a surrogate pair fits into no message.
        client_id = kept["client_id"] = str(client_id)[:_MAX_ID].encode(errors="replace").decode()
    front = number is None and bool(document.get("front"))
    return {"prompt_id": prompt_id, "number": number, "client_id": client_id, "extra": kept, "front": front}


def _converted(ui: dict[str, Any], registry: Registry, given: dict[str, Any]) -> dict[str, Any]:
    """Return API data of what can run of a prompt in the editor's format; pictures get the document itself."""
    opened = open_workflow(ui, registry)
    pnginfo = given["extra"].get("extra_pnginfo")
    if pnginfo is None or isinstance(pnginfo, dict):
        given["extra"]["extra_pnginfo"] = {"workflow": ui, **(pnginfo or {})}
    return runnable(opened.api, registry)[0]


def _missing_type(table: Mapping[str, Any], registry: Registry) -> Refused | None:
    """Refuse a prompt with a node of no or of an unknown type, wherever it stands in the graph."""
    try:
        unknown = {kind for kind in {entry["class_type"] for entry in table.values()} if registry.spec(kind) is None}
        if not unknown:
            return None
    except (TypeError, KeyError):
        unknown = set()
    for node_id, entry in table.items():
        kind = entry.get("class_type") if isinstance(entry, Mapping) else None
        if isinstance(kind, str) and kind not in unknown and registry.spec(kind) is not None:
            continue
        meta = entry.get("_meta") if isinstance(entry, Mapping) else None
        title = meta.get("title") if isinstance(meta, Mapping) else None
        shown = brief(node_id, 40)
        if isinstance(kind, str):
            near = registry.nearest(kind)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            message = f"Node {shown} has the type {brief(kind)}, which nobody here provides.{hint}"
        else:
            message = f"Node {shown} has no class_type."
        info = {"node_id": node_id, "class_type": kind if isinstance(kind, str) else None, "node_title": title}
        if others := [other for other in sorted(unknown) if other != kind]:
            info["others"] = others[:100]
        return _refused("missing_node_type", message, f"node {shown}", info)
    return None


def _outputs(table: Mapping[str, Any], registry: Registry, asked: Any) -> tuple[str, ...]:
    """Return the ids of the nodes with an effect, or of those among them that were asked for."""
    effects: dict[str, bool] = {}
    for kind in {entry["class_type"] for entry in table.values()}:
        spec = registry.spec(kind)
        effects[kind] = spec is not None and spec.effect
    found = tuple(node_id for node_id, entry in table.items() if effects[entry["class_type"]])
    if asked is None:
        return found
    names = {str(item) for item in asked} if isinstance(asked, list) else set()
    return tuple(node_id for node_id in found if node_id in names)


def _settle(
    table: dict[str, Any],
    wanted: tuple[str, ...],
    given: Mapping[str, Any],
    registry: Registry,
    files: Files | None,
    facets: FacetReader | None,
) -> Accepted | Refused:
    """Mend what can be, leave out the branches that cannot, until what remains is sound.

    Ends, as each turn makes the graph smaller, mends inputs for good, or drops an output.
    """
    errors: dict[str, Any] = {}
    while True:
        graph = read_api(table, registry)
        problems = examine(graph, registry, files, facets, wanted).problems
        if not problems:
            return Accepted(table, wanted, errors, **given)
        general = [problem for problem in problems if problem.node_id is None]
        if general:
            return _refused("invalid_prompt", str(general[0]), general[0].fix)
        reachable = ancestors(graph, wanted)
        if len(reachable) < len(table):
            table = _only(table, reachable)
            problems = tuple(problem for problem in problems if problem.node_id in reachable)
            if not problems:
                continue
        better = mended(table, problems, registry)
        if better is not None:
            table = better
            continue
        errors |= node_errors(table, graph, problems, wanted, registry, files)
        wanted = _sound(graph, problems, wanted)
        if not wanted:
            error = _error("prompt_outputs_failed_validation", "No output of the prompt can be made", _summary(errors))
            return Refused(400, error, errors)
        table = _only(table, ancestors(graph, wanted))


def _only(table: Mapping[str, Any], kept: Iterable[str]) -> dict[str, Any]:
    names = set(kept)
    return {node_id: entry for node_id, entry in table.items() if node_id in names}


def _sound(graph: Graph, problems: Iterable[Problem], wanted: Iterable[str]) -> tuple[str, ...]:
    """Return the outputs that no faulty node feeds."""
    spoilt = downstream(graph, [problem.node_id for problem in problems if problem.node_id is not None])
    return tuple(node_id for node_id in wanted if node_id not in spoilt)


def _summary(errors: Mapping[str, Any]) -> str:
    """Say in words what is wrong, for clients that show nothing else."""
    lines = [
        f"node {node_id} ({entry['class_type']}): {error['message']}: {error['details']}"
        for node_id, entry in list(errors.items())[:20]
        for error in entry["errors"]
    ]
    return "\n".join(lines)


def _error(kind: str, message: str, details: str, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"type": kind, "message": message, "details": details, "extra_info": dict(extra or {})}


def _refused(kind: str, message: str, details: str, extra: Mapping[str, Any] | None = None) -> Refused:
    return Refused(400, _error(kind, message, details, extra))
