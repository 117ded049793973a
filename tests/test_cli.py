"""The command line as a whole: usage, exit codes, and that looking costs no torch."""

import shutil
import sys
from pathlib import Path

import pytest

from latentloom.engine.cli import main

INVALID = 2


@pytest.mark.parametrize("arguments", [[], ["dance"], ["run"], ["check"], ["check", "x.json", "--colour"]])
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


def test_the_console_script_is_installed(data):
    script = shutil.which("latentloom", path=str(Path(sys.executable).parent))
    assert script is not None
