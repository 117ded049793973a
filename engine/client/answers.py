"""Errors that a server reports, made into the errors that the engine raises: same code, same four parts.

Reads the records of `errors.LatentloomError.as_dict`; what is none of them becomes one that says so. Knows no network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import Cancelled, EngineBug, InvalidGraph, LatentloomError, NodeBug, Problem, UserError, brief

__all__ = ["error_of", "read_answer", "refusal"]

_PARTS = ("code", "where", "expected", "got", "fix")


def error_of(record: Mapping[str, Any]) -> LatentloomError:
    """Return the error that `record` tells of; its `node_id` and `input` are kept."""
    code, *parts = (str(record.get(name) or "") for name in _PARTS)
    if not code:
        return UserError("P103", "server", "an error with a code", brief(dict(record), 300), "See the server's log.")
    problems = record.get("problems")
    if isinstance(problems, list):
        return InvalidGraph([_problem(item) for item in problems if isinstance(item, Mapping)])
    kind = record.get("kind")
    if kind == "Cancelled":
        return Cancelled(parts[0])
    cls: type[LatentloomError] = {"NodeBug": NodeBug, "EngineBug": EngineBug}.get(str(kind), UserError)
    return cls(code, *parts, node_id=_text(record.get("node_id")), input=_text(record.get("input")))


def refusal(asked: str, status: int, body: bytes) -> LatentloomError:
    """Return the error of an answer that is no success. asked: method and path."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    record = data.get("error") if isinstance(data, dict) else None
    if isinstance(record, dict) and record.get("code"):
        return error_of({**record, **({"problems": data["problems"]} if "problems" in data else {})})
    got = f"HTTP {status}" + (f" {brief(body[:200].decode(errors='replace'), 120)}" if body else "")
    return UserError("P103", asked, "an answer of a Latentloom server", got, "Check the address and the version.")


def read_answer(asked: str, body: bytes) -> dict[str, Any]:
    """Return a JSON object. Raises UserError P103."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise refusal(asked, 200, body)
    return data


def _problem(record: Mapping[str, Any]) -> Problem:
    code, where, expected, got, fix = (str(record.get(name) or "") for name in _PARTS)
    return Problem(code, where, expected, got, fix, _text(record.get("node_id")), _text(record.get("input")))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
