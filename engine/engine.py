"""Engine: the one object a script needs: node types, folders, device and a cache that lives between runs.

A composition root: it builds what `run.Executor` is given, checks a graph, runs it, and raises what went wrong.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from .errors import Cancelled, UserError, brief
from .folders import Folders
from .graph.assign import assign
from .graph.builder import GraphBuilder, Handle, Wire
from .graph.graph import Graph, Link
from .graph.validate import require_valid
from .guard import TorchGuard
from .headers import HeaderFacets
from .library import load
from .library import registry as all_nodes
from .memory.device import accelerators, empty_caches, pick_device
from .memory.residency import InPlace, Residence, Residency
from .memory.software import software
from .memory.transfer import transfer_to
from .model_paths import read_extra_paths
from .node.registry import Registry
from .run.cache import Cache
from .run.cancel import CancelToken
from .run.events import Sink
from .run.executor import Executor, RunResult
from .settings import CacheChoice, Settings, load_settings, parse_cache
from .store import DeviceAccount, TorchStore
from .values import check_value

__all__ = ["Engine", "make_cache", "make_residence"]

_SHARE = 4  # of the machine's memory, one part in this many may hold cached values
_HOST_SHARE = 2  # the same where another device computes: the machine's memory then holds its models too
_WORKING = 8  # of the device's memory, one part in this many is left to what is computed
_FALLBACK_BYTES = 2 << 30  # where the system does not tell its memory


class Engine:
    """Runs graphs. Keeps what it computed between runs; `close`, or leaving a `with` block, ends its disk writer."""

    def __init__(
        self,
        data_dir: str | Path | None = None,
        device: str | None = None,
        cache: str | CacheChoice | Cache | None = None,
        *,
        registry: Registry | None = None,
        settings: Settings | None = None,
        folders: Folders | None = None,
    ) -> None:
        """data_dir, device: None takes them from the environment or picks them. cache: "off", "ram", "disk", with a
        size "ram:2G", or one made before. registry: the node types, by default all that are installed.

        Raises UserError S* for settings that cannot be.
        """
        choice = None if isinstance(cache, Cache) else cache
        flags = {"data_dir": data_dir, "device": device, "cache": choice if isinstance(choice, str) else None}
        self.settings = settings or load_settings(flags)
        extra = read_extra_paths(self.settings.extra_model_paths)
        self.folders = folders or Folders(self.settings.data_dir, extra)
        self.registry = registry or all_nodes(self.settings.data_dir / "cache", self.settings.node_folders)
        self.device = str(pick_device(self.settings.device))
        if isinstance(cache, Cache):
            self.cache: Cache | None = cache
        else:
            wanted = choice if isinstance(choice, CacheChoice) else self.settings.cache
            folder = self.settings.data_dir / "cache" / "values"
            self.cache = make_cache(wanted, self.device, folder, self.settings.vram_budget)
        self.residence = make_residence(self.device, self.cache, self.settings.vram_budget)
        self._facets = HeaderFacets(self.folders, self.settings.allow_pickle)
        self.executor = Executor(
            self.registry,
            self.cache,
            self.folders,
            self.device,
            guard=TorchGuard(),
            check_value=check_value,
            store=self.cache.store if self.cache is not None else TorchStore(),
            allowed=("pickle",) if self.settings.allow_pickle else (),
            versions=partial(software, self.device),
            residence=self.residence,
            preview_method=self.settings.preview_method,
        )

    def builder(self) -> GraphBuilder:
        """Return an empty builder for this engine's nodes."""
        return GraphBuilder(self.registry)

    def load(self, path: str | Path) -> Graph:
        """Read a workflow file, in ComfyUI's UI or API format or inside a picture. Raises as `library.load`."""
        return load(path, self.registry)

    def run(
        self,
        what: Graph | GraphBuilder | Handle | Wire | str | Path | Iterable[Wire | Handle],
        set: Mapping[str, Any] | None = None,
        *,
        sink: Sink | None = None,
        cancel: CancelToken | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run what is asked for and return its value.

        what: a wire gives its value; a node its one value, or a dict by output name, or what it announced (files
        saved) when it has no output; several of these give a list; a graph, a builder or the path of a workflow file
        runs every node with an effect and gives a dict of such dicts by node id.
        set: inputs to change first, {"3.seed": 5} (see `graph.assign`). extra: stored beside the prompt, e.g.
        {"workflow": {...}}. Raises InvalidGraph, the first failure of a node, Cancelled.
        """
        wires: list[Wire | Handle] | None = None
        if isinstance(what, (str, Path)):
            what = self.load(what)
        if isinstance(what, (Wire, Handle)):
            wires = [what]
        elif not isinstance(what, (Graph, GraphBuilder)):
            wires = list(what)
        graph = _graph_of(what if wires is None else wires)
        if set:
            graph = assign(graph, set)
        targets = None if wires is None else [_link(wire) for wire in wires]
        result = self.execute(graph, targets, sink=sink, cancel=cancel, extra=extra)
        for error in result.failures.values():
            raise error
        if result.cancelled:
            raise Cancelled()
        if wires is None:
            return {node: {**result.outputs.get(node, {}), **values} for node, values in result.values.items()}
        found = [_value(wire, result) for wire in wires]
        return found[0] if isinstance(what, (Wire, Handle)) else found

    def execute(
        self,
        graph: Graph,
        targets: Iterable[str | Link] | None = None,
        *,
        sink: Sink | None = None,
        cancel: CancelToken | None = None,
        extra: Mapping[str, Any] | None = None,
        previews: bool | Callable[[], bool] = False,
    ) -> RunResult:
        """Check and run a graph; failures of nodes are in the result. Raises InvalidGraph."""
        wanted = None if targets is None else list(targets)
        ids = None if wanted is None else [item.node if isinstance(item, Link) else item for item in wanted]
        checked = require_valid(graph, self.registry, files=self.folders, facets=self._facets, targets=ids)
        return self.executor.run(
            checked.graph, wanted, sink=sink, cancel=cancel, extra=extra, order=checked.order, previews=previews
        )

    @property
    def accelerators(self) -> tuple[str, ...]:
        """Every device of this machine but its CPU, whichever the engine uses: "cuda:0", "cuda:1", ..."""
        return accelerators()

    def free(self, *, models: bool = True, cache: bool = True) -> None:
        """Let go of what is held in memory between runs; the disk tier stays.

        cache: everything. models: only values that hold networks. Device memory goes back to the system.
        """
        if self.cache is not None:
            if cache:
                self.cache.clear()
            elif models:
                self.cache.clear_models()
        if models or cache:
            gc.collect()  # networks are full of cycles
            self.residence.free()
        empty_caches()

    def close(self) -> None:
        """Wait until the disk tier is written."""
        if self.cache is not None:
            self.cache.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def make_cache(choice: CacheChoice | str, device: str, folder: Path, vram_budget: int | None = None) -> Cache | None:
    """Return the cache that a setting asks for, with budgets for this machine; None when it is off.

    vram_budget: of the device, in bytes, for values and weights together; None is what the device has, less a share for
    what is computed.
    """
    if isinstance(choice, str):
        choice = parse_cache(choice)
    if choice.mode == "off":
        return None
    share = _SHARE if torch.device(device).type == "cpu" else _HOST_SHARE
    return Cache(
        TorchStore(),
        ram_bytes=choice.ram_bytes if choice.ram_bytes is not None else _machine_bytes() // share,
        device_bytes=_device_bytes(device) - _working_bytes(device) if vram_budget is None else vram_budget,
        disk_bytes=choice.disk_bytes if choice.mode == "disk" else 0,
        folder=folder if choice.mode == "disk" else None,
    )


def make_residence(device: str, cache: Cache | None = None, vram_budget: int | None = None) -> Residence:
    """Return what brings weights to a device, within a budget in bytes; on the processor they are there already.

    cache: whose ledger counts them too. vram_budget: None is what is free, less a share for what is computed.
    """
    kind = torch.device(device)
    if kind.type == "cpu":
        return InPlace()
    account = None if cache is None else DeviceAccount(cache)
    working = _working_bytes(device)
    transfer = transfer_to(kind)
    if vram_budget is None and transfer.free_bytes() is None:
        vram_budget = _device_bytes(device) - working  # the device does not tell what is free
    return Residency(transfer, vram_budget, working_bytes=working, account=account)


def _working_bytes(device: str) -> int:
    return _device_bytes(device) // _WORKING


def _machine_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return _FALLBACK_BYTES * _SHARE


def _device_bytes(device: str) -> int:
    kind = torch.device(device).type
    if kind == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if kind == "xpu":
        return int(torch.xpu.get_device_properties(device).total_memory)
    return _machine_bytes() if kind == "mps" else 0


def _graph_of(what: Any) -> Graph:
    if isinstance(what, Graph):
        return what
    if isinstance(what, GraphBuilder):
        return what.graph()
    builders = {id(builder): builder for builder in (_builder(item) for item in what)}
    if len(builders) != 1:
        raise UserError("G010", "outputs", "outputs of one builder", f"{len(builders)} builders", "Use one builder.")
    return next(iter(builders.values())).graph()


def _builder(item: Any) -> GraphBuilder:
    if isinstance(item, Wire):
        return item.builder
    if isinstance(item, Handle):
        return item._builder
    raise UserError("G015", "outputs", "wires or nodes of a builder", brief(item), "Give what a builder returned.")


def _link(item: Wire | Handle) -> str | Link:
    return item.link if isinstance(item, Wire) else item.node_id


def _value(item: Wire | Handle, result: RunResult) -> Any:
    if isinstance(item, Wire):
        return result.values[item.link.node][str(item.link.output)]
    values = result.values[item.node_id]
    if len(values) == 1:
        return next(iter(values.values()))
    return dict(values) if values else dict(result.outputs.get(item.node_id, {}))
