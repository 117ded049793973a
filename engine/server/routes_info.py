"""What ComfyUI's clients ask a server about itself: nodes, machine, features, and lists that front ends expect.

Answers at once: what only a worker knows (devices, memory) is what it last said when it cannot be asked now.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..comfy.listing import Listing
from ..comfy.schema import object_info_of, object_info_text
from ..errors import LatentloomError
from .compress import Content, packed, respond
from .reach import hub_of
from .reply import Reply

if TYPE_CHECKING:
    from .hub import Hub
    from .supervise import Worker

__all__ = ["COMFYUI_VERSION", "routes"]

COMFYUI_VERSION = "0.3.64"
"""The ComfyUI whose API this server speaks; clients compare it to know what they may ask for."""

_FRONTEND, _TEMPLATES = "1.27.10", "0.1.95"  # what that ComfyUI asks of the stock front end
_PATIENCE = 0.5  # seconds that /system_stats waits for a worker's fresh figures
MAX_UPLOAD_BYTES = 100 << 20  # ComfyUI's default


def routes() -> list[Route]:
    """Return the routes."""
    info = _Info()
    return [
        Route("/object_info", info.all, methods=["GET"]),
        Route("/object_info/{node_class:path}", info.one, methods=["GET"]),
        Route("/system_stats", system_stats, methods=["GET"]),
        Route("/features", features, methods=["GET"]),
        Route("/node_replacements", node_replacements, methods=["GET"]),
        Route("/extensions", extensions, methods=["GET"]),
        Route("/workflow_templates", nothing, methods=["GET"]),
        Route("/i18n", nothing, methods=["GET"]),
    ]


class _Info:
    """/object_info, with the folder listings that its lists of files come from."""

    def __init__(self) -> None:
        self._listing: Listing | None = None
        self._content: Content | None = None

    async def all(self, request: Request) -> Response:
        """Every node type; lists of files are as the folders are now."""
        hub = hub_of(request)
        await hub.nodes_known()
        content = await asyncio.to_thread(self._packed, hub)  # folders may be slow to list
        return respond(request, content, "application/json")

    async def one(self, request: Request) -> Response:
        """One node type, {} when there is none of the name."""
        hub = hub_of(request)
        await hub.nodes_known()
        node_class = request.path_params["node_class"]
        return Reply(await asyncio.to_thread(object_info_of, node_class, hub.registry, self._files(hub)))

    def _packed(self, hub: Hub) -> Content:
        """Return the whole text, compressed anew only when it changed."""
        text = object_info_text(hub.registry, self._files(hub))
        content = self._content
        if content is None or content.data is not text:
            content = self._content = packed(text)
        return content

    def _files(self, hub: Hub) -> Listing:
        if self._listing is None or self._listing.folders is not hub.folders:
            self._listing = Listing(hub.folders)
        return self._listing


async def system_stats(request: Request) -> Response:
    """GET /system_stats: the machine and its devices; bytes."""
    hub = hub_of(request)
    known = await asyncio.gather(*(_facts(worker) for worker in hub.workers))
    devices = [entry for facts in known for entry in facts.get("devices", [])]
    first = known[0] if known else {}
    total, free = _memory()
    system = {
        "os": sys.platform,
        "ram_total": first.get("ram_total") or total,
        "ram_free": first.get("ram_free") or free,
        "comfyui_version": COMFYUI_VERSION,
        "required_frontend_version": _FRONTEND,
        "installed_templates_version": _TEMPLATES,
        "required_templates_version": _TEMPLATES,
        "python_version": sys.version,
        "pytorch_version": first.get("versions", {}).get("torch") or _version_of("torch"),
        "embedded_python": False,
        "argv": ["latentloom", "serve"],  # not the real one, which may hold a token
        "latentloom_version": hub.version,
    }
    if not devices:  # no worker has come up yet; clients count on a first device
        kind = (hub.settings.device or "cpu").partition(":")[0]
        devices = [{"name": hub.settings.device or "cpu", "type": kind, "vram_total": total, "vram_free": free}]
    return Reply({"system": system, "devices": [_device(entry) for entry in devices]})


async def features(request: Request) -> Response:
    """GET /features: what this server can do, as it also tells over the websocket."""
    return Reply({"max_upload_size": MAX_UPLOAD_BYTES, **hub_of(request).sessions.features})


async def node_replacements(request: Request) -> Response:
    """GET /node_replacements: former ids of node types and what they are called now."""
    hub = hub_of(request)
    await hub.nodes_known()
    found = {
        former: [
            {
                "new_node_id": spec.id,
                "old_node_id": former,
                "old_widget_ids": None,
                "input_mapping": None,
                "output_mapping": None,
            }
        ]
        for spec in hub.registry
        for former in spec.former_ids
    }
    return Reply(found)


async def extensions(_request: Request) -> Response:
    """GET /extensions: scripts of packs for the stock front end; our packs bring none."""
    return Reply([])


async def nothing(_request: Request) -> Response:
    """Answer {}: our packs bring no example workflows and no translations."""
    return Reply({})


async def _facts(worker: Worker) -> dict[str, Any]:
    """Return what a worker says of its machine now, or what it said last."""
    if worker.state in ("idle", "busy"):
        try:
            fresh, _ = await asyncio.wait_for(worker.call("describe"), _PATIENCE)
            if isinstance(fresh, dict):
                return fresh
        except (TimeoutError, LatentloomError):
            pass  # it is busy or has just died; what is known from before will do
    return dict(worker.info)


def _device(entry: Mapping[str, Any]) -> dict[str, Any]:
    numbers = ("vram_total", "vram_free", "torch_vram_total", "torch_vram_free")
    shown = {"name": entry.get("name", ""), "type": entry.get("type", ""), "index": entry.get("index")}
    return shown | {name: entry.get(name) or 0 for name in numbers}


def _memory() -> tuple[int, int]:
    """Return the machine's memory and what is free of it; 0 where the system does not tell."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return os.sysconf("SC_PHYS_PAGES") * page, os.sysconf("SC_AVPHYS_PAGES") * page
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, macOS not all of its names
        return 0, 0


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
