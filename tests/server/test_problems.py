"""Errors over HTTP: the status of every code, the body's shape, and that any text makes valid JSON."""

import json
import re
from pathlib import Path

import pytest

from latentloom.engine.errors import EngineBug, InvalidGraph, NodeBug, Problem, UserError
from latentloom.engine.server.problems import (
    RETRY_AFTER,
    STATUS,
    bad_field,
    bad_parameter,
    problem_response,
    status_of,
    unknown_job,
)  # fmt: skip
from latentloom.engine.server.reply import dumps

ENGINE = Path(__file__).resolve().parents[2] / "engine"


def error(code, cls=UserError):
    return cls(code, "here", "this", "that", "Do it.")


@pytest.mark.parametrize(
    "code, status",
    [
        ("J001", 409), ("J002", 409), ("J003", 429), ("J004", 409), ("J005", 409), ("J006", 400), ("J007", 404),
        ("J010", 507), ("J011", 503), ("W010", 503), ("W002", 503), ("A001", 401), ("A002", 403), ("G000", 400), ("P010", 400),
        ("F001", 404), ("X999", 400),
    ],
)  # fmt: skip
def test_status_of_a_code(code, status):
    assert status_of(error(code)) == status
    assert problem_response(error(code)).status_code == status


def test_our_own_mistakes_are_500_and_those_of_nodes_400():
    assert status_of(error("R900", EngineBug)) == status_of(error("W020", EngineBug)) == 500
    assert status_of(error("V001", NodeBug)) == 400


def test_no_error_has_another_5xx_than_those_documented():
    assert {status for status in STATUS.values() if status >= 500} == {500, 503, 507}
    assert [code for code, status in STATUS.items() if status == 500] == ["P500"]


def test_who_may_try_again_is_told_when():
    for code in ("J003", "J011", "W010"):
        response = problem_response(error(code))
        assert int(response.headers["retry-after"]) == RETRY_AFTER[response.status_code] > 0
    assert "retry-after" not in problem_response(error("J005")).headers


def test_body_is_the_record():
    given = UserError("J005", "here", "this", "that", "Do it.", node_id="3", input="seed")
    assert json.loads(problem_response(given, job=2).body) == {"error": given.as_dict(), "job": 2}


def test_problems_of_a_graph_stand_beside_the_error_once():
    problem = Problem("G001", "node 1", "a type", "none", "Mend it.", "1")
    body = json.loads(problem_response(InvalidGraph([problem, problem])).body)
    assert body["problems"] == [problem.as_dict()] * 2
    assert body["error"]["code"] == "G000" and "problems" not in body["error"]


@pytest.mark.parametrize("text", ["\ud800", "\x00", 'a"b', "é", "\u2028"])
def test_any_text_makes_valid_json(text):
    response = problem_response(UserError("G001", text, text, text, text))
    assert json.loads(response.body)["error"]["where"] == text
    assert response.headers["content-type"] == "application/json"


def test_numbers_that_json_lacks_become_null():
    found = json.loads(dumps({"a": [1.5, float("nan"), (float("inf"), -float("inf"))], "b": {"c": float("nan")}}))
    assert found == {"a": [1.5, None, [None, None]], "b": {"c": None}}


def test_short_cuts():
    assert bad_field("x", "y", 5).code == "P010" and bad_field("x", "y", 5).got == "5"
    assert bad_parameter("limit", "y", "z").where == 'parameter "limit"'
    assert unknown_job("\ud800" * 300).code == "J007" and len(unknown_job("x" * 999).got) <= 80


def test_no_code_has_two_meanings_of_status():
    """Every J code that is raised means the caller's mistake, or is known to mean that the server cannot now."""
    raised = set()
    for path in (ENGINE / "server").glob("*.py"):
        raised |= set(re.findall(r'(?:UserError|bad)\(\s*"(J\d{3})"', path.read_text(encoding="utf-8")))
    unavailable = {"J003", "J010", "J011", "J012", "J016"}
    assert unavailable <= raised
    assert all(status_of(error(code)) in (429, 503, 507) for code in unavailable)
    assert all(status_of(error(code)) < 500 for code in raised - unavailable)
