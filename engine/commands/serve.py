"""`latentloom serve`: the server, until it is told to stop. The first signal drains, the second ends it at once.

The composition root of the server process; loads no torch.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from .. import library
from ..errors import UserError, brief
from ..server import routes_comfy, routes_editor, routes_files, routes_loom
from ..server.access import Policy
from ..server.app import build_app
from ..server.editor import EditorBuild
from ..server.hub import Hub
from ..server.limits import HEAD_BYTES
from ..server.log import set_up_log
from ..server.policy import is_loopback
from ..server.recent_log import RecentLog
from ..server.slow_heads import PatientProtocol
from ..server.socket_transport import LoomSocket
from ..server.store import Store
from ..server.supervise import MOST_WORKERS, Workers
from ..server.token import Redact, load_or_make_token
from ..server.worker import WorkerOptions
from ..settings import CacheChoice, Settings
from .compose import folders_for, settings_for

__all__ = ["main"]

GRACEFUL_SECONDS = 3  # that connections get to end after the drain
STOP_SECONDS, HURRIED_SECONDS = 3.0, 0.5  # that workers get to end; the latter after a second signal


def main(args: argparse.Namespace) -> int:
    """Serve until told to stop; return 0. Raises UserError A* (token), J001 (folder in use), S* (settings, address)."""
    settings = settings_for(args)
    if settings.cache == CacheChoice():  # not chosen: what is computed must outlive the process, so that jobs continue
        settings = replace(settings, cache=CacheChoice("disk"))
    with _listening(args.host, args.port) as listener:
        port = listener.getsockname()[1]
        policy = _policy(args, settings, port)
        return asyncio.run(_serve(args, settings, policy, listener))


async def _serve(args: argparse.Namespace, settings: Settings, policy: Policy, listener: socket.socket) -> int:
    from ... import __version__

    devices, expand = _devices(args.workers, settings)
    store = Store.open(settings.data_dir / "jobs")
    recent = RecentLog()
    redact = Redact(policy.token)
    set_up_log(settings.data_dir / "logs", sys.stderr, redact, more=[recent], verbose=args.verbose)
    if store.recovered:
        print(store.recovered, file=sys.stderr)
    folders = folders_for(settings, args.out)
    # Packs that nobody has read yet are read by a worker: the server is up before.
    registry = library.registry(settings.data_dir / "cache", settings.node_folders, ask=False)
    workers = Workers()
    previews = args.preview_method not in (None, "none")
    hub = Hub(settings, folders, registry, store, workers, __version__, plain_previews=previews)
    editor = EditorBuild(library.package_root(), _progress)
    loop = asyncio.get_running_loop()
    recent.listener = lambda entry: loop.call_soon_threadsafe(hub.sessions.logs, [entry])
    server = _Server(_config(_application(hub, policy, recent, editor)))
    stop, at_once = asyncio.Event(), asyncio.Event()
    with _signals(stop, at_once):
        editor.start()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.002)
        _greet(policy, args)
        options = WorkerOptions(settings, Path(args.out) if args.out else None, parent=os.getpid())
        workers.start(devices, options, expand=expand)
        await hub.start(paused=args.paused)
        await asyncio.wait([asyncio.create_task(stop.wait()), serving], return_when=asyncio.FIRST_COMPLETED)
        await _drained(hub, at_once, args.drain_seconds)
        await hub.sessions.close()
        editor.stop()
        server.should_exit = True
        await serving
        await hub.stop(HURRIED_SECONDS if at_once.is_set() else STOP_SECONDS)
    return 0


async def _drained(hub: Hub, at_once: asyncio.Event, seconds: float) -> None:
    """Let running work end, unless a second signal says not to wait."""
    draining = asyncio.create_task(hub.drain(seconds))
    hurried = asyncio.create_task(at_once.wait())
    await asyncio.wait([draining, hurried], return_when=asyncio.FIRST_COMPLETED)
    for task in (draining, hurried):
        task.cancel()


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to us: it would end connections before running work has ended."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def _config(application: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        http=PatientProtocol,
        ws=LoomSocket,
        ws_max_size=1 << 20,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        ws_per_message_deflate=False,
        h11_max_incomplete_event_size=2 * HEAD_BYTES,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        timeout_keep_alive=30,
        server_header=False,
        date_header=False,
        proxy_headers=False,
    )


def _application(hub: Hub, policy: Policy, recent: RecentLog, editor: EditorBuild) -> ASGIApp:
    comfy = [*routes_comfy.routes(), *routes_files.routes()]
    own, bare = routes_loom.routes(), routes_editor.routes()
    return build_app(hub, policy, recent, editor, comfy=comfy, own=own, bare=bare)


def _policy(args: argparse.Namespace, settings: Settings, port: int) -> Policy:
    """Return who may come in. `--token` without a value, and any address but loopback, use the token of the folder."""
    token = args.token or None
    wanted = args.token is not None
    if args.no_token and wanted:
        raise UserError("S020", "command line", "--token or --no-token", "both", "Leave one out.")
    if token is None and not args.no_token and (wanted or not is_loopback(args.host)):
        token = load_or_make_token(settings.data_dir / "secrets")
    return Policy(args.host, port, tuple(args.allow_host or ()), token, require_token=wanted)


def _devices(wanted: str, settings: Settings) -> tuple[list[str | None], bool]:
    """Return the device of each worker, and whether more follow, one for each further accelerator of the machine.

    "auto" is one worker, with more to follow unless a device was chosen; "2" is two workers, "cuda:0,cuda:1" one on
    each. Raises UserError S022.
    """
    if wanted == "auto":
        return [settings.device], settings.device in (None, "auto")
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= MOST_WORKERS:
        return [settings.device] * int(wanted), False
    names = [name.strip() for name in wanted.split(",")]
    if not all(names) or wanted.lstrip("-").isdigit() or len(names) > MOST_WORKERS:
        expected = f"auto, 1 to {MOST_WORKERS}, or devices such as cuda:0,cuda:1"
        raise UserError("S022", "--workers", expected, brief(wanted), "Name how many workers, or their devices.")
    return list(names), False


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Give a bound socket. Raises UserError S021 when the address cannot be used."""
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    try:
        listener = socket.create_server((name if name != "*" else "", port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        fix = "Choose another --port, or end the program that uses it."
        raise UserError("S021", f"{host}:{port}", "an address to listen on", brief(str(error)), fix) from error
    with listener:
        yield listener


@contextmanager
def _signals(stop: asyncio.Event, at_once: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def told(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe((at_once if stop.is_set() else stop).set)

    names = [name for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)]
    before = [(getattr(signal, name), signal.signal(getattr(signal, name), told)) for name in names]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _greet(policy: Policy, args: argparse.Namespace) -> None:
    """Say where the server is; with a token, the address that lets a browser in."""
    host = "127.0.0.1" if policy.wildcard else args.host
    url = f"http://[{host.strip('[]')}]:{policy.port}" if ":" in host else f"http://{host}:{policy.port}"
    print(f"Latentloom listens on {url}", flush=True)
    if policy.token is not None:
        print(f"Open {url}/?token={policy.token}", flush=True)
