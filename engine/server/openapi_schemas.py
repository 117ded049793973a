"""The shapes in the OpenAPI document: what `/api/loom` takes and gives, as JSON Schema 2020-12.

Limits come from the modules that enforce them. Data only; knows no route.
"""

from __future__ import annotations

from typing import Any

from .jobs import State
from .routes_loom_jobs import MAX_AT_ONCE
from .routes_loom_state import MAX_IDS, MAX_SEQUENCE, PAUSE
from .submissions import LONGEST_ID, LONGEST_TITLE, MAX_NODES, MAX_PRIORITY

__all__ = [
    "COUNT", "EXAMPLE", "FLAG", "NUMBER", "OBJECT", "SECONDS", "SEQUENCE", "TEXT", "Schema", "listed", "or_null",
    "record", "ref", "schemas", "strict",
]  # fmt: skip

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
COUNT: Schema = {"type": "integer", "minimum": 0}
SEQUENCE: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_SEQUENCE}
SECONDS: Schema = {"type": "number", "description": "seconds since 1970"}

EXAMPLE: Schema = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 8421504}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}, "_meta": {"title": "Grey"}},
}
"""A graph that runs anywhere, in milliseconds."""


def ref(name: str) -> Schema:
    """Return a reference to one of `schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(items: Schema, **limits: int) -> Schema:
    """Return a list of `items`; limits: minItems, maxItems."""
    return {"type": "array", "items": items, **limits}


def record(properties: Schema, *optional: str) -> Schema:
    """Return an object of answers: all `properties` are there but those named; more may come with later versions."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def schemas() -> dict[str, Schema]:
    """Return every shape that has a name."""
    return {**_errors(), **_requests(), **_answers()}


def _errors() -> dict[str, Schema]:
    parts = dict.fromkeys(("code", "kind", "where", "expected", "got", "fix", "message"), TEXT)
    places = {name: or_null(TEXT) for name in ("node_id", "input")}
    return {
        "Problem": {
            **record({**parts, **places}),
            "description": "What is wrong and where: a stable code, what was expected, what was got, what to do.",
        },
        "Error": record({"error": ref("Problem"), "problems": listed(ref("Problem")), "job": COUNT}, "problems", "job"),
    }


def _requests() -> dict[str, Schema]:
    graph = {
        "graph": or_null(ref("Graph")),
        "workflow": _given("string", minLength=1, maxLength=1024, description="name of a saved workflow, for a graph"),
    }
    order = {
        "title": _given("string", maxLength=LONGEST_TITLE),
        "priority": _given("number", minimum=-MAX_PRIORITY, maximum=MAX_PRIORITY, description="smaller runs first"),
        "front": _given("boolean", description="ahead of all that wait"),
        "held": _given("boolean", description="wait until released"),
    }
    targets = {
        "targets": or_null(
            {**listed({"type": "string", "minLength": 1, "maxLength": 256}, minItems=1, maxItems=MAX_NODES),
             "description": "ids of the nodes wanted; all with an effect if not given"}
        )
    }  # fmt: skip
    sender = {
        "idempotency_key": _given("string", minLength=1, maxLength=LONGEST_ID),
        "client_id": _given("string", minLength=1, maxLength=LONGEST_ID),
        "extra": _given("object", description="kept with the job and its pictures, as ComfyUI's extra_data"),
    }
    one = {**graph, **targets, **order, **sender}
    node = record({"class_type": TEXT, "inputs": OBJECT, "_meta": OBJECT}, "_meta")
    span = strict({"from": SEQUENCE, "to": SEQUENCE}, "from", "to")
    ids = {"ids": listed({"type": "string", "minLength": 1, "maxLength": 256}, minItems=1, maxItems=MAX_IDS)}
    return {
        "Graph": {
            "anyOf": [
                {"type": "object", "additionalProperties": node},
                {"type": "object", "properties": {"nodes": {"type": "array"}}, "required": ["nodes"]},
            ],
            "examples": [EXAMPLE],
            "description": 'a workflow in API format: id to {"class_type", "inputs"}; a link is [id, slot]; at most '
            f"{MAX_NODES:,} nodes. Or the document of ComfyUI's editor (UI format), which is brought into that form; "
            "nodes of unknown type, and what they feed, are left out of it if something remains",
        },
        "Submission": {
            **strict(one),
            **_either("graph", "workflow"),
            "examples": [{"graph": EXAMPLE, "title": "Grey"}],
        },
        "Submissions": strict({"jobs": listed(ref("Submission"), minItems=1, maxItems=MAX_AT_ONCE)}, "jobs"),
        "Run": strict(
            {"inputs": _given("object", description="by name, as the workflow's schema says"), **order, **sender}
        ),
        "Edit": {**strict({**order, **graph}), "minProperties": 1},
        "Changes": strict({**order, **graph}),
        "Check": {  # any object may be asked about; what is no graph is among the problems
            **strict({**graph, "graph": _given("object"), **targets}),
            **_either("graph", "workflow"),
            "examples": [{"graph": EXAMPLE}],
        },
        "Export": strict({"graph": {"type": "object"}}, "graph"),
        "Control": {
            **strict(
                {
                    "pause": {"enum": [*PAUSE, None]},
                    "cancel": {"oneOf": [strict(ids, "ids"), span]},
                }
            ),
            "minProperties": 1,
        },
    }


