"""Context: the narrow face of the engine that a node may ask for.

A node that needs more than its inputs declares one parameter annotated `Context`. The executor hands it an object of
this protocol; a test hands it `SilentContext`. Knows nothing of graphs, executors or torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

__all__ = ["Context", "Files", "SilentContext"]


class Files(Protocol):
    """The data folders as a node may see them (implemented by `engine.folders.Folders`)."""

    def find(self, folder: str, name: str) -> Path:
        """Return the existing file `name` of `folder` ("checkpoints", "input", ...). Raises UserError F001."""

    def names(self, folder: str, extensions: tuple[str, ...] = ()) -> tuple[str, ...]:
        """List the names that `find` would accept, sorted."""

    def roots(self, folder: str) -> tuple[Path, ...]:
        """Return the folders that `find` searches for `folder`, first hit wins; they need not exist."""

    def directory(self, kind: str) -> Path:
        """Return the writable folder of kind "input", "output", "temp", "user", "cache" or a model type."""


@runtime_checkable
class Context(Protocol):
    """What the engine offers to a running node."""

    node_id: str
    files: Files
    prompt: Mapping[str, Any] | None  # the graph as API JSON, for metadata
    extra: Mapping[str, Any]  # what the caller sent along, e.g. {"workflow": {...}}
    device: str | None  # the device asked for, e.g. "cuda:0"; None lets the node choose
    preview_method: str  # what shows unfinished pictures: "auto", "latent2rgb", "taesd" or "none"
    residence: Any  # a `memory.residency.Residence` for the networks that a node loads; None: they run where they are

    @property
    def provenance(self) -> Mapping[str, Any] | None:
        """Seeds, files with their hashes, versions and device behind the node's results, for metadata."""

    def progress(self, value: float, total: float, **note: Any) -> None:
        """Report progress; also checks for cancellation. Raises Cancelled."""

    def check(self) -> None:
        """Raise Cancelled when the run was asked to stop; cheap enough for every sampler step."""

    def preview(self, image: Any, whole: bool = False) -> None:
        """Show an intermediate picture: uint8 array [h w 3] or a PIL image. Dropped when nobody listens.

        whole: it is a result: sent in full size, in order, to whoever follows the run, asked for or not.
        """

    @property
    def wants_previews(self) -> bool:
        """Whether somebody listens to previews, so that a node can skip making them."""

    def output(self, kind: str, items: list[dict[str, Any]]) -> None:
        """Announce results for the user, e.g. output("images", [{"filename", "subfolder", "type"}])."""

    def metric(self, name: str, step: int, value: float) -> None:
        """Report one point of a curve (loss, reward)."""

    def allows(self, what: str) -> bool:
        """Whether the owner of this machine allows something that is refused by default ("pickle").

        Comes from the settings, never from a graph or from what the caller sent along.
        """

    def evaluate(self, graph: Any, inputs: Mapping[str, Any], differentiable: bool = False) -> Any:
        """Run a `SubGraph` value with placeholder values by node type and return its output."""


class SilentContext:
    """A Context that listens to nothing, for tests and for calling nodes as plain functions."""

    def __init__(self, files: Files | None = None, node_id: str = "test", device: str | None = "cpu") -> None:
        self.node_id = node_id
        self._files = files
        self.prompt: Mapping[str, Any] | None = None
        self.extra: Mapping[str, Any] = {}
        self.provenance: Mapping[str, Any] | None = None
        self.device = device
        self.preview_method = "auto"
        self.residence: Any = None
        self.outputs: list[tuple[str, list[dict[str, Any]]]] = []
        self.metrics: list[tuple[str, int, float]] = []

    @property
    def files(self) -> Files:
        """The folders given at construction. Raises LookupError when there are none."""
        if self._files is None:
            raise LookupError("this context was made without folders")
        return self._files

    @property
    def wants_previews(self) -> bool:
        """False: nobody listens."""
        return False

    def progress(self, value: float, total: float, **note: Any) -> None:
        """Do nothing."""

    def check(self) -> None:
        """Never cancel."""

    def preview(self, image: Any, whole: bool = False) -> None:
        """Drop the picture."""

    def output(self, kind: str, items: list[dict[str, Any]]) -> None:
        """Keep the announcement in `outputs`."""
        self.outputs.append((kind, items))

    def metric(self, name: str, step: int, value: float) -> None:
        """Keep the point in `metrics`."""
        self.metrics.append((name, step, value))

    def allows(self, what: str) -> bool:
        """False: nothing beyond the defaults."""
        return False

    def evaluate(self, graph: Any, inputs: Mapping[str, Any], differentiable: bool = False) -> Any:
        """Refuse: a sub-graph needs an executor. Raises LookupError."""
        raise LookupError("this context has no executor")
