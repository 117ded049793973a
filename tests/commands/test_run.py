"""`latentloom run`: what it prints and writes, how inputs are changed, and how it ends."""

import json
from pathlib import Path

import pytest

from latentloom.engine.library import package_root

FAILED, INVALID = 1, 2


def write(path, graph):
    path.write_text(json.dumps(graph), encoding="utf-8")
    return path


def test_a_bad_setting_is_refused(latentloom, flips):
    for option, value, code in (("--cache", "cloud", "S003"), ("--extra-model-paths", "absent.yaml", "F005")):
        exit_code, _, err = latentloom("run", flips, option, value)
        assert exit_code == INVALID
        assert err.startswith(code)


def test_a_refusal_as_json_is_a_record(latentloom, flips):
    code, out, _ = latentloom("run", flips, "--cache", "cloud", "--json")
    report = json.loads(out)
    assert (code, report["status"], report["errors"][0]["code"]) == (INVALID, "invalid", "S003")


def test_run_prints_the_files_and_shows_progress(latentloom, flips, data):
    code, out, err = latentloom("run", flips)
    assert code == 0, err
    files = list((data / "output" / "latents").iterdir())
    assert [str(file) for file in files] == out.split("\n")[:-1]
    assert [line.rsplit("  ", 1)[0] for line in err.splitlines()[:3]] == [
        "1 EmptyLatentImage",
        "2 Turn",
        "3 SaveLatent",
    ]
    assert err.splitlines()[-1].startswith("done in ")


def test_assignments_change_the_run(latentloom, flips, tmp_path):
    out_dir = tmp_path / "here"
    code, out, err = latentloom(
        "run", flips, "--json", "--out", out_dir, "--set", "3.filename_prefix=b", "--set", "EmptyLatentImage.width=128"
    )
    assert code == 0, err
    report = json.loads(out)
    assert report["status"] == "done"
    assert set(report["nodes"]) == {"1", "2", "3"}
    (item,) = report["outputs"]
    assert item["path"] == str(out_dir / item["filename"])
    assert item["filename"].startswith("b_")
    from safetensors.torch import load_file

    assert load_file(item["path"])["latent_tensor"].shape == (1, 4, 8, 16)


@pytest.mark.parametrize(
    ("assignment", "code"),
    [
        ("9.width=64", "G026"),
        ("LatentFlop.x=1", "G026"),
        ("1.width", "S012"),
        ("1.width=wide", "G005"),
        ("1.w=1", "G004"),
    ],
)
def test_a_wrong_assignment_runs_nothing(latentloom, flips, data, assignment, code):
    exit_code, out, err = latentloom("run", flips, "--set", assignment)
    assert (exit_code, out) == (INVALID, "")
    assert err.startswith(code)
    assert not (data / "output").exists()


def test_an_invalid_workflow_lists_all_problems_as_json(latentloom, flips, tmp_path):
    graph = json.loads(flips.read_text())
    graph["1"]["inputs"]["width"] = -8
    graph["2"]["inputs"]["flip_method"] = "sideways"
    code, out, _ = latentloom("run", write(tmp_path / "bad.json", graph), "--json")
    report = json.loads(out)
    assert code == INVALID
    assert report["status"] == "invalid"
    assert [problem["code"] for problem in report["errors"][0]["problems"]] == ["G003", "G008"]


