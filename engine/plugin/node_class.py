"""A class in the host's conventions for one of our nodes, made from its declaration.

The class holds data and thin methods; what runs the node is loaded when the host first calls it. Loads no torch.
Source: comfy_interop's V1 conventions: INPUT_TYPES, RETURN_TYPES, FUNCTION, IS_CHANGED, check_lazy_status.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import UserError, brief
from ..node.spec import NodeSpec
from ..node.widget import File, Text
from .catalog import Published
from .inputs import input_types, shown_inputs
from .wires import wire_type

if TYPE_CHECKING:
    from .pack import Pack

__all__ = ["CATEGORY", "FUNCTION", "node_class"]

CATEGORY = "latentloom"
FUNCTION = "run"


def node_class(entry: Published, pack: Pack) -> type:
    """Return the class of one node. It keeps no state: the host makes one instance per node and keeps it."""
    spec = entry.spec
    whole = any(item.whole_list for item in spec.inputs)
    members: dict[str, Any] = {
        "__doc__": spec.description,
        "__module__": __name__,
        "INPUT_TYPES": classmethod(lambda _: input_types(spec, pack.files)),
        "RETURN_TYPES": tuple(wire_type(output.types) for output in spec.outputs),
        "RETURN_NAMES": tuple(output.name for output in spec.outputs),
        "OUTPUT_IS_LIST": tuple(output.is_list or whole for output in spec.outputs),
        "OUTPUT_TOOLTIPS": tuple(output.tooltip for output in spec.outputs),
        "INPUT_IS_LIST": whole,
        "OUTPUT_NODE": spec.effect,
        "FUNCTION": FUNCTION,
        "CATEGORY": f"{CATEGORY}/{spec.category}" if spec.category else CATEGORY,
        "DESCRIPTION": spec.description,
        "DEPRECATED": spec.deprecated,
        "EXPERIMENTAL": spec.experimental,
        "SEARCH_ALIASES": list(spec.aliases),
        FUNCTION: _function(spec, pack),
    }
    if not spec.pure or any(_names_files(item.widget) for item in spec.inputs):
        members["IS_CHANGED"] = classmethod(lambda _, **inputs: pack.changed(spec.id, inputs))
    if any(isinstance(item.widget, File) for item in spec.inputs):
        members["VALIDATE_INPUTS"] = classmethod(_check_files(spec, pack))
    if any(item.lazy or item.raw for item in spec.inputs):
        members["check_lazy_status"] = _lazy(spec, pack)
    return type(entry.id, (), members)


def _names_files(widget: object) -> bool:
    return isinstance(widget, File) or (isinstance(widget, Text) and widget.prompt)


def _function(spec: NodeSpec, pack: Pack) -> Callable[..., Any]:
    def run(_: object, **inputs: Any) -> Any:
        from .call import call_node  # loads torch, which the host has loaded long before

        return call_node(pack, spec, inputs)

    async def run_async(self: object, **inputs: Any) -> Any:
        # On a thread of its own, as gradients and inference mode are settings of a thread.
        return await asyncio.to_thread(run, self, **inputs)

    return run_async if spec.is_async else run


def _lazy(spec: NodeSpec, pack: Pack) -> Callable[..., list[str]]:
    lazy = [entry.name for entry in spec.inputs if entry.lazy]
    names = {entry.name for entry in shown_inputs(spec) if not entry.raw}

    def check_lazy_status(_: object, **available: Any) -> list[str]:
        if not lazy:
            return []  # sub-graphs are never asked for
        asked = pack.registry.needs(spec.id)
        known = {name: value for name, value in available.items() if name in names}
        known = {name: value for name, value in known.items() if name not in lazy or value is not None}
        wanted = lazy if asked is None else list(asked(**known))
        # The host names wires that it has not followed as None; what was never wired is not among them.
        return [name for name in wanted if name in available and available[name] is None]

    return check_lazy_status


def _check_files(spec: NodeSpec, pack: Pack) -> Callable[..., bool | str]:
    """Return a check that takes what our folders take ("sub\\\\x.safetensors", "x.png [output]"), not list members."""
    files = {entry.name: entry.widget for entry in spec.inputs if isinstance(entry.widget, File)}

    def check(_: type, **inputs: Any) -> bool | str:
        for name, value in inputs.items():
            fault = None if value is None else _fault(name, value, files, pack)
            if fault is not None:
                return fault
        return True

    # The host reads from the signature which inputs are checked here.
    parameters = [inspect.Parameter("cls", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    parameters += [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in files]
    check.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return check


def _fault(name: str, value: Any, files: Mapping[str, File], pack: Pack) -> str | None:
    if not isinstance(value, str):
        return f'input "{name}": expected the name of a file, got {brief(value)}'
    try:
        pack.folders.find(files[name].folder, value)
    except UserError as error:
        return str(error)
    return None
