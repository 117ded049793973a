"""The command line as a whole: usage, exit codes, and that looking costs neither torch nor time."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from latentloom.engine.cli import main

INVALID = 2


def chain(path, count):
    """Write a valid chain of `count` nodes."""
    graph = {"0": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}}
    for number in range(1, count - 1):
        inputs = {"samples": [str(number - 1), 0], "flip_method": "x-axis: vertically"}
        graph[str(number)] = {"class_type": "LatentFlip", "inputs": inputs}
    graph[str(count - 1)] = {"class_type": "SaveLatent", "inputs": {"samples": [str(count - 2), 0]}}
    path.write_text(json.dumps(graph), encoding="utf-8")
    return path


@pytest.mark.parametrize("arguments", [[], ["dance"], ["run"], ["check"], ["run", "x.json", "--colour"]])
def test_what_cannot_be_parsed_exits_2_with_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == INVALID
    assert "usage: latentloom" in capsys.readouterr().err


def test_version_and_help(capsys):
    for flag, text in (("--version", "latentloom 0."), ("--help", "run a workflow")):
        with pytest.raises(SystemExit) as stop:
            main([flag])
        assert stop.value.code == 0
        assert text in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["check"], ["nodes"], ["nodes", "KSampler"], ["models"], ["--help"]])
def test_looking_loads_no_torch(python, data, flips, arguments):
    code = """
import sys
from latentloom.engine.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
assert not code, code
heavy = {"torch", "numpy", "PIL", "safetensors", "tokenizers"} & set(sys.modules)
print("\\nloaded:", sorted(heavy))
"""
    files = [str(flips)] if arguments == ["check"] else []
    folder = [] if arguments == ["--help"] else ["--data-dir", str(data)]
    assert python(code, *arguments, *files, *folder).splitlines()[-1] == "loaded: []"


def test_the_api_is_lazy_and_complete(python):
    code = """
import sys, latentloom
assert "torch" not in sys.modules
latentloom.Builder, latentloom.Graph, latentloom.load, latentloom.node, latentloom.UserError
assert "torch" not in sys.modules
for name in latentloom.__all__:
    assert getattr(latentloom, name) is not None, name
try:
    latentloom.nothing
except AttributeError as error:
    print(error)
"""
    assert "nothing" in python(code)


CPU_SECONDS = """
import subprocess, sys
def best(command):
    import resource
    found = []
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(found)
"""
"""Processor time of a whole process: on a quiet machine what the clock shows, on a busy one still the same."""


@pytest.mark.skipif(sys.platform == "win32", reason="processor time of children is asked of POSIX")
def test_checking_a_thousand_nodes_is_quick(python, tmp_path, data):
    file = chain(tmp_path / "chain.json", 1000)
    command = [sys.executable, "-P", "-m", "latentloom", "check", str(file), "--data-dir", str(data)]
    assert float(python(f"{CPU_SECONDS}print(best(sys.argv[1:]))", *command)) <= 0.3


@pytest.mark.skipif(sys.platform == "win32", reason="processor time of children is asked of POSIX")
def test_importing_the_package_is_quick(python):
    code = f"""{CPU_SECONDS}
def start(code):
    return best([sys.executable, "-P", "-c", code])
print(start("import latentloom") - start("pass"))
"""
    assert float(python(code)) <= 0.060


def test_the_console_script_is_installed(data):
    script = shutil.which("latentloom", path=str(Path(sys.executable).parent))
    assert script is not None
