"""A workflow file as a Python function: its marked inputs are the parameters, its marked outputs the result.

Torch is loaded at the first call. Knows no command line and no server.
"""

from __future__ import annotations

import inspect
import keyword
from collections import namedtuple
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from .errors import Cancelled, InvalidGraph, UserError
from .find_models import find_models
from .graph.graph import Graph, Link
from .graph.interface import Interface, Port, bind, interface, key
from .intake import take
from .library import load, registry
from .node.spec import MISSING
from .node.widget import Choice, File
from .settings import load_settings

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["WorkflowFunction", "function"]

_TYPES = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool, "COMBO": str, "IMAGE": str, "MASK": str}


class WorkflowFunction:
    """Call it with the inputs as keywords. `inspect.signature` and `help` show them.

    One marked output gives its value; several give a named tuple; none at all give what the nodes with an effect
    announced, by node. Only what the marked outputs need runs. Keeps its engine, and with it what was computed, until
    `close` or the end of a `with` block.
    """

    def __init__(
        self, graph: Graph, face: Interface, name: str, engine: Engine | None = None, path: Path | None = None
    ) -> None:
        """path: the file, which may record which models it means.

        Raises InvalidGraph when marks cannot be used, UserError C061 when two names are one in Python."""
        if face.problems:
            raise InvalidGraph(face.problems)
        self.graph = graph
        self.interface = face
        self._path = path
        self._engine = engine
        self._own = engine is None
        self._ports = _by_name(face.inputs)
        self._results = _tuple_of(list(_by_name(face.outputs)))
        self.__name__ = self.__qualname__ = _identifier(name)
        self.__signature__ = inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=_default(port),
                    annotation=_annotation(port),
                )
                for name, port in self._ports.items()
            ]
        )
        self.__doc__ = _document(name, self._ports, face)

    @property
    def engine(self) -> Engine:
        """The engine that runs it, made when first asked for."""
        if self._engine is None:
            from .engine import Engine

            self._engine = Engine()
        return self._engine

    def __call__(self, **values: Any) -> Any:
        """Run the workflow. Raises UserError C062, C063 and G0* (inputs), InvalidGraph, what a node raises, Cancelled.

        A picture is given as the name of a file of the input folder, or as a path.
        """
        engine = self.engine
        given: dict[str, Any] = {}
        for name, value in values.items():
            port = self._ports.get(name)
            if port is not None and value is None and not port.required:
                continue
            if port is not None and isinstance(port.widget, File) and port.widget.folder == "input":
                value = take(engine.folders, value)
            given[name if port is None else port.name] = value
        graph = bind(self.graph, engine.registry, given, ports=self.interface)
        if self._path is not None:
            graph, _ = find_models(graph, self._path, engine.registry, engine.folders)
        if not self.interface.outputs:
            return engine.run(graph)
        sources = [graph[port.node].inputs.get("value") for port in self.interface.outputs]
        links = list(dict.fromkeys(source for source in sources if isinstance(source, Link)))
        results: Mapping[str, Mapping[str, Any]] = {}
        if links:
            result = engine.execute(graph, links)
            for error in result.failures.values():
                raise error
            if result.cancelled:
                raise Cancelled()
            results = result.values
        found = [results[source.node][str(source.output)] if isinstance(source, Link) else source for source in sources]
        if len(found) == 1:
            return found[0]
        return self._results(*found)

    def close(self) -> None:
        """Let go of the engine that was made for it; one that was given stays."""
        if self._own and self._engine is not None:
            self._engine.close()
            self._engine = None

    def __enter__(self) -> WorkflowFunction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<workflow {self.__name__}{self.__signature__}>"


def function(path: str | Path, engine: Engine | None = None) -> WorkflowFunction:
    """Return the workflow file `path` as a function of its marked inputs (`LoomInput`) to its outputs (`LoomOutput`).

    engine: runs it; by default one is made at the first call. Raises UserError F001, G021 (file), InvalidGraph.
    """
    if engine is None:
        settings = load_settings({})
        nodes = registry(settings.data_dir / "cache", settings.node_folders)
    else:
        nodes = engine.registry
    graph = load(path, nodes)
    return WorkflowFunction(graph, interface(graph, nodes), Path(path).stem, engine, Path(path))


def _by_name(ports: tuple[Port, ...]) -> dict[str, Port]:
    found: dict[str, Port] = {}
    for port in ports:
        name = _identifier(port.name)
        if name in found:
            raise UserError("C061", "workflow", "names that differ in Python", f'"{name}" twice', "Rename one.")
        found[name] = port
    return found


def _tuple_of(names: list[str]) -> Callable[..., Any]:
    make: Callable[[str, list[str]], Callable[..., Any]] = namedtuple
    return make("Results", names)


def _identifier(name: str) -> str:
    plain = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name) or "workflow"
    plain = plain if not plain[0].isdigit() else f"_{plain}"
    return f"{plain}_" if keyword.iskeyword(plain) or key(plain) == "self" else plain


def _default(port: Port) -> Any:
    if port.wired or port.default is MISSING:
        return inspect.Parameter.empty if port.required else None
    return port.default


def _annotation(port: Port) -> Any:
    if isinstance(port.widget, Choice) and port.widget.options:
        return Literal[port.widget.options]
    return _TYPES.get(port.type, Any)


def _document(name: str, ports: Mapping[str, Port], face: Interface) -> str:
    lines = [f"Run the workflow {name}."]
    if ports:
        lines += ["", *(f"{shown}: {port.description or port.type}" for shown, port in ports.items())]
    if face.outputs:
        lines += ["", "Returns: " + ", ".join(f"{port.name} ({port.type})" for port in face.outputs)]
    return "\n".join(lines)
