"""Expressions of a script that is being read: what each stands for, without running any.

A value is a node made (`Made`), a wire (`Link`), or plain data. Nested calls and lists are followed to a fixed depth,
so that nothing here recurses without end. Knows no statement.
"""

from __future__ import annotations

import ast
from typing import Any

from ..errors import brief
from ..graph.graph import Link
from .python_literal import MAX_BITS, MAX_NESTING
from .python_nodes import Made, Nodes
from .python_refuse import refused, shown

__all__ = ["Values"]

_OBJECTS = ("Builder", "Engine", "GraphBuilder")
_NO_NUMBERS = ("nan", "inf", "-inf")


class Values:
    """Variables by name, and which of them are the builder and engines."""

    def __init__(self, nodes: Nodes) -> None:
        self.names: dict[str, Any] = {}
        self.builder: str | None = None
        self.engines: set[str] = set()
        self._nodes = nodes
        self._imported: dict[str, str] = {}  # a name of the script -> what was imported under it, "" for a module

    def imported(self, name: str, what: str) -> None:
        """Note an import; only our own names are ever looked at."""
        self._imported[name] = what

    def kind_of(self, function: ast.expr) -> str | None:
        """Return "Builder" or "Engine" when a call of `function` makes one."""
        if isinstance(function, ast.Name):
            what = self._imported.get(function.id, "")
        elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            if function.value.id in self.engines and function.attr == "builder":
                return "Builder"
            what = function.attr if self._imported.get(function.value.id) == "" else ""
        else:
            return None
        return None if what not in _OBJECTS else "Engine" if what == "Engine" else "Builder"

    def name_object(self, target: ast.expr, kind: str, place: ast.AST) -> None:
        """Bind a name to the builder or to an engine. Raises UserError C082."""
        if not isinstance(target, ast.Name):
            raise refused(target, "C082", f"a name for the {kind}", shown(target), "Assign it to a plain name.")
        if kind == "Engine":
            self.engines.add(target.id)
        elif self.builder is not None:
            raise refused(place, "C082", "one builder in a script", "a second one", "Make all nodes with the first.")
        else:
            self.builder = target.id
        self.names.pop(target.id, None)

    def bind(self, target: ast.expr, value: Any) -> None:
        """Let a name stand for a value. Raises UserError C082 for the builder's own name."""
        if not isinstance(target, ast.Name):
            raise refused(target, "C082", "a variable", shown(target), "Assign to a plain name.")
        if target.id == self.builder:
            raise refused(target, "C082", "another name", "the builder's", "Choose another name.")
        self.names[target.id] = value

    def forget(self, target: ast.expr) -> None:
        """Let names stand for nothing that can be read."""
        for part in ast.walk(target):
            if isinstance(part, ast.Name):
                self.names.pop(part.id, None)

    def method(self, function: ast.expr) -> str | None:
        """Return the name of the builder's method that `function` is, None when it is something else."""
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            return function.attr if function.value.id == self.builder else None
        return None

    def of(self, node: ast.expr, depth: int) -> Any:
        """Return what an expression stands for. Raises UserError C083, C084."""
        if depth > MAX_NESTING:
            raise refused(node, "C083", f"at most {MAX_NESTING} things in one another", "more", "Use variables.")
        if isinstance(node, ast.Constant):
            return _constant(node)
        if isinstance(node, ast.Name):
            if node.id not in self.names:
                raise refused(node, "C084", "a variable set before", brief(node.id), "Set it in a line above.")
            return self.names[node.id]
        if isinstance(node, (ast.List, ast.Tuple)):
            items = [self._plain(item, depth + 1) for item in node.elts]
            return items if isinstance(node, ast.List) else tuple(items)
        if isinstance(node, ast.Dict):
            return self._table(node, depth)
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            value = _constant(node.operand)
            if isinstance(node.op, (ast.USub, ast.UAdd)) and type(value) in (int, float):
                return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.Attribute):
            return self._nodes.output(self._made(node.value, depth), node.attr, node)
        if isinstance(node, ast.Subscript):
            return self._item(node, depth)
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        raise refused(node, "C083", "a plain value, a wire or a node", shown(node), "Write the value itself.")

    def call(self, node: ast.Call, depth: int) -> Any:
        """Return what a call makes: a node, a wire, or a number that has no spelling of its own."""
        method = self.method(node.func)
        if method is not None:
            return self._made_by(method, node, depth)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        given = [self.of(item, depth + 1) for item in node.args if isinstance(item, ast.Constant)]
        plain = len(given) == len(node.args) and not node.keywords
        if name == "float" and plain and given and given[0] in _NO_NUMBERS:
            return float(given[0])
        kinds = [type(item) for item in given]
        if self._imported.get(name) == "Link" and plain and kinds in ([str, str], [str, int]):
            return Link(given[0], given[1])
        raise refused(node, "C083", "a call of the builder", shown(node), "Only nodes are made by calls.")

    def _made_by(self, method: str, node: ast.Call, depth: int) -> Any:
        given = self._keywords(node, depth)
        if method == "set":
            target = self._only(node, depth, "a node or its id")
            made = target if isinstance(target, Made) else self._nodes.find(str(target), node)
            return self._nodes.change(made.id, given, node)
        if method == "add":
            kind = self._only(node, depth, "the type of the node")
            if not isinstance(kind, str):
                raise refused(node, "C083", "the type of the node as a text", brief(kind), "Write it in quotes.")
        elif node.args:
            raise refused(node, "C082", "inputs by name", "one without a name", "Write NAME=VALUE.")
        elif method.startswith("_") or method in ("graph", "registry", "use"):
            raise refused(node, "C082", "a call that makes a node", f"the builder's {brief(method)}", "Leave it out.")
        else:
            kind = method
        node_id, title = given.pop("_id", None), given.pop("_title", "")
        if not (node_id is None or type(node_id) in (str, int)) or not isinstance(title, str):
            raise refused(node, "C083", "texts for _id and _title", "another value", "Write them in quotes.")
        return self._nodes.make(kind, None if node_id is None else str(node_id), title, given, node)

    def _keywords(self, node: ast.Call, depth: int) -> dict[str, Any]:
        """Return the arguments given by name; `**{...}` holds names that Python cannot spell."""
        found: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is not None:
                given = {keyword.arg: self.of(keyword.value, depth + 1)}
            elif isinstance(keyword.value, ast.Dict):
                given = self._table(keyword.value, depth, wires=True)
            else:
                raise refused(keyword, "C083", "inputs written out", "a table of them", "Write NAME=VALUE.")
            for name, value in given.items():
                if name in found:
                    raise refused(keyword, "C084", "each input once", f"{brief(name)} twice", "Remove one of the two.")
                found[name] = value
        return found

    def _table(self, node: ast.Dict, depth: int, wires: bool = False) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in zip(node.keys, node.values, strict=True):
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                raise refused(node, "C083", "names as texts", "another key", "Write them in quotes.")
            found[_constant(key)] = self.of(item, depth + 1) if wires else self._plain(item, depth + 1)
        return found

    def _plain(self, node: ast.expr, depth: int) -> Any:
        value = self.of(node, depth)
        if isinstance(value, (Made, Link)):
            raise refused(
                node, "C083", "plain data in a list or object", "a wire", "Give a wire to an input by itself."
            )
        return value

    def _only(self, node: ast.Call, depth: int, what: str) -> Any:
        if len(node.args) != 1:
            raise refused(node, "C082", what, f"{len(node.args)} values without a name", "Write inputs as NAME=VALUE.")
        return self.of(node.args[0], depth + 1)

    def _made(self, node: ast.expr, depth: int) -> Made:
        value = self.of(node, depth + 1)
        if not isinstance(value, Made):
            raise refused(node, "C083", "a node", "another value", "Name the node whose output is meant.")
        return value

    def _item(self, node: ast.Subscript, depth: int) -> Any:
        """Return an output of a node, or the node of the builder that has this id."""
        key = self.of(node.slice, depth + 1)
        if isinstance(node.value, ast.Name) and node.value.id == self.builder:
            return self._nodes.find(str(key), node)
        if type(key) not in (int, str):
            raise refused(node, "C083", "the name or number of an output", brief(key), "Name the output.")
        return self._nodes.output(self._made(node.value, depth), key, node)


def _constant(node: ast.Constant) -> Any:
    value = node.value
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int) and value.bit_length() <= MAX_BITS:
        return value
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            got = "half of a surrogate pair"
            raise refused(node, "C083", "text that UTF-8 can hold", got, "Remove it.") from error
        return value
    raise refused(node, "C083", "a text, number, True, False or None", type(value).__name__, "Write plain data.")
