"""The editor's own unit tests, run by Vitest in Node; here so that one command tests everything."""

import os
import subprocess

import pytest

from latentloom.engine import editor_build


def test_vitest(root):
    try:
        node = editor_build.find_node()
    except editor_build.EditorNotBuilt as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"VITEST WAS SKIPPED: {error}")
    editor_build.install(root)
    vitest = root / "web" / "node_modules" / "vitest" / "vitest.mjs"
    environment = {**os.environ, "NODE_ENV": "test", "NO_COLOR": "1", "CI": "true"}
    done = subprocess.run(
        [*node.node, str(vitest), "run", "--reporter=dot"],
        cwd=root / "web",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, f"vitest ended with {done.returncode}:\n{done.stdout[-12000:]}\n{done.stderr[-4000:]}"
    assert "Tests " in done.stdout, done.stdout[-2000:]
