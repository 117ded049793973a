"""Supervised workers that hang, crash or lose their server; the next job always works."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from house import House, check_works, entry, options

from latentloom.engine.errors import UserError
from latentloom.engine.server.supervise import Limits, Workers

POSIX = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    house.do(house.workers.stop(5))
    assert house.worker.state == "stopped"
    house.runner.close()


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("how", ["sleep", "spin", "held"])
def test_a_node_that_ignores_the_request_to_stop_is_ended_with_its_process(house, how):
    asked = []

    async def beside():
        while house.worker.state != "busy":
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.3)
        asked.append(time.monotonic())
        house.worker.cancel("hang")

    before = house.worker.restarts
    outcome = house.run({"1": entry("THang", how=how)}, job="hang", beside=beside())
    assert outcome.status == "cancelled" and "0.7 s" in outcome.reason
    assert time.monotonic() - asked[0] < 5
    check_works(house)
    assert house.worker.restarts == before + 1


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize(("how", "told"), [("SIGKILL", "SIGKILL"), ("SIGSEGV", "SIGSEGV"), ("exit", "exit code 5")])
def test_a_crash_names_its_cause_and_node_and_the_next_job_works(house, how, told):
    graph = {"1": entry("TNumber", value=3), "7": entry("TDie", how=how, value=["1", 0])}
    idles = house.idles

    async def ask():
        with pytest.raises(UserError, match="W002"):
            while True:
                await house.worker.call("describe")

    outcome = house.run(graph, beside=asyncio.wait_for(ask(), 20))
    assert outcome.status == "died" and outcome.node == "7"
    assert outcome.reason.startswith("W001") and f"died ({told}) while TDie (node 7) ran" in outcome.reason
    (record,) = outcome.failures
    assert record["code"] == "W001" and record["node_id"] == "7" and record["node_type"] == "TDie"
    check_works(house)
    assert house.idles > idles


@POSIX
def test_a_process_that_let_go_of_its_connection_is_ended(house):
    outcome = house.run({"1": entry("TDie", how="close")})
    assert outcome.status == "died" and "TDie (node 1)" in outcome.reason
    check_works(house)


@POSIX
def test_after_a_crash_a_job_goes_on_from_what_took_long(house):
    graph = {"1": entry("TSlow", value=5), "2": entry("TAdd", a=["1", 0])}
    assert house.run({**graph, "3": entry("TLate", value=["2", 0])}).status == "died"
    events = []
    outcome = house.run({**graph, "3": entry("TShow", value=["2", 0])}, seen=events)
    assert outcome.outputs == {"3": {"text": [{"text": "6"}]}}
    assert [event["nodes"] for event in events if event["kind"] == "cached"] == [["1"]]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_a_node_started_ends_with_its_worker_and_the_death_is_noticed(house):
    """The node's own child holds the connection open; a kill of the worker alone must be noticed all the same."""
    events = []

    async def beside():
        await house.until(events, "output")
        os.kill(house.worker.info["pid"], signal.SIGKILL)

    outcome = house.run({"1": entry("TChild")}, seen=events, beside=beside())
    assert outcome.status == "died" and "SIGKILL" in outcome.reason
    (pid,) = [item["pid"] for event in events if event["kind"] == "output" for item in event["items"]]
    os.kill(pid, signal.SIGKILL)
    events.clear()

    async def stop():
        await house.until(events, "output")
        house.worker.cancel("child")

    assert house.run({"1": entry("TChild")}, job="child", seen=events, beside=stop()).status == "cancelled"
    (pid,) = [item["pid"] for event in events if event["kind"] == "output" for item in event["items"]]
    assert not alive(pid)


def test_starts_that_fail_are_tried_again_ever_less_often(tmp_path):
    async def work():
        workers = Workers(Limits(backoff=0.05, backoff_most=0.1))
        chosen = options(tmp_path)
        workers.start(["cuda:99"], chosen)
        (worker,) = workers
        assert await workers.live(0.1) is None and workers.idle() is None
        end = time.monotonic() + 60
        while worker.restarts < 1 and time.monotonic() < end:
            await asyncio.sleep(0.02)
        seen = worker.info["error"]["code"], worker.state
        await workers.stop(5)
        return seen, worker.state

    seen, state = asyncio.run(work())
    assert seen == ("S010", "backing_off") and state == "stopped"


PARENT = """
import asyncio, sys
from pathlib import Path
from latentloom.engine.server.supervise import Workers
from latentloom.engine.server.worker import WorkerOptions
from latentloom.engine.settings import Settings

async def main():
    workers = Workers()
    settings = Settings(Path(sys.argv[1]) / "data", device="cpu", nodes=(Path(sys.argv[1]) / "pack",))
    workers.start([None], WorkerOptions(settings, threads=1, die_with_parent=sys.argv[2] == "kernel"))
    worker = await workers.live(60)
    graph = {"1": {"class_type": "THang", "inputs": {"how": sys.argv[3]}}}
    assert "torch" not in sys.modules
    running = asyncio.create_task(worker.run("hang", graph, None, {}, False, lambda _: None, lambda *_: None))
    await asyncio.sleep(0.5)
    print(worker.info["pid"], flush=True)
    await running

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(("by", "how"), [("kernel", "held"), ("connection", "spin")])
def test_a_worker_ends_within_two_seconds_of_its_server(tmp_path, by, how):
    options(tmp_path)
    (tmp_path / "parent.py").write_text(PARENT, encoding="utf-8")
    command = [sys.executable, "-P", str(tmp_path / "parent.py"), str(tmp_path), by, how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
        until = time.monotonic() + 2
        while alive(pid) and time.monotonic() < until:
            time.sleep(0.01)
        gone = not alive(pid)
        if not gone:
            os.kill(pid, signal.SIGKILL)
        assert gone