def test_a_node_that_fails_exits_1_and_the_others_go_on(latentloom, flips, data, tmp_path):
    graph = json.loads(flips.read_text())
    (data / "input").mkdir(parents=True)
    (data / "input" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    graph["4"] = {"class_type": "LoadImage", "inputs": {"image": "torn.png"}}
    graph["5"] = {"class_type": "SaveImage", "inputs": {"images": ["4", 0], "filename_prefix": "never"}}
    code, out, err = latentloom("run", write(tmp_path / "half.json", graph), "--json")
    report = json.loads(out)
    assert code == FAILED, err
    assert report["status"] == "failed"
    assert [error["node_id"] for error in report["errors"]] == ["4"]
    assert [item["node"] for item in report["outputs"]] == ["3"]


def test_smoke_values_come_before_assignments(latentloom, flips, tmp_path):
    flips.with_suffix(".smoke.json").write_text('{"1.width": 32, "1.height": 32}')
    code, out, err = latentloom("run", flips, "--smoke", "--json", "--set", "1.width=16")
    assert code == 0, err
    from safetensors.torch import load_file

    assert load_file(json.loads(out)["outputs"][0]["path"])["latent_tensor"].shape == (1, 4, 4, 2)


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_smoke_without_a_readable_file_is_refused(latentloom, flips, content):
    if content is not None:
        flips.with_suffix(".smoke.json").write_text(content)
    code, _, err = latentloom("run", flips, "--smoke")
    assert code == INVALID
    assert "flips.smoke.json" in err


def test_a_second_process_takes_what_the_disk_remembers(python, data):
    """Only the file's prefix changes: neither model nor sampler is needed again."""
    code = """
import sys
from latentloom.engine.cli import main
raise SystemExit(main(sys.argv[1:]))
"""
    workflow = package_root() / "workflows" / "txt2img.json"
    base = ["run", str(workflow), "--smoke", "--json", "--data-dir", str(data), "--cache", "disk", "--device", "cpu"]
    first = json.loads(python(code, *base))
    second = json.loads(python(code, *base, "--set", "Save.filename_prefix=other"))
    assert {"3", "4", "8", "9"} <= set(first["nodes"])
    assert not {"3", "4", "8"} & set(second["nodes"])
    assert [Path(item["path"]).name[:5] for item in second["outputs"]] == ["other"]


def test_a_document_with_unknown_nodes_runs_as_far_as_it_can(latentloom, tmp_path):
    image = [{"name": "IMAGE", "type": "IMAGE", "links": [1, 2]}]
    wire = [{"name": "images", "type": "IMAGE", "link": 1}]
    other = [{"name": "x", "type": "IMAGE", "link": 2}]
    ui = {
        "nodes": [
            {"id": 1, "type": "EmptyImage", "inputs": [], "outputs": image, "widgets_values": [8, 8, 1, 255]},
            {"id": 2, "type": "SaveImage", "inputs": wire, "outputs": [], "widgets_values": ["blue"]},
            {"id": 3, "type": "OfAPackThatIsNotHere", "inputs": other, "outputs": []},
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 1, 0, 3, 0, "IMAGE"]],
        "version": 0.4,
    }
    (tmp_path / "ui.json").write_text(json.dumps(ui))
    code, out, err = latentloom("run", tmp_path / "ui.json", "--json")
    assert code == 0, err
    assert [item["node"] for item in json.loads(out)["outputs"]] == ["2"]
    assert "C010 node 3 (OfAPackThatIsNotHere)" in err
    code, out, err = latentloom("check", tmp_path / "ui.json", "--json")
    (report,) = json.loads(out)
    assert code == 2 and [problem["code"] for problem in report["problems"]] == ["G001"]
    assert [note["code"] for note in report["report"]] == ["C010"]
    code, out, err = latentloom("check", tmp_path / "ui.json")
    assert "C010 node 3" in err


def test_an_interrupt_stops_the_run_and_exits_130(latentloom, flips, monkeypatch):
    import signal

    from latentloom.engine.commands import run as command
    from latentloom.engine.run import events

    class Impatient(command.ProgressView):
        """Presses Ctrl-C when the first node begins."""

        def __call__(self, event):
            super().__call__(event)
            if isinstance(event, events.Started) and event.node == "1":
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(command, "ProgressView", Impatient)
    before = signal.getsignal(signal.SIGINT)
    code, out, _ = latentloom("run", flips, "--json")
    assert code == 130
    assert json.loads(out)["status"] == "cancelled"
    assert json.loads(out)["outputs"] == []
    assert signal.getsignal(signal.SIGINT) is before
