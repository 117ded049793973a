"""Schedule: which nodes of one run are wanted, waiting, ready, done or failed.

Grows from the targets down and stops wherever a value is remembered; a value is let go when its last user is done.
Iterative throughout, linear in nodes and links. Not thread-safe: the job's lock guards it. Runs nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import UserError
from ..graph.graph import Graph, Link, Node
from ..graph.order import ancestors, arrange
from .cache import Cache
from .call import Call
from .key import Keyer
from .lanes import Lane, Lanes

__all__ = ["Schedule"]

WAITING, DONE, FAILED = 1, 2, 3


class Schedule:
    """The state of a run's nodes. `results`: outputs by name of the nodes whose values somebody still needs."""

    def __init__(
        self,
        call_of: Callable[[str], Call],
        keyer: Keyer,
        cache: Cache | None,
        lanes: Lanes,
        given: Mapping[str, tuple[str, dict[str, Any]]],
    ) -> None:
        """given: nodes that are not run but have these keys and outputs."""
        self.table: dict[str, Node] = {}
        self.calls: dict[str, Call] = {}  # by node type
        self.keys: dict[str, str] = {}
        self.results: dict[str, dict[Any, Any]] = {}
        self.held: set[str] = set()  # keys of `results`, the run's lease on the cache
        self.hits: list[str] = []
        self.queued: list[str] = []  # nodes that turned out to have to run
        self.tainted: frozenset[str] = frozenset()  # never remembered
        self.keep: set[str] = set()  # nodes whose results are wanted at the end
        self.state: dict[str, int] = {}
        self.origins = keyer.origins
        self._recalled: Mapping[str, dict[str, Any]] = {}
        self._call_of = call_of
        self._keyer = keyer
        self._cache = cache
        self._lanes = lanes
        self._lane_of: dict[str, Lane] = {}
        self.given = given
        self._children: dict[str, list[str]] = {}
        self._waiting: dict[str, int] = {}
        self._uses: dict[str, int] = {}
        self._leaders: dict[str, str] = {}  # key -> the one node that computes it
        self._followers: dict[str, str] = {}  # node -> the leader whose result it takes over
        self._extra: dict[str, list[str]] = {}  # node -> nodes it uses beside its inputs (expanded ones)
        self._has_lazy = False
        self._counted: set[str] = set()  # nodes whose uses of others were counted before they were wanted

    # Planning

    def extend(self, graph: Graph, targets: Iterable[str], order: Iterable[str] | None = None) -> list[str]:
        """Add the nodes of `graph` that `targets` need, with their keys; return them, each after its sources.

        order: an order of all the graph's nodes that is known to be right. Raises UserError G001, G007.
        """
        self.table = {**self.table, **graph.nodes} if self.table else dict(graph.nodes)
        needed = ancestors(graph, targets)
        if order is None:
            arranged = arrange(graph, targets)
            if not arranged.acyclic:
                fix = "Remove a link of the ring."
                raise UserError("G007", "graph", "no cycle", "nodes that feed one another", fix)
            order = arranged.ids
        ids = [node_id for node_id in order if node_id in needed]
        keys, calls, table, key = self.keys, self.calls, self.table, self._keyer.key
        for node_id in ids:
            node = table[node_id]
            call = calls.get(node[1])
            if call is None:
                call = calls[node[1]] = self._call_of(node[1])
                self._lane_of[node[1]] = self._lanes.named(call.spec.lane)
                self._has_lazy = self._has_lazy or bool(call.lazy)
            if node_id in self.given:
                keys[node_id] = self.given[node_id][0]
            elif call.spec.pure:
                try:
                    keys[node_id] = key(call.key_plan, node_id, node[2], keys)
                except KeyError as error:
                    raise _dangling(node, str(error.args[0])) from None
            else:
                keys[node_id] = self._keyer.fresh()
        if self._has_lazy:
            # Who will be wanted is not known: a value stays until all who might use it have run.
            for node_id in ids:
                if node_id not in self.state:
                    self._count_uses(table[node_id])
            self._counted.update(ids)
        return ids

    def graph(self) -> Graph:
        """Return all nodes known now, expanded ones included."""
        return Graph.of(self.table)

    def recall(self, results: Mapping[str, dict[str, Any]]) -> None:
        """Take these results, by key, before any of the cache's."""
        self._recalled = results

    def skipped(self, ids: Iterable[str]) -> list[str]:
        """Return those of `ids` that need not run because what uses them is remembered, and the remembered ones."""
        state = self.state
        if not self._has_lazy:
            hits = set(self.hits)
            return [node_id for node_id in ids if node_id not in state or node_id in hits]
        found = dict.fromkeys(self.hits)
        stack = list(found)
        while stack:
            for value in self.table[stack.pop()].inputs.values():
                if type(value) is Link and value.node not in state and value.node not in found:
                    found[value.node] = None
                    stack.append(value.node)
        return list(found)

    # Progress

    def want(self, ids: Iterable[str]) -> None:
        """Make nodes run, or their values be fetched, and whatever they need first."""
        state, keys, calls, table = self.state, self.keys, self.calls, self.table
        children, uses, cache = self._children, self._uses, self._cache
        stack = list(ids)
        while stack:
            node_id = stack.pop()
            if node_id in state:
                continue
            node = table[node_id]
            kind = node[1]
            call = calls[kind]
            if node_id in self.given:
                self.done(node_id, self.given[node_id][1])
                continue
            if call.cacheable and node_id not in self.tainted:
                key = keys[node_id]
                if self._follows(node_id, key):
                    continue
                if cache is not None or self._recalled:
                    hit = self._recalled.get(key)
                    if hit is None and cache is not None:
                        hit = cache.get(key)
                    if hit is not None:
                        self.hits.append(node_id)
                        self.done(node_id, hit)
                        continue
            state[node_id] = WAITING
            self.queued.append(node_id)
            count = 0
            broken = False
            late = call.late
            counts = node_id not in self._counted
            for name, value in node[2].items():
                if type(value) is Link and not (late and name in late):
                    source = value[0]
                    found = state.get(source)
                    if counts:
                        uses[source] = uses.get(source, 0) + 1
                    if found == DONE:
                        continue
                    if found == FAILED:
                        broken = True
                    elif found is None:
                        stack.append(source)
                    count += 1
                    kids = children.get(source)
                    if kids is None:
                        children[source] = [node_id]
                    else:
                        kids.append(node_id)
            if broken:
                self.fail(node_id)
            elif count:
                self._waiting[node_id] = count
            else:
                self._lane_of[kind].ready.append(node_id)

    def wait_for(self, node_id: str, sources: Iterable[str], extra: bool = False) -> bool:
        """Let a node that was started wait for further nodes; tell whether they can still come.

        extra: they are not among the node's own inputs, but come of its expansion.
        """
        sources = list(sources)
        count = 0
        for source in sources:
            if extra:
                self._uses[source] = self._uses.get(source, 0) + 1
                self._extra.setdefault(node_id, []).append(source)
            found = self.state.get(source)
            if found == FAILED:
                return False
            if found != DONE:
                self._children.setdefault(source, []).append(node_id)
                count += 1
        if count:
            self._waiting[node_id] = count
            self.want(sources)
        else:
            self._lane_of[self.table[node_id].type].ready.append(node_id)
        return self.state[node_id] != FAILED

    def done(self, node_id: str, outputs: dict[str, Any]) -> None:
        """Record a node's outputs; those that waited for it alone become ready."""
        self.results[node_id] = outputs
        self.state[node_id] = DONE
        self.held.add(self.keys[node_id])
        kids = self._children.pop(node_id, None)
        if kids is None:
            return
        waiting = self._waiting
        for kid in kids:
            count = waiting.get(kid, 0)
            if count > 1:
                waiting[kid] = count - 1
            elif count:
                del waiting[kid]
                if self._followers and kid in self._followers:
                    self.done(kid, outputs)  # followers have followers of their own never: no deep recursion
                else:
                    self._lane_of[self.table[kid][1]].ready.append(kid)

    def finish(self, node_id: str) -> None:
        """Let go of the values that only this node still needed; call it once the node is through."""
        uses = self._uses
        node = self.table[node_id]
        raw = self.calls[node[1]].raw
        for name, value in node[2].items():
            if type(value) is Link and not (raw and name in raw):
                source = value[0]
                count = uses.get(source, 0) - 1
                if count > 0:
                    uses[source] = count
                elif count == 0:
                    self._release(source)
        for source in self._extra.pop(node_id, ()):
            self._uses[source] -= 1
            if not self._uses[source]:
                self._release(source)

    def fail(self, node_id: str) -> list[str]:
        """Record a failure; return the nodes that therefore cannot run."""
        self.state[node_id] = FAILED
        blocked: list[str] = []
        stack = [node_id]
        while stack:
            current = stack.pop()
            self.finish(current)
            for kid in self._children.pop(current, ()):
                if self.state.get(kid) != FAILED:
                    self.state[kid] = FAILED
                    self._waiting.pop(kid, None)
                    blocked.append(kid)
                    stack.append(kid)
        return blocked

    def failed(self) -> list[str]:
        """Return the nodes that failed, or could not run because another did."""
        return [node_id for node_id, state in self.state.items() if state == FAILED]

    def _release(self, source: str) -> None:
        self._uses.pop(source, None)
        if source not in self.keep and source in self.results:
            del self.results[source]
            self.held.discard(self.keys[source])
            call = self.calls[self.table[source].type]
            if not call.spec.effect and source not in self.given:
                del self.state[source]  # should an expanded node want it yet, it is fetched or computed again

    def _count_uses(self, node: Node) -> None:
        raw = self.calls[node.type].raw
        for name, value in node[2].items():
            if type(value) is Link and name not in raw:
                self._uses[value.node] = self._uses.get(value.node, 0) + 1

    def _follows(self, node_id: str, key: str) -> bool:
        """Let a node take over the result of another with the same key, if there is one under way."""
        leader = self._leaders.setdefault(key, node_id)
        if leader == node_id:
            return False
        found = self.state.get(leader)
        if found == DONE:
            self.done(node_id, self.results[leader])
        elif found == WAITING:
            self.state[node_id] = WAITING
            self._followers[node_id] = leader
            self._waiting[node_id] = 1
            self._children.setdefault(leader, []).append(node_id)
        elif found == FAILED:
            self.fail(node_id)
        else:  # its result was let go again
            self._leaders[key] = node_id
            return False
        return True


def _dangling(node: Node, source: str) -> UserError:
    return UserError(
        "G010",
        f"{node.type} (node {node.id})",
        "links from nodes of the graph",
        f'a link from "{source}"',
        "Connect it again.",
        node_id=node.id,
    )
