"""Node packs as folders of files: found through the command line and `Engine`, kept, and honest about what broke."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from latentloom.engine.engine import Engine
from latentloom.engine.errors import InvalidGraph
from latentloom.engine.graph.graph import Graph, Node
from latentloom.engine.node import manifest
from latentloom.engine.settings import load_settings

INVALID = 2
PACK = """
from latentloom.engine.node import node
{before}
@node("{id}", category="mine", outputs=["STRING"], effect=True)
def say(*, text: str = "hello") -> str:
    return text + "{ending}"
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def pack(node_id: str, ending: str = "!", before: str = "") -> str:
    return PACK.format(id=node_id, ending=ending, before=before)


@pytest.fixture(autouse=True)
def _forget():
    yield
    for name in [name for name in sys.modules if name.startswith("loompack_")]:
        del sys.modules[name]


@pytest.fixture
def own(data):
    """The data folder's own packs: one good file, one package, one that breaks, and three that are left out."""
    folder = data / "nodes"
    write(folder / "good.py", pack("PackGood"))
    write(folder / "house" / "__init__.py", "")
    write(folder / "house" / "rooms.py", "from ._paint import COLOUR\n" + pack("PackRoom", before="ENDING = COLOUR"))
    write(folder / "house" / "_paint.py", "COLOUR = 'red'\n")
    write(folder / "broken.py", "import no_such_module_anywhere\n" + pack("PackBroken"))
    for name in ("_private.py", ".hidden.py", "off.py.disabled"):
        write(folder / name, "raise RuntimeError('never imported')\n")
    write(folder / "resting.disabled" / "__init__.py", "raise RuntimeError('never imported')\n")
    return folder


def test_nodes_lists_packs_and_says_which_failed(latentloom, own):
    code, out, err = latentloom("nodes", "Pack")
    assert code == 0
    assert "PackGood" in out and "PackRoom" in out and "PackBroken" not in out
    (line,) = err.splitlines()
    assert line.startswith(str(own / "broken.py")) and "no_such_module_anywhere" in line


def test_doctor_names_the_pack_that_failed(latentloom, own):
    code, out, _ = latentloom("doctor", "--device", "cpu", "--json")
    assert code == 1
    (finding,) = [item for item in json.loads(out) if item["subject"] == "node pack"]
    assert "broken.py" in finding["text"] and "no_such_module_anywhere" in finding["text"]


def test_a_workflow_runs_a_node_of_a_pack(latentloom, own, tmp_path):
    graph = {"1": {"class_type": "PackGood", "inputs": {"text": "hi"}}}
    graph["2"] = {"class_type": "PackRoom", "inputs": {"text": ["1", 0]}}
    file = write(tmp_path / "w.json", json.dumps(graph))
    code, out, err = latentloom("run", file, "--json", "--device", "cpu")
    assert code == 0, err
    assert set(json.loads(out)["nodes"]) == {"1", "2"}


@pytest.mark.parametrize("command", ["run", "check"])
def test_an_unknown_node_names_the_pack_that_may_have_brought_it(command, latentloom, own, tmp_path):
    write(own / "other.py", "1 / 0\n")
    file = write(tmp_path / "w.json", json.dumps({"1": {"class_type": "PackBroken", "inputs": {}}}))
    code, _, err = latentloom(command, file)
    assert code == INVALID
    assert "G001" in err
    assert "broken.py" in err and "no_such_module_anywhere" in err
    assert "other.py" not in err, "only the file that speaks of the node is likely to be the reason"


def test_engine_runs_packs_and_keeps_the_traceback(own, data):
    with Engine(data_dir=data, device="cpu") as engine:
        b = engine.builder()
        assert engine.run(b.PackRoom(text="a"), set={}) == "a!"
        (failure,) = engine.registry.failures
        assert "Traceback" in failure.traceback and "broken.py" in failure.traceback
        with pytest.raises(InvalidGraph, match=r"broken\.py"):
            engine.run(Graph([Node("1", "PackBroken", {})]))


def test_looking_imports_no_pack_and_no_torch(python, own, data):
    code = """
import sys
from latentloom.engine.cli import main
assert main(["nodes", "PackRoom", "--data-dir", sys.argv[1]]) == 0
print("\\nloaded:", [name for name in sys.modules if name.startswith("loompack_") or name == "torch"])
"""
    assert python(code, str(data)).splitlines()[-1] == "loaded: []"


def test_specs_are_kept_until_any_file_of_the_pack_changes(own, data, monkeypatch):
    (own / "broken.py").unlink()
    asked = []
    refresh = manifest.refresh
    monkeypatch.setattr(manifest, "refresh", lambda modules: (asked.extend(modules), refresh(modules))[1])

    def look():
        asked.clear()
        with Engine(data_dir=data, device="cpu", cache="off") as engine:
            return engine.registry

    assert look().spec("PackRoom") is not None
    assert {Path(entry.file).name for entry in asked} == {"good.py", "__init__.py", "rooms.py"}
    assert look().failures == () and asked == []
    write(own / "house" / "_paint.py", "COLOUR = 'blue'\n")
    look()
    assert {Path(entry.file).name for entry in asked} == {"__init__.py", "rooms.py"}
    write(own / "good.py", pack("PackBetter"))
    assert look().ids.count("PackBetter") == 1 and "PackGood" not in look()


def test_a_package_that_breaks_is_told_once(latentloom, own):
    (own / "broken.py").unlink()
    write(own / "house" / "__init__.py", "1 / 0\n")
    _, out, err = latentloom("nodes", "Pack")
    assert "PackGood" in out and "PackRoom" not in out
    assert err.count("ZeroDivisionError") == 1 and len(err.splitlines()) == 1


def test_more_folders_by_flag_environment_and_file(latentloom, data, tmp_path, monkeypatch):
    for name in ("flag", "one", "two", "file"):
        write(tmp_path / name / "p.py", pack(f"Pack{name.title()}"))
    write(data / "settings.toml", 'nodes = "../file"\n')
    monkeypatch.setenv("LATENTLOOM_NODES", f"{tmp_path / 'one'}{os.pathsep}{tmp_path / 'two'}")
    code, out, err = latentloom("nodes", "Pack", "--nodes", tmp_path / "flag", "--nodes", tmp_path / "absent")
    assert code == 0
    assert all(f"Pack{name}" in out for name in ("Flag", "One", "Two", "File"))
    (line,) = err.splitlines()
    assert str(tmp_path / "absent") in line
    folders = load_settings({"data_dir": data, "nodes": [tmp_path / "flag"]}).node_folders
    assert [folder.name for folder in folders] == ["file", "one", "two", "flag"]


def test_a_built_in_node_is_never_replaced(latentloom, data):
    write(data / "nodes" / "thief.py", pack("KSampler"))
    _, out, err = latentloom("nodes", "KSampler")
    assert "LATENT" in out
    assert "N002" in err and "thief.py" in err


def test_a_pack_that_ends_its_process_takes_nobody_with_it(own, data):
    write(own / "leaves.py", "import os\nos._exit(3)\n")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "latentloom", "nodes", "Pack", "--data-dir", str(data)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "PackGood" in done.stdout and "PackRoom" in done.stdout
    assert "leaves.py" in done.stderr and "broken.py" in done.stderr
