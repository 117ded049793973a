"""How a line of a script is refused: with its number and what stands there. Knows no node."""

from __future__ import annotations

import ast

from ..errors import UserError

__all__ = ["refused", "shown"]


def refused(place: ast.AST, code: str, expected: str, got: str, fix: str) -> UserError:
    """Return the error `code` for the line of `place`."""
    return UserError(code, f"script, line {getattr(place, 'lineno', '?')}", expected, got, fix)


def shown(node: ast.AST) -> str:
    """Return in words what a piece of the syntax tree is; never its source, which may be long."""
    name = type(node).__name__
    words = {
        "AsyncFunctionDef": "a function",
        "AugAssign": "a value changed in place",
        "BinOp": "a computed value",
        "Call": "a call",
        "ClassDef": "a class",
        "Delete": "a deletion",
        "DictComp": "a computed value",
        "For": "a loop",
        "FunctionDef": "a function",
        "GeneratorExp": "a computed value",
        "If": "a condition",
        "IfExp": "a computed value",
        "JoinedStr": "a text with values in it",
        "Lambda": "a function",
        "ListComp": "a computed value",
        "Name": "a variable",
        "Try": "a try block",
        "While": "a loop",
    }
    return words.get(name, f"Python's {name}")
