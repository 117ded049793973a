"""Clients of a running server: `Client` for scripts, `AsyncClient` for programs with an event loop.

They speak `/api/loom` of docs/protocol.md: submit, watch with replay, fetch. Loads no torch and knows no queue.
"""

from __future__ import annotations

from .asynchronous import AsyncClient
from .message import Message
from .remote_job import AsyncRemoteJob
from .sync import Client, RemoteJob

__all__ = ["AsyncClient", "AsyncRemoteJob", "Client", "Message", "RemoteJob"]
