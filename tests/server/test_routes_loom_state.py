"""Checking graphs, node types, memory, workers, curves, and what watchers ask; over a real store and registry."""

import importlib.util
import json
from pathlib import Path

import pytest

from latentloom.engine.library import registry
from latentloom.engine.server.job_view import curves
from latentloom.engine.server.live import Live

_spec = importlib.util.spec_from_file_location("server_desk", Path(__file__).with_name("desk.py"))
desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(desk)
chain = desk.chain
CHECK = "/api/loom/check"


@pytest.fixture
def client(tmp_path):
    with desk.Client(tmp_path) as client:
        yield client


def test_check_says_everything_and_queues_nothing(client):
    found = client.post(CHECK, json={"graph": chain()}).json()
    assert found == {"ok": True, "nodes": 3, "problems": [], "report": []}
    bad = chain(5000)
    bad["1"]["inputs"]["a"] = ["77", 0]
    found = client.post(CHECK, json={"graph": bad, "targets": ["9"]}).json()
    assert found["ok"] is False
    assert {"G003", "G010", "G015"} == {problem["code"] for problem in found["problems"]}
    assert all(problem["message"] and problem["fix"] for problem in found["problems"])
    assert client.hub.store.counts()["pending"] == 0


@pytest.mark.parametrize(
    "graph, code",
    [
        ({"nodes": [], "links": []}, "G014"),
        ({}, "G014"),
        ({"1": None}, "G022"),
        ({"1": {"class_type": "DeskNumber", "inputs": {"value": [1, 2, 3]}}}, "G016"),
        ({"1": {"class_type": "x" * 100_000, "inputs": {}}}, "G001"),
    ],
)
def test_check_of_what_is_hardly_a_graph(client, graph, code):
    found = client.post(CHECK, json={"graph": graph})
    assert found.status_code == 200 and code in [problem["code"] for problem in found.json()["problems"]]
    assert len(found.content) < 20_000


def test_check_refuses_more_nodes_than_a_graph_may_have(client):
    found = client.post(CHECK, json={"graph": {str(index): chain()["0"] for index in range(20_001)}}).json()
    assert [problem["code"] for problem in found["problems"]] == ["G020"]


def test_check_of_a_ring_names_it(client):
    graph = {name: {"class_type": "DeskAdd", "inputs": {"a": [other, 0]}} for name, other in ("ab", "ba")}
    assert "G007" in [problem["code"] for problem in client.post(CHECK, json={"graph": graph}).json()["problems"]]


@pytest.mark.parametrize("document", [{}, [], {"graph": 5}, {"graph": chain(), "nodes": 1}, {"graph": chain(), "targets": "2"}])
def test_checks_that_are_refused(client, document):
    assert client.code("POST", CHECK, 400, json=document) == "P010"


def test_node_types(client):
    found = client.get("/api/loom/nodes").json()
    assert set(found["nodes"]) == {"DeskNumber", "DeskAdd", "DeskShow"} and found["failures"] == []
    assert found["nodes"]["DeskAdd"]["inputs"][1]["widget"]["max"] == 1000
    assert client.get("/api/loom/nodes/DeskAdd").json() == {"node": found["nodes"]["DeskAdd"]}
    answer = client.get("/api/loom/nodes/DeskAd")
    assert answer.status_code == 404 and "DeskAdd" in answer.json()["error"]["fix"]


def test_node_types_are_those_of_now(client):
    client.get("/api/loom/nodes")
    client.hub.registry = desk.Registry([desk.number])
    assert set(client.get("/api/loom/nodes").json()["nodes"]) == {"DeskNumber"}


def test_all_built_in_node_types_can_be_shown(client):
    client.hub.registry = registry()
    found = client.get("/api/loom/nodes").json()["nodes"]
    assert len(found) == len(client.hub.registry) > 50
    assert not any("module" in entry for entry in found.values())


def test_ledger_needs_a_worker(client):
    answer = client.get("/api/loom/ledger")
    assert answer.status_code == 503 and answer.json()["error"]["code"] == "W010" and answer.headers["retry-after"]
    client.hub.workers = [desk.Worker("w0", "cpu", "idle", 0, None, {})]
    assert client.get("/api/loom/ledger").json() == {"ledger": {"asked": "ledger"}}


def test_workers(client):
    client.hub.workers = [desk.Worker("w0", None, "backing_off", 3, float("nan"), {"rss": 5})]
    assert client.get("/api/loom/workers").json()["workers"] == [
        {"name": "w0", "device": None, "state": "backing_off", "restarts": 3, "last_beat": None, "info": {"rss": 5}}
    ]


