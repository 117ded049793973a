"""The Makefile's list of targets, the virtual environment where Python lacks a part, and the browser of the tests."""

import os
import re
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None or os.name == "nt", reason="needs make and sh")


def test_help_is_the_default_and_lists_every_target(root):
    default = subprocess.run(["make", "-s"], cwd=root, capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"^  make ([a-z-]+)\s+\S", default, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY:(.*)$", (root / "Makefile").read_text(), re.MULTILINE)[1].split())
    assert listed == phony
    assert {"demo", "test", "lint", "bench", "soak", "web", "web-dev", "workflows"} <= listed


class Machine:
    """A system whose Python lacks ensurepip, with an `apt-get` that brings it (or fails) and keeps a log."""

    def __init__(self, place, apt_works):
        self.place = place
        self.log = place / "apt.log"
        blocked = place / "blocked"
        blocked.mkdir()
        for module in ("ensurepip", "virtualenv"):
            (blocked / f"{module}.py").write_text("raise ImportError('left out by the distribution')\n")
        tools = place / "bin"
        tools.mkdir()
        install = f'rm -f "{blocked}"/*.py' if apt_works else "exit 1"
        (tools / "apt-get").write_text(
            f'#!/bin/sh\necho "$@" >> "{self.log}"\ncase "$*" in *install*) {install} ;; esac\n'
        )
        (tools / "apt-get").chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(blocked),
            "PYTHON": sys.executable,
        }

    def user(self, name):
        """Answer `id -u` with this number."""
        tool = self.place / "bin" / "id"
        tool.write_text(f"#!/bin/sh\necho {name}\n")
        tool.chmod(0o755)

    def make(self, root):
        return subprocess.run(
            ["sh", str(root / ".ci" / "venv"), "env"],
            cwd=self.place,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


def test_root_gets_the_missing_package(tmp_path, root):
    machine = Machine(tmp_path, apt_works=True)
    machine.user(0)
    done = machine.make(root)
    assert done.returncode == 0, done.stderr
    assert "install" in machine.log.read_text()
    assert (tmp_path / "env" / "bin" / "python").exists()
    assert (tmp_path / "env" / "bin" / "pip").exists()


@pytest.mark.parametrize(("uid", "apt_works"), [(1000, True), (0, False)])
def test_others_are_told_what_to_type(tmp_path, root, uid, apt_works):
    machine = Machine(tmp_path, apt_works)
    machine.user(uid)
    done = machine.make(root)
    assert done.returncode != 0
    package = "python{}.{}-venv".format(*sys.version_info[:2])
    assert f"apt install {package}" in done.stderr
    assert not (tmp_path / "env").exists()


def test_an_old_python_is_named_as_the_reason(tmp_path, root):
    old = tmp_path / "old"
    old.mkdir()
    for name in ("python", "python3", "python3.11", "python3.12", "python3.13"):
        (old / name).write_text("#!/bin/sh\nexit 1\n")
        (old / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{old}{os.pathsep}/usr/bin{os.pathsep}/bin", "PYTHON": ""}
    done = subprocess.run(
        ["sh", str(root / ".ci" / "venv"), "env"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "3.11, 3.12 or 3.13" in done.stderr


class Bare:
    """A system with no browser, and an `apt-get` that brings one (or fails)."""

    def __init__(self, place, uid, apt_works=True):
        self.tools = place / "bin"
        self.tools.mkdir()
        browser = f"{self.tools}/chromium"
        brings = (
            f'printf "#!/bin/sh\\n" > "{browser}"; "{shutil.which("chmod")}" +x "{browser}"' if apt_works else "exit 1"
        )
        self.tool("apt-get", f'echo "$@" >> "{place}/apt.log"; case "$*" in *install*) {brings} ;; esac')
        self.tool("id", f"echo {uid}")
        self.log = place / "apt.log"

    def tool(self, name, text):
        (self.tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.tools / name).chmod(0o755)

    def ask(self, root, **environment):
        sh = shutil.which("sh")
        return subprocess.run(
            [sh, str(root / ".ci" / "browser")],
            env={"PATH": str(self.tools), **environment},
            capture_output=True,
            text=True,
            check=False,
        )


def test_continuous_integration_gets_a_browser(tmp_path, root):
    machine = Bare(tmp_path, uid=0)
    done = machine.ask(root)
    assert done.returncode == 0, done.stderr
    assert "update" in machine.log.read_text() and "chromium" in machine.log.read_text()
    machine.log.unlink()
    assert machine.ask(root).returncode == 0
    assert not machine.log.exists(), "it is there now"


@pytest.mark.parametrize(("uid", "apt_works"), [(1000, True), (0, False)])
def test_others_are_told_how_to_get_a_browser(tmp_path, root, uid, apt_works):
    done = Bare(tmp_path, uid, apt_works).ask(root)
    assert done.returncode == 1
    assert "apt install chromium" in done.stderr and "CHROMIUM=" in done.stderr


def test_a_browser_that_is_named_is_enough(tmp_path, root):
    machine = Bare(tmp_path, uid=0)
    machine.tool("own", "exit 0")
    assert machine.ask(root, CHROMIUM=str(machine.tools / "own")).returncode == 0
    assert not machine.log.exists()
