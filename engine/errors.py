"""Every error the engine raises, each with a stable code.

    LatentloomError
    ├── UserError          the person can fix it: bad graph, bad value, missing or unfit file
    │   └── InvalidGraph   carries every `Problem` that validation found
    ├── NodeBug            a node broke its contract: report it to the node's author
    ├── EngineBug          we broke ours: report it to us
    └── Cancelled          somebody asked the run to stop; not a failure

Codes: G graph, C saved workflows and their conversion, N node declaration or pack, V value on a wire, M model file,
F other file, S setting, R run, D data and training, J jobs, W workers, A access, P requests and protocol.
Text has four parts: where, expected, got, what to do. Knows nothing of nodes, graphs or torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Cancelled", "EngineBug", "InvalidGraph", "LatentloomError", "NodeBug", "Problem", "UserError", "brief"]


def brief(value: object, limit: int = 80) -> str:
    """Return a short, safe picture of a value for a message; never a whole tensor or text."""
    shape = getattr(value, "shape", None)
    if shape is not None and hasattr(value, "dtype"):
        return f"{type(value).__name__}{tuple(shape)} {value.dtype}"
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


class LatentloomError(Exception):
    """Base of the tree: `code`, the four parts of the text, and where in a graph it happened."""

    def __init__(
        self,
        code: str,
        where: str,
        expected: str,
        got: str,
        fix: str,
        *,
        node_id: str | None = None,
        input: str | None = None,
    ) -> None:
        self.code = code
        self.where = where
        self.expected = expected
        self.got = got
        self.fix = fix
        self.node_id = node_id
        self.input = input
        super().__init__(code, where, expected, got, fix)

    def __str__(self) -> str:
        return f"{self.code} {self.where}: expected {self.expected}, got {self.got}. {self.fix}"

    def as_dict(self) -> dict[str, Any]:
        """Return the record that the API, the command line and the editor all show."""
        return {
            "code": self.code,
            "kind": type(self).__name__,
            "node_id": self.node_id,
            "input": self.input,
            "where": self.where,
            "expected": self.expected,
            "got": self.got,
            "fix": self.fix,
            "message": str(self),
        }


class UserError(LatentloomError):
    """Something the person who runs the graph can fix."""


class NodeBug(LatentloomError):
    """A node broke its own declaration; its author must fix it."""


class EngineBug(LatentloomError):
    """The engine broke a promise of its own."""


class Cancelled(LatentloomError):
    """The run was asked to stop."""

    def __init__(self, where: str = "run") -> None:
        super().__init__("R001", where, "to finish", "a request to stop", "Run it again to continue.")

    def __str__(self) -> str:
        return f"{self.code} {self.where}: stopped on request."


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of validation: a code, the place, and the four parts of the text."""

    code: str
    where: str
    expected: str
    got: str
    fix: str
    node_id: str | None = None
    input: str | None = None

    def __str__(self) -> str:
        return f"{self.code} {self.where}: expected {self.expected}, got {self.got}. {self.fix}"

    def as_dict(self) -> dict[str, Any]:
        """Return the same record as `LatentloomError.as_dict`."""
        return {
            "code": self.code,
            "kind": "UserError",
            "node_id": self.node_id,
            "input": self.input,
            "where": self.where,
            "expected": self.expected,
            "got": self.got,
            "fix": self.fix,
            "message": str(self),
        }


class InvalidGraph(UserError):
    """A graph that validation refused; `problems` holds every finding, in node order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(
            "G000",
            "graph",
            "no problems",
            f"{count} problem{'s' if count != 1 else ''}",
            "Mend each one listed.",
        )

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems) or super().__str__()

    def as_dict(self) -> dict[str, Any]:
        """Return the summary with the list of problems under `problems`."""
        return {**super().as_dict(), "problems": [problem.as_dict() for problem in self.problems]}
