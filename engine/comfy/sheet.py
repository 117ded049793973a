"""One canvas of a UI file while it is being changed: the root, or the inside of a sub-graph.

Copies only what it changes, so that everything else stays what it was. Ids are compared as text. Knows no node types
and no API prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .document import key

__all__ = ["INSIDE", "Sheet"]

INSIDE = "-10"  # the id under which a definition's own inputs are the origin of links
_COUNTERS = {"node": ("last_node_id", "lastNodeId"), "link": ("last_link_id", "lastLinkId")}


class Sheet:
    """The nodes and links of one canvas; `raw` is never changed, `result` gives the changed copy."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self._own: set[str] = set()  # nodes that are copies already
        self._cut: set[str] = set()
        self._changed = False
        self._last: dict[str, int] = {}
        self._at: dict[str | None, list[str]] = {}  # links by the nodes at their ends
        self.nodes: dict[str, dict[str, Any]] = {}
        self.links: dict[str, Any] = {}
        for entry in _entries(raw.get("nodes")):
            name = key(entry.get("id")) if isinstance(entry, Mapping) else None
            if name is not None:
                self.nodes.setdefault(name, entry)
        for entry in _entries(raw.get("links")):
            name = key(_part(entry, 0, "id"))
            if name is not None and name not in self.links:
                self.links[name] = entry
                for end in (self.origin(name)[0], self.target(name)[0]):
                    self._at.setdefault(end, []).append(name)

    def entry(self, name: str) -> Any:
        """Return a field of the canvas as it was."""
        return self.raw.get(name)

    def node(self, node_id: str) -> dict[str, Any]:
        """Return a node that may be changed: its own fields, its slots, its values. Raises KeyError."""
        node = self.nodes[node_id]
        if node_id not in self._own:
            node = self.nodes[node_id] = dict(node)
            for side in ("inputs", "outputs"):
                slots = node.get(side)
                if isinstance(slots, list):
                    node[side] = [dict(slot) if isinstance(slot, Mapping) else slot for slot in slots]
            for name in ("widgets_values", "widgets_values_named"):
                values = node.get(name)
                if isinstance(values, (list, dict)):
                    node[name] = values.copy()
            self._own.add(node_id)
            self._changed = True
        return node

    def add(self, node_id: str, node: dict[str, Any]) -> None:
        """Put in a node, or put it in the place of the one of its id."""
        self.nodes[node_id] = node
        self._own.add(node_id)
        self._changed = True

    def remove(self, node_id: str) -> None:
        """Take a node out, with its wires."""
        self.detach(node_id)
        del self.nodes[node_id]
        self._changed = True

    def detach(self, node_id: str) -> None:
        """Cut all wires of a node."""
        for name in self._at.get(node_id, ()):
            if name in self.links:
                self.cut(name)

    def input(self, node_id: str, name: str) -> int | None:
        """Return the place of the input called `name`."""
        for place, slot in enumerate(_entries(self.nodes[node_id].get("inputs"))):
            if isinstance(slot, Mapping) and slot.get("name") == name:
                return place
        return None

    def feeds(self, node_id: str, place: int) -> str | None:
        """Return the id of the link that enters an input; None when there is none."""
        slot = _entries(self.nodes[node_id].get("inputs"))[place]
        name = key(slot.get("link")) if isinstance(slot, Mapping) else None
        return name if name in self.links else None

    def origin(self, link_id: str) -> tuple[str | None, Any]:
        """Return the node and the slot that a link comes from."""
        link = self.links[link_id]
        return key(_part(link, 1, "origin_id")), _part(link, 2, "origin_slot")

    def target(self, link_id: str) -> tuple[str | None, Any]:
        """Return the node and the slot that a link leads to."""
        link = self.links[link_id]
        return key(_part(link, 3, "target_id")), _part(link, 4, "target_slot")

    def cut(self, link_id: str) -> None:
        """Take a wire out, wherever it is mentioned."""
        (source, _), (target, _) = self.origin(link_id), self.target(link_id)
        del self.links[link_id]
        self._cut.add(link_id)
        self._changed = True
        if source in self.nodes:
            for slot in _entries(self.node(source).get("outputs")):
                if isinstance(slot, dict) and isinstance(slot.get("links"), list):
                    slot["links"] = [name for name in slot["links"] if key(name) != link_id]
        if target in self.nodes:
            for slot in _entries(self.node(target).get("inputs")):
                if isinstance(slot, dict) and key(slot.get("link")) == link_id:
                    slot["link"] = None

    def join(self, source: str, slot: int, target: str, place: int) -> bool:
        """Wire an output to an input; False when there is no such output."""
        start, end = self.node(source), self.node(target)
        outputs = _entries(start.get("outputs"))
        if slot >= len(outputs) or not isinstance(outputs[slot], dict):
            return False
        number = self.next("link")
        output = outputs[slot]
        output["links"] = [*_entries(output.get("links")), number]
        end["inputs"][place]["link"] = number
        kind = output.get("type", "*")
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        parts = (number, start["id"], slot, end["id"], place, kind)
        inside = "inputNode" in self.raw or any(isinstance(link, Mapping) for link in self.links.values())
        self.links[str(number)] = dict(zip(names, parts, strict=True)) if inside else list(parts)
        for node_id in (source, target):
            self._at.setdefault(node_id, []).append(str(number))
        self._changed = True
        return True

    def next(self, kind: str) -> int:
        """Return a number that no "node" or "link" has, and count it as used."""
        self._last[kind] = self._count(kind) + 1
        return self._last[kind]

    def _count(self, kind: str) -> int:
        if kind not in self._last:
            old, new = _COUNTERS[kind]
            state = self.raw.get("state")
            counted = [self.raw.get(old), state.get(new) if isinstance(state, Mapping) else None]
            table: Iterable[str] = self.nodes if kind == "node" else self.links
            used = [int(name) for name in table if name.isascii() and name.isdigit() and len(name) < 17]
            self._last[kind] = max([0, *used, *(item for item in counted if type(item) is int and item < 2**53)])
        return self._last[kind]

    def result(self) -> Mapping[str, Any]:
        """Return the canvas with its changes; the very object it was made of when there are none."""
        if not self._changed:
            return self.raw
        found = dict(self.raw)
        found["nodes"] = _merged(found.get("nodes"), self.nodes, lambda entry: _part(entry, -1, "id"))
        found["links"] = _merged(found.get("links"), self.links, lambda entry: _part(entry, 0, "id"))
        state = found.get("state")
        if isinstance(state, Mapping):
            found["state"] = {**state, "lastNodeId": self._count("node"), "lastLinkId": self._count("link")}
        for name, kind in (("last_node_id", "node"), ("last_link_id", "link")):
            if name in found:
                found[name] = self._count(kind)
        if self._cut:
            self._forget(found)
        return found

    def _forget(self, found: dict[str, Any]) -> None:
        """Drop the cut wires from bends and from a definition's own slots."""
        for side in ("inputs", "outputs"):  # of a definition; the root has none
            if isinstance(found.get(side), list):
                found[side] = [self._without(slot, "linkIds") for slot in found[side]]
        extra = found.get("extra")
        for owner in (found, dict(extra) if isinstance(extra, Mapping) else {}):
            if isinstance(owner.get("reroutes"), list):
                owner["reroutes"] = [self._without(bend, "linkIds") for bend in owner["reroutes"]]
            if isinstance(owner.get("linkExtensions"), list):
                kept = [e for e in owner["linkExtensions"] if key(_part(e, 0, "id")) not in self._cut]
                owner["linkExtensions"] = kept
            if owner is not found and owner:
                found["extra"] = owner

    def _without(self, entry: Any, name: str) -> Any:
        ids = entry.get(name) if isinstance(entry, Mapping) else None
        if not isinstance(ids, list) or not any(key(item) in self._cut for item in ids):
            return entry
        return {**entry, name: [item for item in ids if key(item) not in self._cut]}


def _merged(before: Any, now: Mapping[str, Any], id_of: Callable[[Any], Any]) -> list[Any]:
    """Return the entries of `now`, those that were there in their old places; what has no id of its own stays."""
    found = []
    met: set[str] = set()
    for entry in _entries(before):
        name = key(id_of(entry))
        if name is None or name in met:
            found.append(entry)
            continue
        met.add(name)
        if name in now:
            found.append(now[name])
    return found + [entry for name, entry in now.items() if name not in met]


def _entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _part(link: Any, place: int, name: str) -> Any:
    if isinstance(link, Mapping):
        return link.get(name)
    return link[place] if isinstance(link, list) and 0 <= place < len(link) else None
