"""The shapes that the OpenAPI document cannot hold: events of the websocket, heads of previews, ComfyUI's node types.

By them the editor's types are generated (`commands/web_types`); tests hold real messages to them. Data only.
"""

from __future__ import annotations

from .jobs import State
from .openapi_schemas import COUNT, FLAG, NUMBER, OBJECT, SECONDS, SEQUENCE, TEXT, Schema, listed, or_null, record, ref
from .routes_loom_state import PAUSE

__all__ = ["EVENTS", "MOMENTS", "NODE_SHAPES", "PREVIEW"]

_PLACE: Schema = {
    "node": TEXT,
    "display": {**TEXT, "description": 'the node of the document: "12", inside subgraphs "12:7:3"'},
}

EVENTS: dict[str, Schema] = {
    "job": record(
        {
            "state": {"enum": [str(state) for state in State]},
            "sequence": SEQUENCE,
            "title": TEXT,
            "priority": NUMBER,
            "held": FLAG,
            "attempts": COUNT,
            "error": or_null(ref("Problem")),
            "created": SECONDS,
            "started": or_null(SECONDS),
            "ended": or_null(SECONDS),
            "reason": {},
        },
        "reason",
    ),
    "queue": record({"paused": {"enum": list(PAUSE)}, "remaining": COUNT}),
    "server": record({"draining": FLAG, "error": ref("Problem")}, "draining", "error"),
    "queued": record({"nodes": listed(TEXT)}),
    "cached": record({"nodes": listed(TEXT)}),
    "started": record({**_PLACE, "type": TEXT}),
    "output": record({**_PLACE, "name": TEXT, "items": listed(OBJECT)}),
    "metric": record(
        {**_PLACE, "points": listed({"type": "array", "prefixItems": [TEXT, NUMBER, or_null(NUMBER)], "minItems": 3})}
    ),
    "finished": record(
        {**_PLACE, "seconds": NUMBER, "memory": or_null({"type": "object", "additionalProperties": NUMBER})}
    ),
    "failed": record({**_PLACE, "error": ref("Problem"), "blocked": listed(TEXT)}),
    "ended": record({"status": {"enum": ["done", "failed", "cancelled"]}, "seconds": NUMBER}),
}
"""The data of events that have a number, by kind."""

MOMENTS: dict[str, Schema] = {
    "hello": record({"first": SEQUENCE, "remaining": COUNT}),
    "progress": record({**_PLACE, "value": or_null(NUMBER), "total": or_null(NUMBER), "note": OBJECT}),
    "resync": record({"reason": {"enum": ["slow", "gone"]}}),
}
"""The data of messages that have no number of their own, by kind."""

PREVIEW: Schema = record(
    {
        "node_id": TEXT,
        "prompt_id": TEXT,
        "display_node_id": _PLACE["display"],
        "parent_node_id": or_null(TEXT),
        "real_node_id": TEXT,
        "image_type": {"enum": ["image/jpeg", "image/png"]},
        "at": {**SECONDS, "description": "when the node handed the picture over, in seconds since 1970"},
    }
)
"""The JSON of a binary message of kind 4."""

_OPTIONS: Schema = {
    "type": "object",
    "properties": {
        "default": {},
        "min": NUMBER,
        "max": NUMBER,
        "step": NUMBER,
        "round": {},
        "display": TEXT,
        "control_after_generate": FLAG,
        "label_on": TEXT,
        "label_off": TEXT,
        "multiline": FLAG,
        "dynamicPrompts": FLAG,
        "forceInput": FLAG,
        "placeholder": TEXT,
        "image_upload": FLAG,
        "lazy": FLAG,
        "rawLink": FLAG,
        "tooltip": TEXT,
    },
    "additionalProperties": True,
}
_INPUT: Schema = {
    "type": "array",
    "prefixItems": [{"anyOf": [TEXT, listed({"anyOf": [TEXT, NUMBER]})]}, ref("InputOptions")],
    "minItems": 1,
    "description": "type, or the choices of a combo; then options, which may be absent",
}
_INPUTS: Schema = {"type": "object", "additionalProperties": ref("InputDeclaration")}
_NAMES: Schema = {"type": "object", "additionalProperties": TEXT}

NODE_SHAPES: dict[str, Schema] = {
    "InputOptions": _OPTIONS,
    "InputDeclaration": _INPUT,
    "Facets": {
        **record(
            {
                "input": {"type": "object", "additionalProperties": _NAMES},
                "output": listed(_NAMES),
                "from": listed(or_null(TEXT)),
            }
        ),
        "description": 'finer facts of sockets; a value that begins with "$" is a variable of the node; from: the file '
        "input by whose file an output's facets are known",
    },
    "LoomFacts": record(
        {
            "facets": ref("Facets"),
            "repeat": or_null(record({"pattern": TEXT, "types": TEXT, "minimum": COUNT, "maximum": COUNT})),
            "former_ids": listed(TEXT),
            "lane": {"enum": ["device", "cpu", "io"]},
            "seed": {**listed(TEXT), "description": "inputs that hold a random seed"},
            "file": {
                "type": "object",
                "additionalProperties": record({"folder": TEXT, "upload": FLAG, "extensions": listed(TEXT)}),
                "description": "inputs that name a file of a folder",
            },
            "prompt": {**listed(TEXT), "description": "inputs that hold a prompt, with weights"},
            "trains": FLAG,
            "version": COUNT,
        }
    ),
    "NodeDeclaration": record(
        {
            "input": record({"required": _INPUTS, "optional": _INPUTS, "hidden": {}}, "optional", "hidden"),
            "input_order": {"type": "object", "additionalProperties": listed(TEXT)},
            "is_input_list": FLAG,
            "output": listed(TEXT),
            "output_is_list": listed(FLAG),
            "output_name": listed(TEXT),
            "output_tooltips": listed(TEXT),
            "name": TEXT,
            "display_name": TEXT,
            "description": TEXT,
            "python_module": TEXT,
            "category": TEXT,
            "output_node": FLAG,
            "deprecated": FLAG,
            "experimental": FLAG,
            "search_aliases": listed(TEXT),
            "loom": ref("LoomFacts"),
        },
        "output_tooltips",
        "deprecated",
        "experimental",
        "search_aliases",
    ),
}
"""`GET /object_info`: each value is a `NodeDeclaration`."""
