"""Sub-graphs inside the host: what stands above such an input is run by our own executor, from the host's prompt.

The host hands over the wire, un-run. All nodes above it must be ours or have an equal here, as most of the host's basic
ones do; an unknown one is named. Values of the node's other inputs come from the host. Knows no class of the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import Cancelled, UserError, brief
from ..graph.codec import read_api
from ..graph.graph import Graph, Link
from ..graph.subgraph import Expand
from ..graph.validate import effect_nodes
from ..guard import TorchGuard
from ..node.spec import NodeSpec
from ..run.cancel import CancelToken
from ..run.events import Event, Output, Preview, Progress
from ..run.executor import Executor, RunResult
from ..run.lists import Many
from ..store import TorchStore
from ..values import check_value
from .catalog import with_engine_ids
from .context import HostContext

if TYPE_CHECKING:
    from .pack import Pack

__all__ = ["expanded", "with_subgraphs"]


def with_subgraphs(pack: Pack, spec: NodeSpec, given: Mapping[str, Any], context: HostContext) -> Mapping[str, Any]:
    """Run a node that has inputs for sub-graphs and return its outputs by name.

    given: the inputs; one for a sub-graph is the host's link [node, slot]; lists of the host are `Many`.
    Raises UserError G010 for a link that leads out of the host's prompt, G001 for a node above it that nobody here
    knows, else what the node raises.
    """
    prompt = context.prompt or {}
    raw = {entry.name for entry in spec.inputs if entry.raw}
    links = {name: _link(spec, name, value, prompt) for name, value in given.items() if name in raw and value}
    part = with_engine_ids(prompt, pack.registry, [source for source, _ in links.values()])
    lacking = [f"{entry['class_type']} (node {number})" for number, entry in part.items() if not _known(pack, entry)]
    if lacking:
        raise UserError(
            "G001",
            f"{spec.title}, above its inputs {', '.join(links)}",
            "nodes that Latentloom has, which runs them by itself there",
            brief(", ".join(lacking), 300),
            "Replace these nodes, or run the workflow as it is, without this node.",
        )
    own = spec.id
    while own in part:
        own += "'"
    part[own] = {"class_type": spec.id, "inputs": {name: list(link) for name, link in links.items()}}
    graph = read_api(part, pack.registry)
    values = {name: _single(value) for name, value in given.items() if name not in raw}
    node = graph[own]._replace(inputs={**graph[own].inputs, **values})
    result = _run(pack, Graph.of({**graph.nodes, own: node}, graph.faults), [own], context, own)
    return result.values[own]


def expanded(pack: Pack, answer: Expand, context: HostContext) -> dict[str, Any]:
    """Run the graph that a node returned in its place; return the node's outputs by name."""
    links = [value for value in answer.outputs.values() if isinstance(value, Link)]
    targets = dict.fromkeys([link.node for link in links] + list(effect_nodes(answer.graph, pack.registry)))
    values = _run(pack, answer.graph, targets, context, "").values
    found: dict[str, Any] = {}
    for name, value in answer.outputs.items():
        if isinstance(value, Link):
            outputs = values[value.node]
            value = outputs[value.output if isinstance(value.output, str) else tuple(outputs)[value.output]]
        found[name] = value
    return found


def _run(pack: Pack, graph: Graph, targets: Iterable[str], context: HostContext, shown: str) -> RunResult:
    """Run `targets`. shown: the node whose progress is that of the host's node. Raises a node's failure, Cancelled."""
    token = CancelToken()

    def tell(event: Event) -> None:
        try:
            context.check()
            if isinstance(event, Progress) and event.node == shown:
                context.progress(event.value, event.total)
            elif isinstance(event, Preview):
                context.preview(event.image, event.whole)
            elif isinstance(event, Output):
                context.output(event.name, event.items)
        except Cancelled:  # a sink must not raise
            token.cancel()

    executor = Executor(
        pack.registry,
        None,
        pack.folders,
        context.device,
        guard=TorchGuard(),
        check_value=check_value,
        store=TorchStore(),
        allowed=("pickle",) if context.allows("pickle") else (),
    )
    result = executor.run(graph, targets, sink=tell, cancel=token, extra=context.extra, previews=context.wants_previews)
    for error in result.failures.values():
        raise error
    if result.cancelled:
        raise Cancelled()
    return result


def _known(pack: Pack, entry: Mapping[str, Any]) -> bool:
    return pack.registry.resolve(entry["class_type"]) is not None


def _link(spec: NodeSpec, name: str, value: Any, prompt: Mapping[str, Any]) -> tuple[str, Any]:
    value = value[0] if isinstance(value, Many) and value else value
    if isinstance(value, (list, tuple)) and len(value) == 2 and str(value[0]) in prompt:
        return str(value[0]), value[1]
    raise UserError(
        "G010",
        f'{spec.title}, input "{name}"',
        "a wire from a node of the workflow",
        brief(value),
        "Connect it outside of nodes that make other nodes while they run.",
        input=name,
    )


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, Many) and len(value) == 1 else value
