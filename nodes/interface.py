"""What a workflow takes and gives: marks that become flags of the command line, an HTTP schema and a function."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated, Any, Literal

import torch

from ..engine.errors import UserError, brief
from ..engine.graph.graph import Graph, Link, Node
from ..engine.graph.interface import FILE_NODES, read_default
from ..engine.graph.subgraph import Expand
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.socket import ANY, Socket
from ..engine.node.widget import Text
from ..engine.pictures.png import metadata, pictures, write_png
from ..engine.pictures.save import place, publish
from ..engine.values import Anything

PLAIN = (str, bool, int, float)
MANY = 8  # entries of a value of many parts that are told of
Kind = Literal["auto", "STRING", "INT", "FLOAT", "BOOLEAN", "COMBO", "IMAGE", "MASK"]
Lines = Annotated[str, Text(multiline=True)]


@node(
    "LoomInput",
    title="Workflow Input",
    category="flow/interface",
    lane="cpu",
    outputs=("value",),
    aliases=("parameter", "argument", "flag", "interface"),
)
def loom_input(
    *,
    name: str = "input",
    type: Kind = "auto",
    default: Lines = "",
    range: str = "",
    options: Lines = "",
    description: str = "",
    otherwise: Annotated[Any, Socket(ANY)] = None,
) -> Annotated[Any, Socket(ANY)] | Expand:
    """Mark a value that whoever runs the workflow may give: `latentloom run FILE --name VALUE`.

    name: begins with a letter; letters, digits, "_" and "-"; only once in a workflow.
    type: "auto" takes it, with its range and choices, from the input that it feeds.
    default: stands where nothing is given. Without one the value must be given.
    range: of numbers, "1..100", "0.." or "..1".
    options: what may be chosen, one a line.
    description: one line for whoever runs it.
    otherwise: what is handed on when nothing is given; comes before `default`.
    """
    if otherwise is not None:
        return otherwise
    if type in FILE_NODES:
        if not default:
            raise UserError("C063", f'workflow input "{name}"', "a picture", "none", "Give one, or a default.")
        loader, entry, output = FILE_NODES[type]
        return Expand(Graph([Node("file", loader, {entry: default})]), {"value": Link("file", output)})
    return read_default(type, default)


@node(
    "LoomOutput",
    title="Workflow Output",
    category="flow/interface",
    effect=True,
    lane="io",
    aliases=("result", "return", "interface"),
)
def loom_output(*, name: str = "output", value: Anything, description: str = "", context: Context) -> None:
    """Mark a result of the workflow: pictures and masks are saved under the name, other values are shown.

    name: as of Workflow Input; files are called so.
    description: one line for whoever runs it.
    """
    if isinstance(value, torch.Tensor) and value.ndim in (3, 4) and value.is_floating_point():
        images = value if value.ndim == 4 else value[..., None]
        if images.shape[-1] in (1, 3, 4):
            _save(images, name, context)
            return
    plain = isinstance(value, PLAIN) or value is None
    text = value if isinstance(value, str) else json.dumps(value) if plain else _shape(value)
    context.output("text", [{"text": text, "name": name, **({"value": value} if plain else {})}])


def _shape(value: Any) -> str:
    """Say what a value is without its content."""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_kind(item)}" for key, item in list(value.items())[:MANY])
    if isinstance(value, list | tuple):
        shown = ", ".join(_kind(item) for item in value[:MANY])
        return f"{len(value)} x {shown}" if value else "nothing"
    return _kind(value)


def _kind(value: Any) -> str:
    return brief(value) if isinstance(value, (*PLAIN, torch.Tensor)) else type(value).__name__


def _save(images: torch.Tensor, prefix: str, context: Context) -> None:
    goal = place(context.files.directory("output"), prefix, images.shape[2], images.shape[1])
    text = metadata(context.prompt, context.extra, context.provenance)
    saved: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures(images)):
        context.check()
        name = publish(goal, ".png", partial(write_png, picture=picture, text=text), number)
        saved.append({"filename": name, "subfolder": goal.subfolder, "type": "output"})
    context.output("images", saved)
