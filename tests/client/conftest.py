"""A real server, and a connection to it that can be disturbed."""

import sys
from pathlib import Path

import pytest

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "server"):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))

from shaky_line import TOKEN  # noqa: E402  the folder is on the path only now


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server for all tests here; everybody is asked for the token."""
    from serving import Serving

    with Serving(tmp_path_factory.mktemp("client") / "data", "--device", "cpu", "--token", TOKEN) as running:
        yield running


@pytest.fixture
def client(server):
    from latentloom import Client

    with Client(server.url, TOKEN, patience=20) as client:
        yield client


@pytest.fixture
def line(server):
    """A connection to the server that can be cut."""
    from shaky_line import ShakyLine

    with ShakyLine(int(server.url.rpartition(":")[2])) as line:
        yield line


@pytest.fixture
def shaky(line):
    """A client at the far end of the line."""
    from latentloom import Client

    with Client(line.url, TOKEN, patience=20) as client:
        yield client


@pytest.fixture
def chain():
    """`chain(milliseconds, value)`: a number, a wait, and a node that shows the number."""

    def make(milliseconds=0, value=7):
        return {
            "1": {"class_type": "ProbeNumber", "inputs": {"value": value}},
            "2": {"class_type": "ProbeSleep", "inputs": {"value": ["1", 0], "milliseconds": milliseconds}},
            "3": {"class_type": "ProbeShow", "inputs": {"value": ["2", 0]}, "_meta": {"title": "Sum"}},
        }

    return make