def points(live, count, node="5", name="loss"):
    """Feed a curve 1/(1 + step) of `count` points."""
    for step in range(count):
        live.feed({"kind": "metric", "node": node, "display": node, "name": name, "step": step, "value": 1 / (1 + step)})


def test_curves_while_a_job_trains_and_after(client):
    job = client.submit()["id"]
    assert client.get(f"/api/loom/metrics/{job}").json() == {"job": job, "state": "pending", "series": []}
    client.claim()
    points(client.hub.lives[job], 3)
    client.hub.lives[job].feed(
        {"kind": "metric", "node": "5", "display": "5", "name": "loss", "step": 3, "value": float("nan")}
    )
    series = {"node": "5", "name": "loss", "steps": [0, 1, 2, 3], "values": [1.0, 0.5, 1 / 3, None]}
    during = client.get(f"/api/loom/metrics/{job}").json()
    assert during == {"job": job, "state": "running", "series": [series]}
    client.finish(job, stats={"curves": client.hub.lives[job].curves})
    after = client.get(f"/api/loom/metrics/{job}").json()
    assert after == {**during, "state": "done"}
    tail = client.get(f"/api/loom/metrics/{job}?after=1").json()["series"][0]
    assert tail["steps"] == [2, 3]


@pytest.mark.parametrize("count, most", [(1, 1), (10, 10), (10, 9), (100, 7), (1000, 1), (5, 10_000)])
def test_a_long_curve_is_thinned_and_keeps_its_last_point(count, most):
    live = Live()
    points(live, count)
    (curve,) = curves(None, live, -1, most)
    assert 1 <= len(curve["steps"]) == len(curve["values"]) <= most
    assert curve["steps"][-1] == count - 1
    assert curve["values"] == [1 / (1 + step) for step in curve["steps"]]
    assert len({late - early for early, late in zip(curve["steps"], curve["steps"][1:], strict=False)}) <= 1


@pytest.mark.parametrize("query", ["after=-1", "after=x", "points=0", "points=10001"])
def test_curves_that_are_refused(client, query):
    job = client.submit()["id"]
    assert client.code("GET", f"/api/loom/metrics/{job}?{query}", 400) == "P011"


def test_health_answers_while_nothing_else_works(client):
    client.hub.draining = True
    found = client.get("/health")
    assert found.status_code == 200 and found.json()["ok"] is True
    assert found.json()["version"] == "0.0.1" and found.json()["uptime"] >= 0


def test_ready_means_that_a_job_would_run(client):
    answer = client.get("/ready")
    assert answer.status_code == 503 and answer.json() == {"ready": False, "missing": ["no worker is up"]}
    assert int(answer.headers["retry-after"]) > 0
    for state, status in (("starting", 503), ("backing_off", 503), ("stopped", 503), ("idle", 200), ("busy", 200)):
        client.hub.workers = [desk.Worker("w0", "cpu", state, 0, None, {})]
        assert client.get("/ready").status_code == status
    client.hub.draining = True
    assert client.get("/ready").json()["missing"] == ["the server is stopping"]


def test_figures_for_prometheus(client):
    client.submit()
    client.submit()
    client.claim()
    client.hub.paused = "after_node"
    client.hub.workers = [desk.Worker("w0", "cuda:0", "busy", 2, None, {}), desk.Worker("w1", None, "starting", 0, None, {})]
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    for line in (
        'latentloom_jobs{state="pending"} 1',
        'latentloom_jobs{state="running"} 1',
        'latentloom_jobs{state="done"} 0',
        "latentloom_queue_paused 1",
        "latentloom_draining 0",
        "latentloom_events_last 7",
        'latentloom_worker_up{worker="w0",device="cuda:0"} 1',
        'latentloom_worker_up{worker="w1",device=""} 0',
        'latentloom_worker_restarts_total{worker="w0",device="cuda:0"} 2',
        'latentloom_info{version="0.0.1"} 1',
    ):
        assert line in lines
    names = [line.split(" ")[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names)) >= 10


def test_everything_answered_is_strict_json(client):
    job = client.submit(title="Bücher \u2028")["id"]

    def refuse(word):
        raise AssertionError(word)

    for path in ("/api/loom/jobs", f"/api/loom/jobs/{job}", "/api/loom/queue", "/api/loom/nodes", "/health"):
        text = client.get(path).content.decode("ascii")
        json.loads(text, parse_constant=refuse)
