"""`Client`: a server of Latentloom, for scripts and notebooks; `AsyncClient` with the waiting done for the caller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ..run import events
from .asynchronous import PATIENCE_SECONDS, AsyncClient
from .message import Message
from .portal import Portal
from .remote_job import AsyncRemoteJob, Outputs
from .submission import Work

__all__ = ["Client", "RemoteJob"]


class RemoteJob:
    """A job on a server; see `AsyncRemoteJob`, whose methods it has."""

    def __init__(self, portal: Portal, job: AsyncRemoteJob) -> None:
        self._portal = portal
        self._job = job

    def __repr__(self) -> str:
        return repr(self._job)

    @property
    def id(self) -> str:
        """The job's id."""
        return self._job.id

    @property
    def state(self) -> str:
        """The state last heard of: "pending", "running", "done", "failed" or "cancelled"."""
        return self._job.state

    @property
    def record(self) -> dict[str, Any]:
        """What the server last said of the job."""
        return self._job.record

    def read(self) -> dict[str, Any]:
        """Read the job's record anew, in full. Raises UserError J007 when the server dropped it."""
        return self._portal.call(self._job.read())

    def cancel(self) -> None:
        """Cancel the job, whether it waits or runs. A job that has ended stays as it is."""
        self._portal.call(self._job.cancel())

    def messages(self, previews: bool = False) -> Iterator[Message]:
        """Yield what happens from the job's beginning to its end. Raises UserError P102, J007."""
        return self._portal.iterate(self._job.messages(previews))

    def watch(self, sink: events.Sink | None = None, previews: bool = False) -> str:
        """Show the job's progress on standard error, or hand it to `sink`, until the end; return its state.

        sink: called in the client's own thread.
        """
        return self._portal.call(self._job.watch(sink, previews))

    def result(self, timeout: float | None = None) -> Outputs:
        """Wait for the end and return what nodes announced, by node and kind.

        Raises what a failed job reports, Cancelled, TimeoutError after `timeout` seconds.
        """
        return self._portal.call(self._job.result(timeout))

    def fetch(self, folder: str | Path, kinds: tuple[str, ...] = ("output",)) -> list[Path]:
        """Wait for the end, bring the job's files into `folder`, and return where they are. Overwrites nothing."""
        return self._portal.call(self._job.fetch(folder, kinds))


class Client:
    """`with Client("http://127.0.0.1:8188") as client: client.submit("txt2img.json").fetch("pictures")`.

    May be used from several threads. A lost answer is asked for again with the same key: nothing runs twice.
    """

    def __init__(self, url: str, token: str | None = None, *, patience: float = PATIENCE_SECONDS) -> None:
        """url: as `latentloom serve` prints it; a token in it is taken. patience: seconds to wait for a server that
        answered before and is away. Raises UserError P101 for what is no address.
        """
        self._client = AsyncClient(url, token, patience=patience)
        self._portal = Portal()

    @property
    def url(self) -> str:
        """The server's address, without the token."""
        return self._client.url

    def submit(
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
    ) -> RemoteJob:
        """Queue a job; it is on the server's disk when this returns. See `AsyncClient.submit`."""
        job = self._client.submit(
            what, set, targets=targets, title=title, priority=priority, front=front, held=held, extra=extra,
            idempotency_key=idempotency_key,
        )  # fmt: skip
        return RemoteJob(self._portal, self._portal.call(job))

    def job(self, job_id: str) -> RemoteJob:
        """Return a job that was submitted before, by whomever. Raises UserError J007."""
        return RemoteJob(self._portal, self._portal.call(self._client.job(job_id)))

    def jobs(self, state: str | None = None, limit: int = 100) -> list[RemoteJob]:
        """Return jobs, the newest first. state: one, or several with commas between."""
        return [RemoteJob(self._portal, job) for job in self._portal.call(self._client.jobs(state, limit))]

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, accept: tuple[int, ...] = ()
    ) -> dict[str, Any]:
        """Send any request of docs/protocol.md and return the JSON object of its answer. Raises what it reports."""
        return self._portal.call(self._client.ask(method, path, body, accept=accept))

    def close(self) -> None:
        """Close the connections and end the client's thread; jobs go on."""
        if self._portal.open:
            self._portal.call(self._client.close())
            self._portal.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
