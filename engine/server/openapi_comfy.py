"""ComfyUI's addresses in the OpenAPI document, in brief: their shapes are ComfyUI's, told in docs/protocol.md.

One line each: method, path, body, what it does, parameters of the query. Data only; knows no route.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["comfy_paths"]

_LINES = """
GET    /prompt                    -      How many jobs wait or run
POST   /prompt                    json   Submit a graph; 200 with its id, 400 with ComfyUI's node errors
GET    /queue                     -      What runs and what waits
POST   /queue                     json   Take waiting jobs out of the queue: "clear", "delete"
POST   /interrupt                 json?  Stop what runs, or only the job "prompt_id"
POST   /free                      json?  Drop models or all that is cached: "unload_models", "free_memory"
GET    /history                   -      Ended jobs by id, the oldest first           max_items:integer offset:integer
POST   /history                   json   Forget ended jobs: "clear", "delete"
GET    /history/{job_id}          -      The entry of one job, {} while it has not ended
GET    /object_info               -      All node types
GET    /object_info/{node_class}  -      One node type, {} when unknown
GET    /system_stats              -      The machine and its devices
GET    /features                  -      What this server can do
GET    /node_replacements         -      Former ids of node types
GET    /extensions                -      Scripts of packs
GET    /workflow_templates        -      Example workflows of packs
GET    /i18n                      -      Translations of packs
GET    /api/jobs                  -      Jobs, paged  status sort_by sort_order workflow_id limit:integer offset:integer
POST   /api/jobs/cancel           json   Cancel the jobs "job_ids"
GET    /api/jobs/{job_id}         -      One job
POST   /api/jobs/{job_id}/cancel  -      Cancel one job
GET    /view                      -      One file  filename subfolder type preview channel
POST   /upload/image              form   Upload a file: "image", "type", "subfolder", "overwrite"
POST   /upload/mask               form   Upload a mask for the picture "original_ref"
GET    /userdata                  -      Files of a folder  dir recurse full_info split
GET    /v2/userdata               -      Files and folders of a folder  path
GET    /userdata/{file}           -      One file of the user
POST   /userdata/{file}           bytes  Write a file, or move it with "FILE/move/NAME"  overwrite full_info
DELETE /userdata/{file}           -      Delete a file of the user
GET    /settings                  -      All settings of the editor
POST   /settings                  json   Change some of them
GET    /settings/{id}             -      One setting, null when it is not set
POST   /settings/{id}             json   Set one
GET    /users                     -      Where settings are stored
POST   /users                     json   Make a user; refused, as there is one
GET    /models                    -      Kinds of model files
GET    /models/{folder}           -      Model files of a kind
GET    /embeddings                -      Embeddings, without their extension
GET    /view_metadata/{folder}    -      What a model file says of itself  filename
GET    /experiment/models         -      Kinds of model files, with their folders
GET    /experiment/models/{folder}  -    Model files of a kind, with size and time
GET    /experiment/models/preview/{folder}/{index}/{file}  -  A model's picture
GET    /internal/logs             -      The log's last lines as text
GET    /internal/logs/raw         -      The log's last lines as records
PATCH  /internal/logs/subscribe   json   Ask for the log over the websocket
GET    /internal/folder_paths     -      Where model files are searched
GET    /internal/files/{kind}     -      Files of input, output or temp
"""

_LINE = re.compile(r"(GET|POST|PUT|PATCH|DELETE) +(\S+) +(-|json\??|form|bytes) +(.*?)(?:  +(\S.*))?")
_BODIES = {
    "json": {"application/json": {"schema": {}}},
    "form": {"multipart/form-data": {"schema": {"type": "object"}}},
    "bytes": {"application/octet-stream": {"schema": {}}},
}


def comfy_paths() -> dict[str, Any]:
    """Return the paths, bare; each stands below /api too."""
    paths: dict[str, Any] = {}
    for line in _LINES.strip().splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a line of the table: {line!r}")
        method, path, body, summary, query = match.groups()
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in re.findall(r"\{(\w+)\}", path)
        ]
        for word in (query or "").split():
            name, _, kind = word.partition(":")
            parameters.append({"name": name, "in": "query", "required": False, "schema": {"type": kind or "string"}})
        operation: dict[str, Any] = {"tags": ["comfyui"], "summary": summary, "responses": _answers()}
        if parameters:
            operation["parameters"] = parameters
        if body != "-":
            operation["requestBody"] = {"required": not body.endswith("?"), "content": _BODIES[body.rstrip("?")]}
        paths.setdefault(path, {})[method.lower()] = operation
    return paths


def _answers() -> dict[str, Any]:
    return {
        "2XX": {"description": "As ComfyUI answers."},
        "4XX": {"description": "What is wrong with the request."},
        "503": {"description": "No worker came up in time, or the server is stopping; try again."},
        "507": {"description": "The disk is full; nothing was acknowledged."},
    }
