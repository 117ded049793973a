"""A graph from a Python script, read from its syntax tree: nothing in it is run or imported.

Read are straight lines that make nodes with one builder: calls, wires by name, unpacking, plain values, `set`. What is
only done with the finished graph (`if __name__ == "__main__"`, `with Engine()`, `print`) is passed over; loops,
functions and computed values are refused, each with its line. Knows no file.

    C081 no Python, or too much of it        C083 a value that is not written out
    C082 a statement that cannot be read     C084 a node, output or name that is not there, or is there twice
"""

from __future__ import annotations

import ast
from typing import Any

from ..errors import UserError
from ..graph.graph import Graph
from ..node.registry import Registry
from .python_nodes import Made, Nodes
from .python_refuse import refused, shown
from .python_values import Values

__all__ = ["MAX_CHARACTERS", "from_python"]

MAX_CHARACTERS = 16 << 20  # a syntax tree takes some hundred times as much memory
_FREE_CALLS = ("print", "breakpoint")


def from_python(text: str, registry: Registry) -> Graph:
    """Return the graph that the script makes; validation says whether it may run.

    Raises UserError C081, C082, C083, C084, each with the line.
    """
    if len(text) > MAX_CHARACTERS:
        got, fix = f"{len(text):,}", "Convert to JSON instead."
        raise UserError("C081", "script", f"at most {MAX_CHARACTERS:,} characters", got, fix)
    try:
        tree = ast.parse(text.removeprefix("\ufeff"))
    except SyntaxError as error:
        where = f"script, line {error.lineno or 1}"
        raise UserError("C081", where, "Python", str(error.msg)[:200], "Mend the line.") from error
    except (ValueError, RecursionError, MemoryError) as error:  # zero bytes; expressions nested without end
        got = str(error)[:200] or type(error).__name__
        raise UserError("C081", "script", "Python", got, "Mend or flatten it.") from error
    reader = _Reader(registry)
    for statement in tree.body:
        reader.read(statement)
    return reader.graph()


class _Reader:
    """What the statements so far have made."""

    def __init__(self, registry: Registry) -> None:
        self._nodes = Nodes(registry)
        self._values = Values(self._nodes)

    def graph(self) -> Graph:
        """Return the graph. Raises UserError C082 when the script never made a builder."""
        if self._values.builder is None:
            fix = "Begin with: from latentloom import Builder; b = Builder()"
            raise UserError("C082", "script", "a builder that nodes are made with", "none", fix)
        return Graph.of(self._nodes.table)

    def read(self, statement: ast.stmt) -> None:
        """Take in one statement. Raises UserError C082, C083, C084."""
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                self._values.imported(alias.asname or alias.name.partition(".")[0], "")
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                self._values.imported(alias.asname or alias.name, alias.name)
        elif isinstance(statement, ast.Expr):
            self._expression(statement.value)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if not isinstance(target, (ast.Name, ast.Tuple, ast.List)):
                    raise refused(target, "C082", "a variable", shown(target), "Assign to a plain name.")
            self._assign(statement.targets, statement.value)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if statement.value is not None:
                self._assign([statement.target], statement.value)
        elif isinstance(statement, ast.With) or (isinstance(statement, ast.If) and _is_main(statement.test)):
            self._pass_over(statement)
        elif not isinstance(statement, ast.Pass):
            raise _unread(statement)

    def _expression(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant):  # a docstring
            return
        if isinstance(node, ast.Call) and self._is_free(node.func):
            self._pass_over(node)
        elif isinstance(node, ast.Call) and self._values.method(node.func) is not None:
            self._values.call(node, 0)
        else:
            raise _unread(node)

    def _assign(self, targets: list[ast.expr], node: ast.expr) -> None:
        kind = self._values.kind_of(node.func) if isinstance(node, ast.Call) else None
        if kind is not None:
            for target in targets:
                self._values.name_object(target, kind, node)
            return
        if isinstance(node, ast.Call) and self._is_free(node.func):
            self._pass_over(node)
            for target in targets:
                self._values.forget(target)
            return
        value = self._values.of(node, 0)
        for target in targets:
            if isinstance(target, (ast.Tuple, ast.List)):
                self._unpack(target, value)
            else:
                self._values.bind(target, value)

    def _unpack(self, target: ast.Tuple | ast.List, value: Any) -> None:
        if not isinstance(value, Made):
            raise refused(
                target, "C083", "a node to be unpacked into its outputs", "another value", "Give each its line."
            )
        count = len(target.elts)
        spec = self._nodes.spec(value)
        if spec is not None and len(spec.outputs) != count:
            names = ", ".join(output.name for output in spec.outputs) or "none"
            got, fix = f"{count} variables", f"Its outputs are: {names}."
            raise refused(target, "C084", f"{len(spec.outputs)} variables for the outputs of {value.type}", got, fix)
        for number, part in enumerate(target.elts):
            if not isinstance(part, ast.Name):
                raise refused(part, "C082", "a variable", shown(part), "Assign to a plain name.")
            if part.id != "_":
                self._values.bind(part, self._nodes.output(value, number, part))

    def _is_free(self, function: ast.expr) -> bool:
        """Tell whether a call only does something with the finished graph."""
        if isinstance(function, ast.Name):
            return function.id in _FREE_CALLS and function.id not in self._values.names
        return isinstance(function, ast.Attribute) and (
            (isinstance(function.value, ast.Name) and function.value.id in self._values.engines)
            or self._values.method(function) == "graph"
        )

    def _pass_over(self, node: ast.AST) -> None:
        """Make sure that what is passed over makes no node, and trust no value that it may change.

        Raises UserError C082.
        """
        for part in ast.walk(node):
            if isinstance(part, ast.Call) and self._values.method(part.func) not in (None, "graph"):
                fix = "Make the nodes before this, in straight lines."
                raise refused(part, "C082", "a place where nothing is made", "a node made here", fix)
            if isinstance(part, ast.Name):
                stored = not isinstance(part.ctx, ast.Load)
                if stored and part.id == self._values.builder:
                    raise refused(part, "C082", "another name", "the builder's", "Choose another name.")
                if stored or isinstance(self._values.names.get(part.id), (list, dict)):
                    self._values.forget(part)


def _is_main(test: ast.expr) -> bool:
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
        and len(test.ops) == 1
        and isinstance(test.ops[0], ast.Eq)
    )


def _unread(node: ast.AST) -> UserError:
    fix = "Only nodes, wires and plain values in straight lines can be read; run the script and save its graph instead."
    return refused(node, "C082", "a line that makes a node or names a value", shown(node), fix)
