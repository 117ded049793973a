"""A real server in a process of its own, for tests and benches: started, asked, killed."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

PACK = Path(__file__).parent / "pack"
LISTENING = re.compile(r"(http://[\w.\[\]:]+)")


class Serving:
    """`latentloom serve` on a free port. `url` is known once `wait` returned."""

    def __init__(self, data: Path, *flags: str, port: int = 0, nodes: Path = PACK, environment: dict[str, str] | None = None) -> None:
        self.data = data
        self.url = ""
        self.token: str | None = None
        command = [
            sys.executable, "-P", "-m", "latentloom", "serve", "--port", str(port),
            "--data-dir", str(data), "--nodes", str(nodes), *flags,
        ]  # fmt: skip
        self.begun = time.perf_counter()
        self.log = data.with_name(f"{data.name}.log").open("ab")
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self.log,
            cwd=data.parent,
            # A test that needs the editor builds it itself; a server that built beside it would slow the others down.
            env={**os.environ, "LATENTLOOM_NO_WEB": "1", **(environment or {})},
        )

    def wait(self, seconds: float = 60) -> Serving:
        """Wait until it says where it listens; fail with its log otherwise."""
        assert self.process.stdout is not None
        until = time.monotonic() + seconds
        seen = b""
        while time.monotonic() < until:
            ready, _, _ = select.select([self.process.stdout], [], [], 0.2)
            if ready:
                line = os.read(self.process.stdout.fileno(), 4096)
                if not line:
                    break
                seen += line
                if (found := LISTENING.search(seen.decode())) and b"\n" in seen:
                    self.url = found[1]
                    return self
        raise AssertionError(f"no server: {seen!r}\n{self.errors()}")

    def errors(self) -> str:
        """Return what it wrote to its log so far."""
        self.log.flush()
        return Path(self.log.name).read_text(encoding="utf-8", errors="replace")[-4000:]

    def ask(self, path: str, body: Any = None, method: str | None = None, timeout: float = 30) -> tuple[int, Any]:
        """Return (status, parsed JSON or bytes); a body is sent as JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                status, payload = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, payload = error.code, error.read()
        try:
            return status, json.loads(payload)
        except ValueError:
            return status, payload

    def kill(self) -> None:
        """kill -9, and wait for the process to be gone."""
        self.process.send_signal(signal.SIGKILL) if hasattr(signal, "SIGKILL") else self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 40) -> int:
        """Ask it to end and return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(seconds)
        self.log.close()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def __enter__(self) -> Serving:
        return self.wait()

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
        self.log.close()
        if self.process.stdout is not None:
            self.process.stdout.close()


def chain(length: int, first: int = 0) -> dict[str, Any]:
    """Return a graph of `length` nodes: a number, additions, and one that shows the sum."""
    graph: dict[str, Any] = {"0": {"class_type": "ProbeNumber", "inputs": {"value": first}}}
    for index in range(1, length - 1):
        graph[str(index)] = {"class_type": "ProbeAdd", "inputs": {"a": [str(index - 1), 0], "value": 1}}
    graph[str(length - 1)] = {"class_type": "ProbeShow", "inputs": {"value": [str(length - 2), 0]}}
    return graph
