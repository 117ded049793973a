"""`/api/loom/ledger` and `/free` of a real server: what lies in the worker's memory, why, and what went."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from serving import Serving, chain

SMALL = {
    "unet_width": 32, "unet_levels": "1", "unet_attention": "1", "text_width": 64, "text_layers": 1,
    "vae_width": 32, "vae_levels": "1,1,1,1",
}  # fmt: skip
NETWORKS = {
    "new": {"class_type": "LoomNewDiffusionModel", "inputs": {**SMALL, "seed": 3}},
    "text": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["new", 1], "text": "a red circle"}},
    "latent": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    "mean": {"class_type": "PreviewAny", "inputs": {"source": ["text", 0]}},
    "show": {"class_type": "PreviewAny", "inputs": {"source": ["latent", 0]}},
}


@pytest.fixture
def server(tmp_path: Any) -> Iterator[Serving]:
    with Serving(tmp_path / "data") as running:
        yield running


def run(server: Serving, graph: dict[str, Any]) -> None:
    status, answer = server.ask("/api/loom/jobs", {"graph": graph})
    assert status < 300, answer
    until = time.monotonic() + 60
    while (job := server.ask(f"/api/loom/jobs/{answer['job']['id']}")[1]["job"])["state"] not in ("done", "failed"):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert job["state"] == "done", job["error"]


def ledger(server: Serving) -> Any:
    status, answer = server.ask("/api/loom/ledger")
    assert status == 200
    return answer["ledger"]["cache"]


def test_what_is_resident_is_listed_and_models_can_be_unloaded_alone(server: Serving) -> None:
    run(server, chain(5))
    run(server, NETWORKS)
    shown = ledger(server)
    models = {entry["type"]: entry["model"] for entry in shown["entries"]}
    assert models == {
        "ProbeNumber": False, "ProbeAdd": False, "LoomNewDiffusionModel": True, "CLIPTextEncode": False,
        "EmptyLatentImage": False,
    }  # fmt: skip
    assert shown["entries"][0]["type"] == "LoomNewDiffusionModel" and shown["total"] == len(shown["entries"]) == 7
    assert all(entry["tier"] == "ram" and not entry["pinned"] and entry["idle_seconds"] < 60 for entry in shown["entries"])
    assert server.ask("/free", {"unload_models": True})[0] == 200
    after = ledger(server)
    until = time.monotonic() + 10
    while after["total"] != 6 and time.monotonic() < until:
        after = ledger(server)
    assert not any(entry["model"] for entry in after["entries"]) and after["total"] == 6
    assert [(gone["type"], gone["reason"]) for gone in after["evictions"]] == [("LoomNewDiffusionModel", "asked")]
    assert server.ask("/free", {"free_memory": True})[0] == 200
    while after["total"] and time.monotonic() < until:
        after = ledger(server)
    assert after["entries"] == [] and after["tiers"]["disk"]["entries"] > 0
    assert len(after["evictions"]) == 7


def test_what_a_running_job_needs_is_pinned(server: Serving) -> None:
    run(server, chain(3))
    slow = chain(3)
    slow["2"] = {"class_type": "ProbeSleep", "inputs": {"value": ["1", 0], "milliseconds": 60_000}}
    slow["3"] = {"class_type": "ProbeAdd", "inputs": {"a": ["2", 0], "value": 1}}
    slow["4"] = {"class_type": "ProbeAdd", "inputs": {"a": ["1", 0], "value": 7}}
    slow["5"] = {"class_type": "ProbeShow", "inputs": {"value": ["3", 0]}}
    status, answer = server.ask("/api/loom/jobs", {"graph": slow})
    assert status < 300
    until = time.monotonic() + 30
    pinned: list[str] = []
    while not pinned and time.monotonic() < until:
        pinned = [entry["type"] for entry in ledger(server)["entries"] if entry["pinned"]]
        time.sleep(0.02)
    assert pinned == ["ProbeAdd"], "what the sleeping node was given"
    server.ask(f"/api/loom/jobs/{answer['job']['id']}/cancel", {})
    while pinned and time.monotonic() < until:
        pinned = [entry["type"] for entry in ledger(server)["entries"] if entry["pinned"]]
    assert pinned == []
