"""What the OpenAPI document is put together from: operations, parameters of a query, bodies of JSON.

Data only; knows no address and no route.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .openapi_schemas import Schema

__all__ = ["as_json", "operation", "query", "words"]


def operation(
    tag: str,
    summary: str,
    answers: Mapping[int, Schema],
    parameters: Iterable[Schema] = (),
    body: Schema | None = None,
    *also: int,
) -> dict[str, Any]:
    """Return one operation; also: 507 where something is written before it is acknowledged."""
    responses: dict[str, Any] = {
        str(status): {"description": summary, "content": as_json(schema)} for status, schema in answers.items()
    }
    responses.setdefault("503", {"$ref": "#/components/responses/Unavailable"})
    for status in also:
        responses[str(status)] = {"$ref": "#/components/responses/Full"}
    responses["4XX"] = {"$ref": "#/components/responses/Error"}
    found: dict[str, Any] = {"tags": [tag], "summary": summary, "responses": responses}
    if given := list(parameters):
        found["parameters"] = given
    if body is not None:
        found["requestBody"] = {"required": True, "content": as_json(body)}
    return found


def as_json(schema: Schema) -> Schema:
    """Return the content of a body or an answer of JSON."""
    return {"application/json": {"schema": schema}}


def query(name: str, schema: Schema, description: str, *, required: bool = False) -> Schema:
    """Return a parameter of the query."""
    return {"name": name, "in": "query", "required": required, "schema": schema, "description": description}


def words(names: Iterable[str]) -> str:
    """Return the pattern of one or more of `names` with commas between them."""
    one = f"({'|'.join(sorted(names))})"
    return f"^{one}(,{one})*$"
