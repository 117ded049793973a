"""Jobs in ComfyUI's forms, made from real records of our own."""

import json

import pytest

from latentloom.engine.comfy.history import STATUS, detail, entry, number, queue_item, summary
from latentloom.engine.errors import UserError
from latentloom.engine.server.jobs import Job, State

GRAPH = {"1": {"class_type": "SaveImage", "inputs": {}}}
FILE = {"filename": "a_00001_.png", "subfolder": "", "type": "output"}


def job(state=State.DONE, **fields):
    ended = state not in (State.PENDING, State.RUNNING)
    given = {
        "id": "j", "sequence": 7, "state": state, "priority": 0.0, "held": False, "graph": GRAPH, "targets": ("1",),
        "extra": {"client_id": "me", "extra_pnginfo": {"workflow": {"id": "w1"}}}, "client_id": "me", "title": "",
        "created": 100.25, "started": None if state is State.PENDING else 101.0, "ended": 103.5 if ended else None,
    }  # fmt: skip
    return Job(**{**given, **fields})


def test_a_queue_item_is_a_tuple_of_five():
    item = queue_item(job(State.PENDING))
    assert item[:3] == [7.0, "j", GRAPH] and item[4] == ["1"] and len(item) == 5
    assert item[3]["client_id"] == "me" and item[3]["create_time"] == 100250


def test_the_number_is_the_priority_where_there_is_one():
    assert number(job()) == 7.0
    assert number(job(priority=-3.5)) == -3.5


def test_the_entry_of_a_job_that_went_well():
    messages = [
        ["execution_start", {"prompt_id": "j", "timestamp": 101000}],
        ["execution_cached", {"nodes": [], "prompt_id": "j", "timestamp": 101000}],
        ["execution_success", {"prompt_id": "j", "timestamp": 103500}],
    ]
    outputs = {"1": {"images": [FILE]}}
    found = entry(job(outputs=outputs, messages=messages))
    assert set(found) == {"prompt", "outputs", "status", "meta"}
    assert found["outputs"] == outputs
    assert found["status"] == {"status_str": "success", "completed": True, "messages": messages}
    assert found["meta"] == {"1": {"node_id": "1", "display_node": "1", "parent_node": None, "real_node_id": "1"}}


def test_what_is_known_of_expanded_nodes_is_kept():
    meta = {"2.0.0.1": {"node_id": "2.0.0.1", "display_node": "2", "parent_node": "2", "real_node_id": "1"}}
    assert entry(job(meta=meta))["meta"] == meta


@pytest.mark.parametrize(
    "state, message",
    [(State.FAILED, "execution_error"), (State.CANCELLED, "execution_interrupted"), (State.DONE, "execution_success")],
)
def test_a_job_that_ended_without_a_run_says_how(state, message):
    error = UserError("J008", "job j", "a worker that lives", "one that died", "Look.").as_dict()
    status = entry(job(state, started=None, error=error if state is State.FAILED else None))["status"]
    assert status["completed"] is (state is State.DONE)
    assert status["status_str"] == ("success" if state is State.DONE else "error")
    ((kind, data),) = status["messages"]
    assert kind == message and data["prompt_id"] == "j" and data["timestamp"] == 103500
    if state is State.FAILED:
        assert data["exception_type"] == "J008" and "died" in data["exception_message"]
        assert {"node_id", "node_type", "executed", "traceback", "current_inputs", "current_outputs"} <= set(data)


def test_messages_of_the_run_are_not_doubled():
    messages = [["execution_error", {"prompt_id": "j", "node_id": "1", "exception_message": "bad"}]]
    assert entry(job(State.FAILED, messages=messages))["status"]["messages"] == messages


@pytest.mark.parametrize("state", list(State))
def test_the_jobs_api_knows_every_state(state):
    found = detail(job(state))
    assert found["status"] == STATUS[state]
    assert found["workflow"] == {"prompt": GRAPH, "extra_data": job().extra}
    assert (found["execution_status"] is None) == (state in (State.PENDING, State.RUNNING))
    assert None not in summary(job(state)).values()
    json.dumps(found, allow_nan=False)


def test_a_summary_counts_and_picks_what_can_be_shown():
    outputs = {
        "1": {"images": [{**FILE, "type": "temp"}], "animated": [True], "text": ["hello"]},
        "2": {"images": [FILE, FILE], "model": [{"filename": "x.GLB", "subfolder": "", "type": "temp"}]},
        "3": {"files": [{"filename": "y.bin", "subfolder": "", "type": "output"}]},
    }
    found = summary(job(outputs=outputs))
    assert found["outputs_count"] == 5 and found["previewable_outputs_count"] == 4
    assert found["preview_output"] == {**FILE, "nodeId": "2", "mediaType": "images"}
    assert found["workflow_id"] == "w1" and found["create_time"] == 100250
    assert (found["execution_start_time"], found["execution_end_time"]) == (101000, 103500)
    assert "execution_error" not in found


def test_a_summary_of_a_failure_carries_the_message():
    found = summary(job(State.FAILED, error={"code": "R002", "message": "it broke", "node_id": "1"}))
    assert found["execution_error"]["exception_message"] == "it broke" and found["execution_error"]["node_id"] == "1"


@pytest.mark.parametrize("extra", [{}, {"extra_pnginfo": None}, {"extra_pnginfo": {"workflow": []}}])
def test_no_workflow_no_id(extra):
    assert "workflow_id" not in summary(job(extra=extra))
