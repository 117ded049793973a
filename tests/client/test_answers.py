"""Error records of the server become the same errors again."""

import json

import pytest

from latentloom.engine.client.answers import error_of, read_answer, refusal
from latentloom.engine.errors import Cancelled, EngineBug, InvalidGraph, NodeBug, Problem, UserError

PARTS = ("X001", "somewhere", "this", "that", "Mend it.")


@pytest.mark.parametrize("kind", [UserError, NodeBug, EngineBug])
def test_an_error_survives_the_way(kind):
    error = kind(*PARTS, node_id="3", input="seed")
    back = error_of(json.loads(json.dumps(error.as_dict())))
    assert type(back) is kind
    assert back.as_dict() == error.as_dict()


def test_problems_survive_the_way():
    error = InvalidGraph([Problem(*PARTS, "3", "seed"), Problem(*PARTS)])
    record = error.as_dict()
    assert error_of(record).as_dict() == record
    body = json.dumps({"error": {k: v for k, v in record.items() if k != "problems"}, "problems": record["problems"]})
    assert refusal("POST /x", 400, body.encode()).as_dict() == record
    assert isinstance(error_of(Cancelled("run").as_dict()), Cancelled)


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b'{"error": "no"}', b"\xff", b"[" * 100_000])
def test_an_answer_of_something_else_is_said_to_be_one(body):
    error = refusal("GET /x", 502, body)
    assert (error.code, error.where) == ("P103", "GET /x")
    assert "502" in error.got
    with pytest.raises(UserError):
        read_answer("GET /x", b"7" + body)


def test_a_record_without_a_code_is_no_crash():
    assert error_of({}).code == "P103"
    assert error_of({"code": "R1"}).code == "R1"
