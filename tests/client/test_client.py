"""The client against a real server: submit, watch, result, fetch, cancel, errors."""

import asyncio
import io
import threading

import pytest
from PIL import Image
from shaky_line import TOKEN

import latentloom
from latentloom.engine.errors import Cancelled, InvalidGraph, LatentloomError, UserError
from latentloom.engine.graph.builder import GraphBuilder
from latentloom.engine.library import registry
from latentloom.engine.run import events

WRITE = {
    "1": {"class_type": "ProbeNumber", "inputs": {"value": 5}},
    "2": {"class_type": "ProbeWrite", "inputs": {"value": ["1", 0], "name": "five", "kilobytes": 300}},
}


def test_a_job_is_told_from_its_beginning_to_its_end_once_and_in_order(client, chain):
    job = client.submit(chain(30, value=11), title="told")
    messages = list(job.messages())
    assert job.state == "done"
    numbers = [message.seq for message in messages if message.seq is not None]
    assert numbers == sorted(set(numbers))
    states = [message.data["state"] for message in messages if message.kind == "job"]
    assert states == ["pending", "running", "done"]
    for kind in ("started", "finished"):
        assert [message.data["node"] for message in messages if message.kind == kind] == ["1", "2", "3"]
    assert {message.job for message in messages} == {job.id}
    assert job.result() == {"3": {"text": [{"text": "11"}]}}


def test_it_can_be_told_again_when_it_is_over(client, chain):
    job = client.submit(chain(value=12))
    first = [message.seq for message in job.messages() if message.seq is not None]
    again = client.job(job.id)
    assert again.state == "done"
    assert [message.seq for message in again.messages() if message.seq is not None] == first


def test_watching_gives_the_events_of_a_local_run(client, chain):
    seen = []
    assert client.submit(chain(100, value=13)).watch(seen.append) == "done"
    kinds = [type(event) for event in seen if not isinstance(event, events.Progress)]
    assert kinds[0] is events.Queued
    assert kinds[-1] is events.Ended
    assert kinds.count(events.Started) == kinds.count(events.Finished) == 3
    assert any(isinstance(event, events.Progress) and event.node == "2" for event in seen)


def test_watching_shows_progress_on_standard_error(client, chain, capsys):
    client.submit(chain(value=14)).watch()
    shown = capsys.readouterr().err.splitlines()
    assert [line.rsplit("  ", 1)[0] for line in shown[:3]] == ["1 ProbeNumber", "2 ProbeSleep", "3 Sum"]
    assert shown[-1].startswith("done in ")


def test_files_are_fetched_whole_and_nothing_is_overwritten(client, server, tmp_path):
    (path,) = client.submit(WRITE).fetch(tmp_path / "here")
    assert path == tmp_path / "here" / "five.txt"
    assert path.read_bytes() == (server.data / "output" / "five.txt").read_bytes()
    assert path.stat().st_size == 300 * 1024 + len("whole")
    assert client.submit(WRITE).fetch(tmp_path / "here") == [path]
    path.write_text("mine")
    (other,) = client.submit(WRITE).fetch(tmp_path / "here")
    assert other.name == "five-2.txt"
    assert path.read_text() == "mine"
    assert sorted(file.name for file in path.parent.iterdir()) == ["five-2.txt", "five.txt"]


def test_wires_of_a_builder_are_the_targets(client, tmp_path):
    builder = GraphBuilder(registry())
    latent = builder.EmptyLatentImage(width=64, height=64, batch_size=1)
    builder.SaveLatent(samples=latent, filename_prefix="unwanted")
    wanted = builder.SaveLatent(samples=latent, filename_prefix="wanted")
    job = client.submit(wanted)
    assert [path.name[:6] for path in job.fetch(tmp_path)] == ["wanted"]
    assert job.read()["targets"] == [wanted.node_id]


def test_inputs_can_be_set_first(client, tmp_path, flips):
    job = client.submit(flips, {"3.filename_prefix": "changed"})
    assert job.read()["title"] == "flips"
    assert [path.name[:7] for path in job.fetch(tmp_path)] == ["changed"]


def test_every_problem_of_a_graph_is_raised_at_once(client, flips):
    with pytest.raises(InvalidGraph) as caught:
        client.submit(flips, {"1.width": -8, "2.flip_method": "sideways"})
    assert [(problem.code, problem.node_id) for problem in caught.value.problems] == [("G003", "1"), ("G008", "2")]


