"""A job on a server: followed, awaited, cancelled, its files fetched. For programs with an event loop.

Reconnects by itself and asks for what it missed; where websockets do not get through it looks at the job instead.
Knows no node and no picture.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from ..errors import Cancelled, UserError
from ..graph.graph import Graph, Node
from ..run import events
from ..run.progress import ProgressView
from .address import Address
from .answers import error_of
from .connection import Connection, Lost, Refused
from .download import download, files_of
from .following import ENDED, Following
from .message import Message, events_of

__all__ = ["AsyncRemoteJob", "Outputs"]

Outputs = dict[str, dict[str, list[dict[str, Any]]]]
"""What nodes announced: by node and kind, e.g. {"9": {"images": [{"filename", "subfolder", "type"}]}}."""


class AsyncRemoteJob:
    """One job. `record`: what the server last said of it; without "graph" and "outputs" until it was read in full."""

    def __init__(self, connection: Connection, record: dict[str, Any], after: int = 0) -> None:
        """after: number of an event before the job's first one, 0 when none is known."""
        self.record = record
        self._connection = connection
        self._after = after

    def __repr__(self) -> str:
        return f"<job {self.id} on {self._connection.address.base}: {self.state}>"

    @property
    def id(self) -> str:
        """The job's id."""
        return str(self.record["id"])

    @property
    def state(self) -> str:
        """The state last heard of: "pending", "running", "done", "failed" or "cancelled"."""
        return str(self.record.get("state"))

    async def read(self) -> dict[str, Any]:
        """Read the job's record anew, in full, and return it. Raises UserError J007 when the server dropped it."""
        answer = await self._connection.ask("GET", self._path())
        self.record = answer["job"]
        return self.record

    async def cancel(self) -> None:
        """Cancel the job, whether it waits or runs. A job that has ended stays as it is."""
        try:
            answer = await self._connection.ask("POST", f"{self._path()}/cancel", repeat=True)
        except UserError as error:
            if error.code != "J004":
                raise
            return
        self.record = {**self.record, **answer["job"]}

    async def messages(self, previews: bool = False) -> AsyncIterator[Message]:
        """Yield what happens from the job's beginning to its end; of a past that the server forgot, only the state.

        previews: also pictures on their way. Each event comes once, in order, through lost connections and restarts
        of the server. Raises UserError P102 when the server stays away, J007 when it has dropped the job.
        """
        follow = Following(self.id, self._after, self.state in ENDED)
        while not follow.ended:
            if not follow.refused:
                follow.again = False
                try:
                    async with self._connection.listen(
                        "/api/loom/ws", after=follow.after, job=self.id, batch=1, previews=int(previews)
                    ) as socket:
                        while not follow.ended and not follow.again:
                            try:
                                frame = await asyncio.wait_for(socket.recv(), follow.quiet)
                            except TimeoutError:
                                follow.look = True
                            else:
                                for message in follow.take(frame):
                                    yield self._noted(message)
                            if follow.look:
                                for message in follow.looked(await self.read()):
                                    yield self._noted(message)
                except Refused:
                    follow.refused = True
                except Lost:
                    pass
                if follow.ended or follow.again:
                    continue
                if not follow.refused:
                    follow.over = (await self.read())["state"] in ENDED  # its last events may still be told
            if follow.refused:
                for message in follow.looked(await self.read()):
                    yield self._noted(message)
            if not follow.ended:
                await asyncio.sleep(follow.pause())

    async def watch(self, sink: events.Sink | None = None, previews: bool = False) -> str:
        """Follow the job to its end and return its state; shows its progress on standard error.

        sink: called with the run's events instead, such as a local run's; `previews` brings their pictures.
        """
        if sink is not None:
            async for message in self.messages(previews):
                for event in events_of(message):
                    sink(event)
            return self.state
        if "graph" not in self.record:
            await self.read()
        view = ProgressView(_names(self.record["graph"]), sys.stderr)
        try:
            return await self.watch(view)
        finally:
            view.close()

    async def result(self, timeout: float | None = None) -> Outputs:
        """Wait for the end and return what the job's nodes announced.

        timeout: in seconds; the job goes on. Raises what a failed job reports, Cancelled, TimeoutError.
        """
        async with asyncio.timeout(timeout):
            await self._ended()
        if self.state == "cancelled":
            raise Cancelled(f"job {self.id}")
        if self.state == "failed":
            raise error_of(self.record.get("error") or {})
        outputs: Outputs = self.record["outputs"]
        return outputs

    async def fetch(self, folder: str | Path, kinds: tuple[str, ...] = ("output",)) -> list[Path]:
        """Wait for the end, bring the job's files into `folder`, and return where they are, in order.

        kinds: also "temp" for previews. No file is overwritten. A job that failed gives what it made before.
        """
        await self._ended()
        found = files_of(self.record["outputs"], kinds)
        return [await download(self._connection, item, Path(folder)) for item in found]

    async def _ended(self) -> None:
        if self.state not in ENDED:
            async for _ in self.messages():
                pass
        if "outputs" not in self.record:
            await self.read()

    def _noted(self, message: Message) -> Message:
        if message.seq is not None:
            self._connection.newest = max(self._connection.newest, message.seq)
        if message.kind == "job" and "outputs" not in message.data:
            short = {name: value for name, value in self.record.items() if name != "outputs"}
            self.record = {**short, **message.data}
        return message

    def _path(self) -> str:
        return f"/api/loom/jobs/{Address.part(self.id)}"


def _names(graph: dict[str, Any]) -> Graph:
    """Return a graph that tells the nodes' names."""
    nodes = []
    for node_id, entry in graph.items():
        title = (entry.get("_meta") or {}).get("title")
        nodes.append(Node(node_id, str(entry.get("class_type")), {}, title if isinstance(title, str) else ""))
    return Graph(nodes)