def _answers() -> dict[str, Schema]:
    place = {**dict.fromkeys(("node", "type"), or_null(TEXT)), **dict.fromkeys(("value", "total"), or_null(NUMBER))}
    running = record(place)
    job = {
        "id": TEXT,
        "sequence": SEQUENCE,
        "state": {"enum": [str(state) for state in State]},
        "held": FLAG,
        "priority": NUMBER,
        "title": TEXT,
        "created": SECONDS,
        "started": or_null(SECONDS),
        "ended": or_null(SECONDS),
        "attempts": COUNT,
        "device": or_null(TEXT),
        "client_id": or_null(TEXT),
        "nodes": COUNT,
        "outputs_count": COUNT,
        "error": or_null(OBJECT),
        "running": running,
    }
    whole = {
        **job,
        "targets": or_null(listed(TEXT)),
        "graph": OBJECT,
        "extra": OBJECT,
        "node_errors": OBJECT,
        "outputs": {
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": listed(OBJECT)},
            "description": "node to kind to items",
        },
        "stats": {**OBJECT, "description": '"seconds" and "memory" by node, "cached" and "ran" as counts'},
        "idempotency_key": or_null(TEXT),
        "live": {**OBJECT, "description": "while it runs: node to where it stands, outputs so far"},
    }
    change = record({"input": TEXT, "was": {}, "now": {}}, "was", "now")
    node = {"node": TEXT, "type": TEXT, "title": TEXT}
    note = {"level": {"enum": ["info", "warning", "error"]}, "code": TEXT, "node": or_null(TEXT), "type": or_null(TEXT)}
    return {
        "Note": {
            **record({**note, "text": TEXT}),
            "description": "what of a workflow did not map, or was replaced; it stops nothing",
        },
        "Job": record(job, "running"),
        "JobDetail": record(whole, "running", "live"),
        "Workflow": record(
            {
                "name": TEXT,
                "nodes": COUNT,
                "inputs": {**OBJECT, "description": 'a JSON Schema; "x-type" is the type on the wire'},
                "outputs": listed(record({"name": TEXT, "type": TEXT, "description": TEXT, "node": TEXT})),
                "problems": listed(ref("Problem")),
            }
        ),
        "Diff": record(
            {
                "a": TEXT,
                "b": TEXT,
                "same": FLAG,
                "added": listed(record({**node, "inputs": OBJECT})),
                "removed": listed(record({**node, "inputs": OBJECT})),
                "changed": listed(
                    record(
                        {**node, "inputs": listed(change), "was_type": TEXT, "was_title": TEXT}, "was_type", "was_title"
                    )
                ),
            }
        ),
        "Queue": record(
            {"paused": {"enum": list(PAUSE)}, "draining": FLAG, "counts": _counts(), "running": listed(ref("Job"))}
        ),
        "Curve": record({"node": TEXT, "name": TEXT, "steps": listed(NUMBER), "values": listed(or_null(NUMBER))}),
        "Worker": record(
            {
                "name": TEXT,
                "device": or_null(TEXT),
                "state": TEXT,
                "restarts": COUNT,
                "last_beat": or_null(NUMBER),
                "info": OBJECT,
            }
        ),
    }


def _counts() -> Schema:
    return record({str(state): COUNT for state in State})


def _given(kind: str, **limits: Any) -> Schema:
    """Return a field of a request; null means that it is not given."""
    return {"type": [kind, "null"], **limits}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _either(one: str, other: str) -> Schema:
    """Return the condition that exactly one of two fields is given."""
    absent = {"type": "null"}
    return {
        "oneOf": [
            {"required": [name], "properties": {name: {"not": absent}, left_out: absent}}
            for name, left_out in ((one, other), (other, one))
        ]
    }


def strict(properties: Schema, *required: str) -> Schema:
    """Return an object of requests: a field that is not known is refused."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
