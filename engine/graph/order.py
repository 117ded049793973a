"""Which nodes a graph needs and in what order: iterative, so depth is no limit, and linear in nodes and links.

Knows no registry; a link to an absent node is passed over (validation reports it).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .graph import Graph, Link

__all__ = ["Arrangement", "Cycle", "ancestors", "arrange", "cycles", "links"]


class Arrangement(NamedTuple):
    """Ids so ordered that each comes after all it is fed by; `acyclic` is False when no such order exists."""

    ids: tuple[str, ...]
    acyclic: bool


class Cycle(NamedTuple):
    """A ring of nodes along the flow of data, each once; `input` is where the ring enters its first node."""

    ids: tuple[str, ...]
    input: str


def links(graph: Graph, node_id: str) -> Iterator[tuple[str, Link]]:
    """Yield (input name, link) for each wire that enters a node."""
    for name, value in graph.nodes[node_id].inputs.items():
        if type(value) is Link:
            yield name, value


def arrange(graph: Graph, targets: Iterable[str] | None = None) -> Arrangement:
    """Order all nodes, or only what `targets` need; file order is kept where the links allow."""
    table = graph.nodes
    done: dict[str, None] = {}
    path: set[str] = set()  # nodes entered and not yet done; meeting one again closes a ring
    acyclic = True
    for start in table if targets is None else targets:
        if start in done or start not in table:
            continue
        stack = [start]
        while stack:
            node_id = stack[-1]
            if node_id in path:
                path.discard(node_id)
                done[node_id] = None
                stack.pop()
                continue
            if node_id in done:
                stack.pop()
                continue
            waiting = None
            for value in table[node_id][2].values():
                if type(value) is Link and value[0] not in done:
                    source = value[0]
                    if source in path or source == node_id:
                        acyclic = False
                    elif source in table:
                        if waiting is None:
                            waiting = [source]
                        else:
                            waiting.append(source)
            if waiting is None:
                done[node_id] = None
                stack.pop()
            else:
                path.add(node_id)
                waiting.reverse()
                stack += waiting
    return Arrangement(tuple(done), acyclic)


def ancestors(graph: Graph, targets: Iterable[str]) -> set[str]:
    """Return `targets` and every node that feeds them; ids the graph does not have are left out."""
    table = graph.nodes
    found = {target for target in targets if target in table}
    waiting = list(found)
    while waiting:
        for value in table[waiting.pop()].inputs.values():
            if type(value) is Link and value[0] not in found and value[0] in table:
                found.add(value[0])
                waiting.append(value[0])
    return found


def cycles(graph: Graph) -> tuple[Cycle, ...]:
    """Return one shortest ring of each strongly connected part, in file order.

    Source: Tarjan, Depth-first search and linear graph algorithms (1972), with an explicit stack.
    """
    table = graph.nodes
    sources = {
        node_id: [value[0] for value in node.inputs.values() if type(value) is Link and value[0] in table]
        for node_id, node in table.items()
    }
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    open_: dict[str, None] = {}  # Tarjan's stack, as a dict for its quick membership test
    parts: list[set[str]] = []
    for root in table:
        if root in index:
            continue
        index[root] = low[root] = len(index)
        open_[root] = None
        work = [(root, iter(sources[root]))]
        while work:
            node_id, rest = work[-1]
            for source in rest:
                if source not in index:
                    index[source] = low[source] = len(index)
                    open_[source] = None
                    work.append((source, iter(sources[source])))
                    break
                if source in open_:
                    low[node_id] = min(low[node_id], index[source])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node_id])
                if low[node_id] == index[node_id]:
                    part = set()
                    while node_id not in part:
                        part.add(open_.popitem()[0])
                    if len(part) > 1 or node_id in sources[node_id]:
                        parts.append(part)
    place = {node_id: number for number, node_id in enumerate(table)}
    first = sorted((min(part, key=place.__getitem__), number) for number, part in enumerate(parts))
    first.sort(key=lambda entry: place[entry[0]])
    return tuple(_ring(graph, start, parts[number], sources) for start, number in first)


def _ring(graph: Graph, start: str, part: set[str], sources: dict[str, list[str]]) -> Cycle:
    """Find a shortest ring through `start` inside its part, walking against the flow breadth first."""
    feeds: dict[str, str] = {}  # source -> the node it was reached from
    waiting = deque([start])
    while start not in feeds:
        node_id = waiting.popleft()
        for source in sources[node_id]:
            if source in part and source not in feeds:
                feeds[source] = node_id
                waiting.append(source)
    ring = [start]
    while feeds[ring[-1]] != start:
        ring.append(feeds[ring[-1]])
    name = next(name for name, link in links(graph, start) if link.node == ring[-1])
    return Cycle(tuple(ring), name)
