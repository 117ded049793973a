"""RunContext: the `Context` that a running node receives.

It speaks to the job that runs the node: progress becomes events (coalesced), a request to stop becomes `Cancelled`.
Knows nothing of torch.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..graph.graph import Graph
from ..node.context import Files
from .events import Metric, Output, Preview, Progress
from .memo import Memo

if TYPE_CHECKING:
    from .job import Job

__all__ = ["RunContext"]

_EVERY_SECONDS = 0.05  # the eye cannot follow more than some 20 changes of a bar a second


class RunContext:
    """Made for one node of one job; may be used from any thread while the node runs."""

    def __init__(self, job: Job, node_id: str, graphs: Iterable[Graph] = ()) -> None:
        """graphs: those of the node's sub-graph inputs, known to be valid."""
        self.node_id = node_id
        self.device: str | None = job.shared.device
        self.preview_method: str = job.shared.preview_method
        self.residence: Any = job.shared.residence
        self.extra: Mapping[str, Any] = job.extra
        self._job = job
        self._display = job.display_of(node_id)
        self._next = 0.0
        self._memo = job.memo or Memo()
        self._memo.checked += graphs

    @property
    def files(self) -> Files:
        """The data folders. Raises LookupError when the executor was made without."""
        files = self._job.shared.files
        if files is None:
            raise LookupError("this executor was made without folders")
        return files

    @property
    def prompt(self) -> Mapping[str, Any] | None:
        """The graph that is run, as API JSON."""
        return self._job.prompt

    @property
    def provenance(self) -> Mapping[str, Any] | None:
        """What the node's results are made of, see `run.provenance`."""
        return self._job.provenance_of(self._display)

    @property
    def wants_previews(self) -> bool:
        """Whether somebody listens to previews."""
        return self._job.wants_previews

    def check(self) -> None:
        """Raise Cancelled when the run was asked to stop."""
        self._job.cancel.check()

    def progress(self, value: float, total: float, **note: Any) -> None:
        """Report progress. Raises Cancelled."""
        self._job.cancel.check()
        if self._job.sink is None:
            return
        now = time.perf_counter()
        if now < self._next and value < total:
            return
        self._next = now + _EVERY_SECONDS
        self._job.emit(Progress(self.node_id, self._display, value, total, note))

    def preview(self, image: Any, whole: bool = False) -> None:
        """Show an intermediate picture to whoever listens; one that is `whole` also to who did not ask for it."""
        if whole or self._job.wants_previews:
            self._job.emit(Preview(self.node_id, self._display, image, whole))

    def output(self, kind: str, items: list[dict[str, Any]]) -> None:
        """Announce results for the user; they are also part of the run's result."""
        self._job.record_output(self._display, kind, items)
        self._job.emit(Output(self.node_id, self._display, kind, items))

    def metric(self, name: str, step: int, value: float) -> None:
        """Report one point of a curve."""
        self._job.emit(Metric(self.node_id, self._display, name, step, value))

    def allows(self, what: str) -> bool:
        """Whether the executor was made with this permission."""
        return what in self._job.shared.allowed

    def evaluate(self, graph: Any, inputs: Mapping[str, Any], differentiable: bool = False) -> Any:
        """Run a `SubGraph` value and return its output.

        inputs: values by node type; every node of such a type in the sub-graph stands for its value. differentiable:
        what depends on them is computed with gradients and not remembered; the rest comes from the cache as ever.
        Raises what the failing node raised, Cancelled, InvalidGraph for a graph that the node changed.
        """
        return self._job.shared.evaluate(self._job, graph, inputs, differentiable, self._memo)