def test_the_failure_of_a_node_is_raised(client, chain):
    graph = {**chain(), "2": {"class_type": "ProbeFail", "inputs": {"value": ["1", 0]}}}
    job = client.submit(graph)
    assert job.watch(lambda event: None) == "failed"
    with pytest.raises(LatentloomError) as caught:
        job.result()
    assert caught.value.node_id == "2"
    assert "no luck with 7" in str(caught.value)


def test_a_running_job_is_cancelled(client, chain):
    job = client.submit(chain(60_000, value=15))
    for message in job.messages():
        if message.kind == "started" and message.data["node"] == "2":
            job.cancel()
    assert job.state == "cancelled"
    with pytest.raises(Cancelled):
        job.result()
    job.cancel()  # nothing is left to do


def test_waiting_has_a_limit_and_the_job_goes_on(client, chain):
    job = client.submit(chain(700, value=16))
    with pytest.raises(TimeoutError):
        job.result(timeout=0.2)
    assert job.result(timeout=30) == {"3": {"text": [{"text": "16"}]}}


def test_a_held_job_waits(client, chain):
    job = client.submit(chain(value=17), held=True)
    assert job.read()["held"] is True
    client.ask("POST", f"/api/loom/jobs/{job.id}/release")
    assert job.result(timeout=30)
    assert job.id in [other.id for other in client.jobs("done")]


def test_previews_come_when_asked_for(client):
    graph = {
        "1": {"class_type": "ProbeNumber", "inputs": {"value": 3}},
        "2": {"class_type": "ProbePicture", "inputs": {"value": ["1", 0], "side": 32, "count": 60}},
    }
    job, pictures = client.submit(graph, held=True), []
    for message in job.messages(previews=True):
        if message.kind == "job" and message.data["held"] and message.data["state"] == "pending":
            client.ask("POST", f"/api/loom/jobs/{job.id}/release")
        pictures += [message] if message.kind == "preview" else []
    assert pictures and all(message.data["node"] == "2" for message in pictures)
    assert Image.open(io.BytesIO(pictures[0].picture)).size == (32, 32)
    assert not [message for message in client.submit({**graph, "1": {**graph["1"], "inputs": {"value": 4}}}).messages() if message.picture]


def test_one_key_is_one_job(client, chain):
    one = client.submit(chain(value=18), idempotency_key="key-18")
    assert client.submit(chain(value=18), idempotency_key="key-18").id == one.id
    with pytest.raises(UserError) as caught:
        client.submit(chain(value=19), idempotency_key="key-18")
    assert caught.value.code == "J002"


def test_threads_share_a_client(client, chain):
    results = {}

    def work(value):
        results[value] = client.submit(chain(value=value)).result(timeout=60)

    threads = [threading.Thread(target=work, args=(value,)) for value in range(100, 108)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {value: {"3": {"text": [{"text": str(value)}]}} for value in range(100, 108)}


def test_the_asynchronous_client_does_the_same(server, chain):
    async def work():
        async with latentloom.AsyncClient(server.url, TOKEN) as client:
            jobs = [await client.submit(chain(20, value=value)) for value in (200, 201, 202)]
            states = await asyncio.gather(*(job.watch(lambda event: None) for job in jobs))
            return states, [await job.result() for job in jobs]

    states, results = asyncio.run(work())
    assert states == ["done"] * 3
    assert [result["3"]["text"][0]["text"] for result in results] == ["200", "201", "202"]


def test_a_client_works_inside_a_running_loop(client, chain):
    """As in a notebook, whose cells run in one."""

    async def cell():
        return client.submit(chain(value=21)).result(timeout=30)

    assert asyncio.run(cell()) == {"3": {"text": [{"text": "21"}]}}


@pytest.mark.parametrize("token", [None, "another"])
def test_without_the_token_nothing_is_told(server, chain, token):
    with latentloom.Client(server.url, token) as stranger, pytest.raises(UserError) as caught:
        stranger.submit(chain())
    assert caught.value.code.startswith("A")


def test_the_launch_address_holds_the_token(server, chain):
    with latentloom.Client(f"{server.url}/?token={TOKEN}") as client:
        assert client.url == server.url
        assert client.submit(chain(value=22)).result(timeout=30)


def test_an_unknown_job_is_named(client):
    with pytest.raises(UserError) as caught:
        client.job("no/such job")
    assert caught.value.code in ("J007", "P404")


def test_importing_the_package_loads_no_http(python):
    code = "import latentloom, sys; print([m for m in ('httpx2', 'websockets', 'asyncio', 'torch') if m in sys.modules])"
    assert python(code).strip() == "[]"
    assert python("import latentloom, sys; latentloom.Client; print('torch' in sys.modules)").strip() == "False"
