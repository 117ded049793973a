"""Requests made up from our own description of the API: no answer but documented ones, no 5xx but 503 and 507, no hang
beyond the minute that a caller may ask to wait for a result.

The short form of the soak, which runs the same for ten minutes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from serving import Serving


def examine(tmp_path: Path, seconds: int) -> None:
    with Serving(tmp_path / "data") as server:
        command = [
            sys.executable, "-P", "-m", "schemathesis.cli", "run", f"{server.url}/api/loom/openapi.json", "--url", server.url,
            "--checks", "not_a_server_error,content_type_conformance",
            "--phases", "fuzzing", "--max-examples", "100000", "--request-timeout", "75", "--suppress-health-check", "all",
            "--max-time", str(seconds),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 200, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert server.ask("/health")[0] == 200
        assert server.process.poll() is None


def test_half_a_minute_of_made_up_requests(tmp_path: Path) -> None:
    examine(tmp_path, 30)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_ten_minutes_of_made_up_requests(tmp_path: Path) -> None:
    examine(tmp_path, 600)
