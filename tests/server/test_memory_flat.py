"""Memory after a thousand prompts and after two thousand: the same, in the server and in its worker."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest
from follow import comfy, fresh, graph, hear_until, loom, ready, until, workers
from serving import Serving

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.timeout(600),
]


def server_bytes(server: Serving) -> int:
    """Return the resident memory of the server process."""
    status, text = server.ask("/metrics")
    assert status == 200
    found = re.search(rb"^latentloom_server_memory_bytes ([0-9.e+]+)$", text, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def worker_bytes(server: Serving) -> int:
    """Return the resident memory of the worker, as of its newest beat."""
    beat = workers(server)[0]["last_beat"]
    until(lambda: workers(server)[0]["last_beat"] > beat + 1.5)
    return int(workers(server)[0]["info"]["rss"])


def run_prompts(server: Serving, count: int) -> None:
    """Run trivial prompts, some hundred in the queue at a time, with a listener of each protocol."""
    with comfy(server, "flat") as listener, loom(server):
        for _ in range(count // 100):
            table = [graph(("ProbeAdd", {}), ("ProbeShow", {}), value=fresh()) for _ in range(100)]
            for one in table:
                status, answer = server.ask("/prompt", {"prompt": one, "client_id": "flat"})
                assert status == 200, answer
            over = {"type": "executing", "data": {"node": None, "prompt_id": answer["prompt_id"]}}
            hear_until(listener, over.__eq__)


def test_memory_does_not_grow_with_the_prompts(tmp_path: Path) -> None:
    with Serving(tmp_path / "data") as server:
        ready(server)
        run_prompts(server, 1000)
        before = server_bytes(server), worker_bytes(server)
        run_prompts(server, 1000)
        time.sleep(1)
        after = server_bytes(server), worker_bytes(server)
    told = [f"{was / 1e6:.1f} -> {now / 1e6:.1f} MB" for was, now in zip(before, after, strict=True)]
    assert all(now <= was * 1.05 for was, now in zip(before, after, strict=True)), told
    print(told)
