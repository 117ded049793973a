"""A supervised worker in a real process: jobs run, fail, are cancelled; calls, previews and memory beside them."""

import asyncio
import io
import time

import pytest
from house import House, check_works, entry
from PIL import Image

from latentloom.engine.errors import LatentloomError, UserError


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    house.do(house.workers.stop(5))
    assert house.worker.state == "stopped"
    house.runner.close()


def test_a_job_gives_outputs_figures_and_events_in_order(house):
    events = []
    graph = {"1": entry("TNumber", value=4), "2": entry("TAdd", a=["1", 0], b=3), "3": entry("TShow", value=["2", 0])}
    outcome = house.run(graph, seen=events, job="first")
    assert outcome.status == "done" and outcome.reason is None
    assert outcome.outputs == {"3": {"text": [{"text": "7"}]}}
    assert outcome.stats["ran"] == 3 and set(outcome.stats["seconds"]) == {"1", "2", "3"}
    order = [(event["kind"], event.get("node")) for event in events]
    assert order == [
        ("queued", None), ("started", "1"), ("finished", "1"), ("started", "2"), ("finished", "2"),
        ("started", "3"), ("output", "3"), ("finished", "3"), ("ended", None),
    ]  # fmt: skip
    times = [event["at"] for event in events]
    assert times == sorted(times) and abs(times[-1] - time.time()) < 10
    assert house.worker.state == "idle" and house.worker.device == "cpu" and house.worker.info["versions"]["torch"]


def test_what_is_remembered_does_not_run_again_but_outputs_do(house):
    graph = {"1": entry("TNumber", value=5), "2": entry("TShow", value=["1", 0])}
    house.run(graph)
    events = []
    outcome = house.run(graph, seen=events)
    assert [event["nodes"] for event in events if event["kind"] == "cached"] == [["1"]]
    assert outcome.outputs == {"2": {"text": [{"text": "5"}]}}, "a node with an effect runs each time"


def test_a_long_chain_comes_in_few_frames(house):
    chain = {"0": entry("TNumber", value=time.time_ns() % 10**9)}
    for index in range(1, 999):
        chain[str(index)] = entry("TAdd", a=[str(index - 1), 0])
    chain["999"] = entry("TShow", value=["998", 0])
    calls = []
    work = house.worker.run("long", chain, None, {}, False, calls.append, lambda *_: None, checked=True)
    assert house.do(work).status == "done"
    events = [event for batch in calls for event in batch]
    assert [event["node"] for event in events if event["kind"] == "started"] == [str(i) for i in range(1000)]
    assert len(calls) < 40


@pytest.mark.parametrize("how", ["raise", "exit", "deep"])
def test_a_failing_node_is_told_in_full_and_the_next_job_works(house, how):
    graph = {"1": entry("TNumber", value=9), "2": entry("TFail", value=["1", 0], how=how), "3": entry("TShow", value=["2", 0])}
    outcome = house.run(graph)
    assert outcome.status == "failed"
    (record,) = outcome.failures
    if how != "exit":  # SystemExit is no `Exception`: it passes the node by
        assert record["node_id"] == "2" and record["node_type"] == "TFail"
        assert record["inputs"] == {"value": "from node 1", "how": repr(how)}
    assert record["exception_type"] == {"raise": "ValueError", "exit": "SystemExit", "deep": "RecursionError"}[how]
    assert any("in fail" in line for line in record["traceback"])
    if how == "raise":
        assert record["exception_message"] == "no luck with 9" and record["code"] == "R002"
    check_works(house)


def test_what_cannot_be_planned_fails_with_all_problems(house):
    outcome = house.run({"1": entry("TNumber", value="x"), "2": entry("NoSuch")})
    assert outcome.status == "failed"
    (record,) = outcome.failures
    assert record["code"] == "G000" and {problem["code"] for problem in record["problems"]} >= {"G001", "G005"}


def test_targets_choose_what_runs(house):
    graph = {"1": entry("TNumber", value=1), "2": entry("TShow", value=["1", 0]), "3": entry("TShow", value=["1", 0])}
    assert set(house.run(graph, targets=["3"]).outputs) == {"3"}
    assert set(house.run(graph, targets=["2"], checked=True).outputs) == {"2"}


