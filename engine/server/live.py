"""What is known of one running job: where each node stands, curves so far, outputs so far.

Fed with the worker's events, asked by routes. Bounded: a curve keeps every point up to a limit, then every second one.
Knows nothing of sockets, the queue or time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Live"]

CURVE_POINTS = 4096


class Live:
    """The state of a job while it runs. `node`: the user's node that began last and has not ended, or None."""

    def __init__(self) -> None:
        self.node: str | None = None
        self.type: str | None = None
        self.nodes: dict[str, dict[str, Any]] = {}
        self.outputs: dict[str, dict[str, list[Any]]] = {}
        self.curves: dict[str, dict[str, list[tuple[int, float]]]] = {}
        self._running: list[tuple[str, str, str]] = []
        self._strides: dict[tuple[str, str], int] = {}

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one event of the worker (see `run.events`)."""
        kind = event["kind"]
        if kind == "started":
            self._running.append((event["node"], event["display"], event["type"]))
            self._place()
            self.nodes[event["node"]] = {"state": "running", "value": 0, "total": 1}
        elif kind == "progress":
            node = self.nodes.setdefault(event["node"], {"state": "running"})
            node["value"], node["total"] = event["value"], event["total"]
        elif kind == "finished":
            self._leave(event["node"])
            known = self.nodes.get(event["node"], {})
            total = known.get("total", 1)
            memory = {"memory": event["memory"]} if event.get("memory") else {}
            self.nodes[event["node"]] = {
                "state": "finished", "value": total, "total": total, "seconds": event["seconds"], **memory,
            }  # fmt: skip
        elif kind == "failed":
            self._leave(event["node"])
            self.nodes[event["node"]] = {"state": "error", "error": event["error"]}
        elif kind == "cached":
            for node_id in event["nodes"]:
                self.nodes[node_id] = {"state": "cached"}
        elif kind == "output":
            self.outputs.setdefault(event["display"], {}).setdefault(event["name"], []).extend(event["items"])
        elif kind == "metric":
            self._point(event["display"], event["name"], int(event["step"]), event["value"])

    def as_dict(self) -> dict[str, Any]:
        """Return the state as plain data, without the curves."""
        return {"node": self.node, "nodes": self.nodes, "outputs": self.outputs}

    def _leave(self, node_id: str) -> None:
        self._running = [entry for entry in self._running if entry[0] != node_id]
        self._place()

    def _place(self) -> None:
        self.node, self.type = (self._running[-1][1], self._running[-1][2]) if self._running else (None, None)

    def _point(self, node: str, name: str, step: int, value: float) -> None:
        stride = self._strides.setdefault((node, name), 1)
        points = self.curves.setdefault(node, {}).setdefault(name, [])
        if step % stride == 0 or not points:
            points.append((step, value))
        if len(points) >= CURVE_POINTS:
            self._strides[(node, name)] = stride * 2
            points[:] = points[::2]
