"""TypeScript types of all that the editor exchanges with the server, from the same shapes that describe its API.

Written to `web/src/server/protocol.ts` by `latentloom stubs`. Knows JSON Schema as far as those shapes use it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..server.openapi import document
from ..server.openapi_events import EVENTS, MOMENTS, NODE_SHAPES, PREVIEW

__all__ = ["web_types"]

_HEAD = """// Types of all that the editor and the server exchange: shapes of the HTTP API, socket events, node types.
// Generated from the server's own descriptions by `latentloom stubs` (`make stubs`); do not edit.
// What each event and address means: docs/protocol.md and /api/loom/openapi.json.
"""
_RENAMED = {"Error": "ErrorAnswer", "Worker": "WorkerState"}  # names that browsers have already
_PLAIN = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null"}
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_METHODS = ("get", "post", "put", "patch", "delete")


def web_types() -> str:
    """Return the whole file."""
    described = document("")
    shapes: Mapping[str, Any] = described["components"]["schemas"]
    parts = [_HEAD, *(_declared(name, shape) for name, shape in {**shapes, **NODE_SHAPES}.items())]
    parts.append("export type ObjectInfo = Record<string, NodeDeclaration>;\n")
    parts.append(_declared("PreviewHead", PREVIEW, "the JSON of a binary message of kind 4"))
    parts.append(_table("EventData", EVENTS, "events that have a number, by kind"))
    parts.append(_table("MomentData", MOMENTS, "messages that say how things stand now, by kind"))
    parts.append(_EVENTS)
    parts.append(_operations(described["paths"]))
    return "\n".join(parts)


_EVENTS = """export type EventKind = keyof EventData;
export type MomentKind = keyof MomentData;

/** An event with a number; a client keeps the last it dealt with, and connects again with `after=` that number. */
export type NumberedEvent = {
  [K in EventKind]: { seq: number; at: number; kind: K; job: string | null; data: EventData[K] };
}[EventKind];

/** A message without a number of its own; `hello` and `resync` name the newest event's. */
export type Moment =
  | { seq: number; at: number; kind: "hello"; job: null; data: MomentData["hello"] }
  | { seq: number; at: number; kind: "resync"; job: null; after: number; data: MomentData["resync"] }
  | { seq?: undefined; at: number; kind: "progress"; job: string; data: MomentData["progress"] };

export type LoomEvent = NumberedEvent | Moment;

/** What a client may say. */
export type ClientMessage = { do: "previews"; on: boolean };
"""


def _declared(name: str, shape: Mapping[str, Any], about: str = "") -> str:
    text = _comment(about or str(shape.get("description", "")), "")
    own = _type(shape, 0)
    word = _RENAMED.get(name, name)
    return (
        f"{text}export interface {word} {own}\n"
        if own.startswith("{") and _is_record(shape)
        else (f"{text}export type {word} = {own};\n")
    )


def _is_record(shape: Mapping[str, Any]) -> bool:
    return "properties" in shape and "allOf" not in shape


def _table(name: str, shapes: Mapping[str, Mapping[str, Any]], about: str) -> str:
    rows = [f"  {kind}: {_type(shape, 1)};" for kind, shape in shapes.items()]
    return _comment(about, "") + f"export interface {name} {{\n" + "\n".join(rows) + "\n}\n"


def _operations(paths: Mapping[str, Any]) -> str:
    rows = [
        _operation(f"{method.upper()} {path}", methods[method])
        for path, methods in paths.items()
        for method in _METHODS
        if path.startswith("/api/loom/") and method in methods
    ]
    text = _comment("every address of /api/loom: what it takes and gives", "")
    return text + "export interface Api {\n" + "\n".join(rows) + "\n}\n\nexport type ApiCall = keyof Api;\n"


def _operation(address: str, described: Mapping[str, Any]) -> str:
    given = described.get("parameters", ())
    lines = [f"  /** {described['summary']}. */", f"  {json.dumps(address)}: {{"]
    for place in ("path", "query"):
        found = [entry for entry in given if entry["in"] == place]
        fields = {entry["name"]: entry["schema"] for entry in found}
        required = [entry["name"] for entry in found if entry.get("required")]
        shape = {"type": "object", "properties": fields, "required": required}
        lines.append(f"    {place}: {_type(shape, 2) if fields else 'Record<never, never>'};")
    body = described.get("requestBody")
    if body is None:
        lines.append("    body: undefined;")
    else:
        kinds = [_type(content.get("schema", {}), 2) for content in body["content"].values()]
        more = [] if body.get("required") else ["undefined"]
        lines.append(f"    body: {_union([*kinds, *more])};")
    answers = [
        _type(content["schema"], 2)
        for status, answer in described["responses"].items()
        if status.startswith("2")
        for kind, content in answer.get("content", {}).items()
        if kind == "application/json"
    ]
    lines += [f"    answer: {_union(answers) if answers else 'Blob'};", "  };"]
    return "\n".join(lines)


def _type(shape: Mapping[str, Any], depth: int) -> str:
    """Return the type that a shape describes; depth: how deep it stands, for the indent."""
    if "$ref" in shape:
        name = str(shape["$ref"]).rsplit("/", 1)[1]
        return _RENAMED.get(name, name)
    if "const" in shape:
        return json.dumps(shape["const"])
    if "enum" in shape:
        return _union([json.dumps(value) for value in shape["enum"]])
    if "allOf" in shape:
        return " & ".join(_type(part, depth) for part in shape["allOf"])
    if "properties" in shape:
        return _fields(shape, depth)
    for word in ("anyOf", "oneOf"):
        if word in shape:
            return _union([_type(part, depth) for part in shape[word]])
    kind = shape.get("type")
    if isinstance(kind, list):
        return _union([_type({**shape, "type": each}, depth) for each in kind])
    if kind == "array":
        return _list(shape, depth)
    if kind == "object":
        more = shape.get("additionalProperties", True)
        return f"Record<string, {_type(more, depth) if isinstance(more, Mapping) else 'unknown'}>"
    return _PLAIN.get(str(kind), "unknown")


def _fields(shape: Mapping[str, Any], depth: int) -> str:
    required = set(shape.get("required", ()))
    indent = "  " * (depth + 1)
    lines = []
    for name, field in shape["properties"].items():
        word = name if _NAME.fullmatch(name) else json.dumps(name)
        mark = "" if name in required else "?"
        lines.append(
            f"{_comment(str(field.get('description', '')), indent)}{indent}{word}{mark}: {_type(field, depth + 1)};"
        )
    if shape.get("additionalProperties") is True:
        lines.append(f"{indent}[more: string]: unknown;")
    return "{\n" + "\n".join(lines) + "\n" + "  " * depth + "}"


def _list(shape: Mapping[str, Any], depth: int) -> str:
    if "prefixItems" in shape:
        least = shape.get("minItems", 0)
        parts = [_type(part, depth) for part in shape["prefixItems"]]
        return "[" + ", ".join(f"{part}?" if place >= least else part for place, part in enumerate(parts)) + "]"
    own = _type(shape.get("items", {}), depth)
    return f"{own}[]" if _NAME.fullmatch(own) else f"Array<{own}>"


def _union(kinds: Iterable[str]) -> str:
    found = list(dict.fromkeys(kinds))
    return "unknown" if "unknown" in found else " | ".join(found)


def _comment(text: str, indent: str) -> str:
    return f"{indent}/** {text.replace('*/', '* /')} */\n" if text else ""