def test_cancel_stops_within_a_step_and_only_the_job_named(house):
    events = []
    took = []

    async def beside():
        await house.until(events, "progress")
        house.worker.cancel("another")
        await asyncio.sleep(0.1)
        took.append(time.monotonic())
        house.worker.cancel("steps")
        house.worker.cancel("steps")

    before = house.worker.restarts
    outcome = house.run({"1": entry("TSteps")}, job="steps", seen=events, beside=beside())
    assert outcome.status == "cancelled" and time.monotonic() - took[0] < 0.5
    assert events[-1]["kind"] == "ended" and events[-1]["status"] == "cancelled"
    check_works(house)
    time.sleep(0.8)
    check_works(house)
    assert house.worker.restarts == before, "the grace time of a job that stopped must not end the next"


def test_two_jobs_at_once_run_after_one_another_and_the_second_can_be_cancelled(house):
    async def both():
        first = asyncio.create_task(house.job({"1": entry("TSteps", count=10)}, job="a"))
        second = asyncio.create_task(house.job({"1": entry("TSteps", count=10)}, job="b"))
        third = asyncio.create_task(house.job({"1": entry("TSteps", count=11)}, job="c"))
        await asyncio.sleep(0.05)
        house.worker.cancel("b")
        return await asyncio.gather(first, second, third)

    assert [outcome.status for outcome in house.do(both())] == ["done", "cancelled", "done"]


def test_calls_are_answered_beside_a_job(house):
    events = []
    answers = {}

    async def beside():
        await house.until(events, "progress")
        for name in ("describe", "ledger", "manifest"):
            answers[name], _ = await asyncio.wait_for(house.worker.call(name), 20)
        buffer = io.BytesIO()
        Image.new("RGB", (30, 20)).save(buffer, "WEBP")
        answers["check"], _ = await house.worker.call("check_picture", buffer.getvalue())
        with pytest.raises(UserError, match="F010"):
            await house.worker.call("check_picture", b"no picture")
        with pytest.raises(UserError, match="W011"):
            await house.worker.call("no_such_call")
        with pytest.raises(LatentloomError, match="KeyError"):
            await house.worker.call("picture")
        answers["busy"] = house.worker.state
        house.worker.cancel("beside")

    outcome = house.run({"1": entry("TSteps")}, job="beside", seen=events, beside=beside())
    assert outcome.status == "cancelled" and answers["busy"] == "busy"
    assert answers["describe"]["device"] == "cpu" and answers["describe"]["devices"][0]["type"] == "cpu"
    assert answers["ledger"]["cache"]["stats"]["entries"] > 0
    assert {"TNumber", "KSampler"} <= {spec["id"] for spec in answers["manifest"]["nodes"]}
    assert answers["check"] == {"format": "webp", "type": "image/webp", "width": 30, "height": 20, "frames": 1}


def test_free_lets_go_of_what_is_cached(house):
    check_works(house)
    house.worker.free(models=True, cache=True)
    check_works(house)
    result, _ = house.do(house.worker.call("ledger"))
    assert result["cache"]["stats"]["entries"] == 1
    house.do(house.worker.call("free", models=True, cache=True))
    assert house.do(house.worker.call("ledger"))[0]["cache"]["used"]["ram"] == 0


def test_previews_are_encoded_when_somebody_looks(house):
    pictures = []
    assert house.run({"1": entry("TPictures")}, previews=True, pictures=pictures).status == "done"
    assert pictures
    header, blob = pictures[-1]
    assert header["node"] == "1" and header["format"] == "jpeg" and (header["width"], header["height"]) == (512, 256)
    assert Image.open(io.BytesIO(blob)).size == (512, 256)
    pictures.clear()
    assert house.run({"1": entry("TPictures")}, previews=False, pictures=pictures).status == "done"
    assert pictures == []


def test_who_begins_to_look_while_a_job_runs_is_shown_pictures(house):
    pictures, events = [], []

    async def beside():
        await house.until(events, "started")
        house.worker.previews(True)

    graph = {"1": entry("TPictures")}
    assert house.run(graph, seen=events, pictures=pictures, beside=beside()).status == "done"
    assert pictures
    assert house.run(graph, pictures=(later := [])).status == "done"
    assert later == []


@pytest.mark.parametrize("how", ["memory", "torch"])
def test_out_of_memory_is_an_error_of_the_job_with_the_caches_let_go(house, how):
    for _ in range(5):
        outcome = house.run({"1": entry("TNumber"), "2": entry("TFail", value=["1", 0], how=how), "3": entry("TShow", value=["2", 0])})
        (record,) = outcome.failures
        assert outcome.status == "failed" and record["code"] == "W003" and record["node_id"] == "2"
        if how == "torch":
            assert f"{4 << 50:,} bytes" in record["expected"]
        assert house.do(house.worker.call("ledger"))[0]["cache"]["stats"]["entries"] == 0
        check_works(house)
