"""What ComfyUI's clients ask about the server, and its jobs API, over a real store."""

import asyncio
import importlib.util
import time
from pathlib import Path

import pytest

from latentloom.engine.errors import UserError

_spec = importlib.util.spec_from_file_location("comfy_desk", Path(__file__).with_name("comfy_desk.py"))
desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(desk)
GRAPH, FILE, REGISTRY, Client = desk.GRAPH, desk.FILE, desk.REGISTRY, desk.Client


@pytest.fixture
def client(tmp_path):
    with Client(tmp_path) as client:
        yield client


def test_object_info(client):
    folder = client.hub.folders.directory("vae")
    found = client.get("/object_info").json()
    assert list(found) == list(REGISTRY.ids)
    assert found["VAELoader"]["input"]["required"]["vae_name"][0] == []
    (folder / "new.safetensors").write_bytes(b"x")
    found = client.get("/api/object_info").json()
    assert found["VAELoader"]["input"]["required"]["vae_name"][0] == ["new.safetensors"]
    assert client.get("/object_info/VAELoader").json() == {"VAELoader": found["VAELoader"]}
    for unknown in ("Nope", "a/b", "..%2f..%2fetc"):
        answer = client.get(f"/object_info/{unknown}")
        assert answer.status_code == 200 and answer.json() == {}


class Worker:
    state, device = "busy", "cuda:0"
    info = {"devices": [{"name": "cuda:0 old", "type": "cuda", "index": 0, "vram_total": 10}]}

    def __init__(self, say):
        self.say = say

    async def call(self, name, **_):
        assert name == "describe"
        return await self.say(), b""


async def fresh():
    return {
        "devices": [{"name": "cuda:0 new", "type": "cuda", "index": 0, "vram_total": 10, "vram_free": 5}],
        "ram_total": 1000, "ram_free": 600, "versions": {"torch": "2.9"},
    }  # fmt: skip


async def never():
    await asyncio.sleep(60)


async def dead():
    raise UserError("W001", "worker", "a live one", "a dead one", "Wait.")


@pytest.mark.parametrize(
    "say, name", [(None, "cpu"), (fresh, "cuda:0 new"), (never, "cuda:0 old"), (dead, "cuda:0 old")]
)
def test_system_stats_answers_at_once(client, say, name):
    if say is not None:
        client.hub.workers = [Worker(say)]
    begun = time.perf_counter()
    found = client.get("/system_stats").json()
    assert time.perf_counter() - begun < 3
    system, devices = found["system"], found["devices"]
    assert set(system) >= {
        "os", "ram_total", "ram_free", "comfyui_version", "python_version", "pytorch_version", "embedded_python", "argv",
    }  # fmt: skip
    assert system["comfyui_version"] == "0.3.64" and system["latentloom_version"] == "9.9"
    assert [device["name"] for device in devices] == [name]
    assert set(devices[0]) == {
        "name", "type", "index", "vram_total", "vram_free", "torch_vram_total", "torch_vram_free",
    }  # fmt: skip
    if say is fresh:
        assert (system["ram_total"], system["ram_free"], system["pytorch_version"]) == (1000, 600, "2.9")
        assert devices[0]["vram_free"] == 5


def test_what_front_ends_ask_at_their_start(client):
    assert client.get("/features").json() == {"supports_preview_metadata": True, "max_upload_size": 100 << 20}
    assert client.get("/extensions").json() == []
    for path in ("/workflow_templates", "/i18n", "/api/i18n"):
        assert client.get(path).json() == {}
    replacements = client.get("/node_replacements").json()
    for former, entries in replacements.items():
        assert entries[0]["old_node_id"] == former and entries[0]["new_node_id"] in REGISTRY


def test_jobs_in_a_list(client):
    workflow = {"extra_data": {"extra_pnginfo": {"workflow": {"id": "w"}}}}
    ids = [client.submit(**(workflow if number % 2 else {})) for number in range(6)]
    client.run(outputs={"2": {"images": [FILE]}})
    client.run("failed", error={"code": "R002", "message": "it broke"})
    client.claim()
    client.post("/queue", json={"delete": [ids[5]]})

    def ask(query=""):
        found = client.get(f"/api/jobs{query}").json()
        return [job["id"] for job in found["jobs"]], found["pagination"]

    assert ask() == (ids[::-1], {"offset": 0, "limit": None, "total": 6, "has_more": False})
    assert ask("?sort_order=asc&limit=2&offset=1") == (
        ids[1:3], {"offset": 1, "limit": 2, "total": 6, "has_more": True},
    )  # fmt: skip
    assert ask("?status=completed,failed&sort_order=asc")[0] == ids[:2]
    assert ask("?status=pending")[1]["total"] == 2
    assert ask("?status=in_progress")[0] == [ids[2]] and ask("?status=cancelled")[0] == [ids[5]]
    assert ask("?workflow_id=w&limit=2") == (
        [ids[5], ids[3]], {"offset": 0, "limit": 2, "total": 3, "has_more": True},
    )  # fmt: skip
    assert ask("?workflow_id=none")[0] == []
    assert len(ask("?sort_by=execution_duration")[0]) == 6
    for wrong in ("status=odd", "sort_by=size", "sort_order=up", "limit=0", "limit=x", "offset=-1"):
        assert client.get(f"/api/jobs?{wrong}").status_code == 400


def test_one_job_looked_at_and_cancelled(client):
    ids = [client.submit() for _ in range(3)]
    client.claim()
    found = client.get(f"/api/jobs/{ids[1]}").json()
    assert found["status"] == "pending" and found["workflow"]["prompt"] == GRAPH and found["outputs"] == {}
    assert client.get("/api/jobs/unknown").status_code == 404
    assert client.post("/api/jobs/unknown/cancel").status_code == 404
    assert client.post(f"/api/jobs/{ids[1]}/cancel").json() == {"cancelled": True}
    assert client.post(f"/api/jobs/{ids[1]}/cancel").json() == {"cancelled": False}
    assert client.post("/api/jobs/cancel", json={"job_ids": [ids[0], ids[2]]}).json() == {"cancelled": True}
    assert client.get(f"/api/jobs/{ids[0]}").json()["status"] == "cancelled"
    for wrong in ({}, {"job_ids": "x"}, {"job_ids": [1]}, []):
        assert client.post("/api/jobs/cancel", json=wrong).status_code == 400


def test_every_route_has_its_method_and_its_twin(client):
    for path, method in (("/prompt", "DELETE"), ("/queue", "PUT"), ("/interrupt", "GET"), ("/object_info", "POST")):
        assert client.request(method, path).status_code == 405
        assert client.request(method, f"/api{path}").status_code == 405
