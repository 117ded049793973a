"""`AsyncClient`: a server of Latentloom, for programs with an event loop. Knows how jobs are submitted and found."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from ..graph.codec import detect_format
from .address import Address
from .connection import Connection
from .remote_job import AsyncRemoteJob
from .submission import Work, read_work

__all__ = ["PATIENCE_SECONDS", "AsyncClient"]

PATIENCE_SECONDS = 60.0  # a restart of the server, with the time a busy machine needs


class AsyncClient:
    """`async with AsyncClient("http://127.0.0.1:8188") as client: job = await client.submit("txt2img.json")`.

    Use it in one event loop. A lost answer is asked for again with the same key, so that nothing runs twice.
    """

    def __init__(self, url: str, token: str | None = None, *, patience: float = PATIENCE_SECONDS) -> None:
        """url: as `latentloom serve` prints it; a token in it is taken. patience: seconds to wait for a server that

        answered before and is away. Raises UserError P101 for what is no address.
        """
        self._connection = Connection(Address.read(url, token), patience)

    @property
    def url(self) -> str:
        """The server's address, without the token."""
        return self._connection.address.base

    async def submit(
        self,
        what: Work,
        set: Mapping[str, Any] | None = None,
        *,
        targets: Sequence[str] | None = None,
        title: str | None = None,
        priority: float = 0.0,
        front: bool = False,
        held: bool = False,
        extra: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncRemoteJob:
        """Queue a job; it is on the server's disk when this returns.

        what: see `submission.Work`. set: inputs to change first, {"3.seed": 5}. targets: ids of the nodes wanted; by
        default the wires given, else every node with an effect. title: by default the file's name.
        priority: smaller runs first. front: before all that waits. held: waits until released. extra: stored beside
        the graph, e.g. {"workflow": {...}}. idempotency_key: the same key again gives the same job.
        Raises InvalidGraph with every problem, UserError P102, J003 (queue full), J010 (disk full), J011 (stopping).
        """
        graph, wires, name = await asyncio.to_thread(read_work, what, set)
        wanted = wires if targets is None else list(targets)
        body: dict[str, Any] = {
            "graph": graph,
            "title": name if title is None else title,
            "priority": priority,
            "front": front,
            "held": held,
            "idempotency_key": idempotency_key or secrets.token_hex(16),
        }
        if wanted is not None:
            body["targets"] = wanted
        if extra is not None:
            body["extra"] = dict(extra)
        after = self._connection.newest  # the job's events come after all that was heard of so far
        answer = await self._connection.ask("POST", "/api/loom/jobs", body, repeat=True)
        # Of an editor's document the server made the graph; it is read when somebody asks for names.
        sent = {"graph": graph} if detect_format(graph) == "api" else {}
        return AsyncRemoteJob(self._connection, {**answer["job"], **sent}, after)

    async def job(self, job_id: str) -> AsyncRemoteJob:
        """Return a job that was submitted before, by whomever. Raises UserError J007."""
        job = AsyncRemoteJob(self._connection, {"id": job_id})
        await job.read()
        return job

    async def jobs(self, state: str | None = None, limit: int = 100) -> list[AsyncRemoteJob]:
        """Return jobs, the newest first. state: "pending", "running", "done", "failed", "cancelled", or several of
        them with commas between.
        """
        query: dict[str, str | int] = {"limit": limit}
        if state is not None:
            query["state"] = state
        answer = await self._connection.ask("GET", "/api/loom/jobs", query=query)
        return [AsyncRemoteJob(self._connection, record) for record in answer["jobs"]]

    async def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, accept: tuple[int, ...] = ()
    ) -> dict[str, Any]:
        """Send any request of docs/protocol.md and return the JSON object of its answer. Raises what it reports."""
        return await self._connection.ask(method, path, body, accept=accept)

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
