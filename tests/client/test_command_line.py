"""`run`, `verify` and `doctor` with --server, against a real server."""

import json
import signal

import pytest
from PIL import Image
from shaky_line import TOKEN

from latentloom.engine.commands import remote as remote_command
from latentloom.engine.run import events

FAILED, INVALID = 1, 2


@pytest.fixture
def remote(latentloom, server):
    def run(*arguments):
        return latentloom(*arguments, "--server", server.url, "--token", TOKEN)

    return run


def test_run_shows_progress_and_fetches_the_files(remote, flips, data, tmp_path):
    code, out, err = remote("run", flips)
    assert code == 0, err
    (path,) = (data / "output" / "latents").iterdir()
    assert out.split("\n")[:-1] == [str(path)]
    lines = err.splitlines()
    assert {line.rsplit("  ", 1)[0] for line in lines[:-1]} >= {"3 SaveLatent"}
    assert lines[-1].startswith("done in ")
    code, out, _ = remote("run", flips, "--out", tmp_path / "there", "--json", "--set", "1.width=128")
    report = json.loads(out)
    assert (code, report["status"], len(report["outputs"])) == (0, "done", 1)
    assert report["outputs"][0]["path"].startswith(str(tmp_path / "there"))
    assert report["job"]


def test_run_says_what_failed(remote, tmp_path):
    graph = {
        "1": {"class_type": "ProbeNumber", "inputs": {"value": 1}},
        "2": {"class_type": "ProbeFail", "inputs": {"value": ["1", 0]}},
        "3": {"class_type": "ProbeShow", "inputs": {"value": ["2", 0]}},
    }
    path = tmp_path / "fails.json"
    path.write_text(json.dumps(graph))
    code, out, err = remote("run", path, "--json")
    report = json.loads(out)
    assert (code, report["status"]) == (FAILED, "failed")
    assert [error["node_id"] for error in report["errors"]] == ["2"]
    assert "no luck with 1" in err


@pytest.fixture
def interruptible():
    """Ctrl-C raises KeyboardInterrupt, also where the tests themselves run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_cancels_the_job_and_exits_130(remote, client, chain, tmp_path, monkeypatch):
    class Impatient(remote_command._View):
        """Presses Ctrl-C when the node that takes a minute begins."""

        def __call__(self, event):
            super().__call__(event)
            if isinstance(event, events.Started) and event.node == "2":
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(remote_command, "_View", Impatient)
    path = tmp_path / "long.json"
    path.write_text(json.dumps(chain(60_000, value=77)))
    code, out, err = remote("run", path, "--json")
    report = json.loads(out)
    assert (code, report["status"]) == (130, "cancelled"), err
    assert client.job(report["job"]).state == "cancelled"
    assert [line.split("  ")[0] for line in err.splitlines()].count("1 ProbeNumber") == 1
    assert err.splitlines()[-1].startswith("cancelled in ")


def test_run_refuses_what_is_the_servers_to_choose(remote, flips):
    for option in (("--device", "cpu"), ("--cache", "off"), ("--allow-pickle",), ("--vram-budget", "6G")):
        code, _, err = remote("run", flips, *option)
        assert (code, err[:4]) == (INVALID, "S013")


def test_a_graph_that_the_server_refuses_is_invalid_input(remote, flips):
    code, out, _ = remote("run", flips, "--set", "1.width=7", "--set", "2.flip_method=sideways", "--json")
    assert code == INVALID
    assert [problem["node_id"] for problem in json.loads(out)["errors"][0]["problems"]][-1] == "2"


def test_without_a_server_everything_says_so(latentloom, flips):
    nobody = ("--server", "http://127.0.0.1:9")
    code, _, err = latentloom("run", flips, *nobody)
    assert (code, err[:4]) == (INVALID, "P102")
    code, out, _ = latentloom("doctor", *nobody)
    assert code == FAILED
    assert out.startswith("! server")


def test_doctor_examines_the_server(remote, client, chain):
    client.submit(chain()).result()  # a worker is up by then
    code, out, _ = remote("doctor", "--json")
    findings = {finding["subject"]: finding for finding in json.loads(out)}
    assert code == 0, findings
    assert {"server", "version", "ready", "queue", "software", "device"} <= set(findings)
    assert findings["ready"]["ok"] is True
    assert [finding["text"][:3] for name, finding in findings.items() if name.startswith("worker ")] == ["cpu"]
    client.ask("POST", "/api/loom/queue", {"pause": "after_job"})
    code, out, _ = remote("doctor")
    client.ask("POST", "/api/loom/queue", {"pause": "no"})
    assert code == FAILED
    assert any(line.startswith("! queue") and "paused" in line for line in out.splitlines())


def test_a_picture_is_verified_by_the_server(remote, tmp_path):
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 32, "height": 16, "batch_size": 1, "color": 255}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "blue"}},
    }
    path = tmp_path / "blue.json"
    path.write_text(json.dumps(graph))
    code, out, err = remote("run", path)
    assert code == 0, err
    picture = out.strip()
    code, out, err = remote("verify", picture, "--json")
    assert (code, json.loads(out)["status"]) == (0, "equal"), err
    with Image.open(picture) as image:
        assert json.loads(image.text["latentloom"])["node"] == "2"
