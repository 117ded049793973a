"""What a conversion found and could not carry over: one note per finding, by node and reason.

A note never stops anything; what could be converted is. Knows no format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

__all__ = ["CODES", "Note", "Report", "describe"]

Level = Literal["info", "warning", "error"]

CODES: Mapping[str, str] = MappingProxyType(
    {
        "C001": "The document is no workflow, or a part of it is not of the form it should be.",
        "C002": "A node's entry cannot be read; it is left out.",
        "C003": "Two nodes have one id; the first keeps it.",
        "C004": "A link's entry cannot be read; it is left out.",
        "C005": "A wire comes from nowhere: its link or its node is not in the file.",
        "C006": "The definition of a subgraph cannot be read, or two have one id.",
        "C010": "No pack declares a node of this type; it is kept but cannot run.",
        "C011": "The subgraph contains itself; it is left out.",
        "C012": "Subgraphs are nested too deep; the innermost are left out.",
        "C013": "The subgraphs, written out, are too large, or the wires too tangled; the rest is left out.",
        "C014": "The legacy group node has no definition in the file.",
        "C016": "The wire runs in a ring and comes from nowhere.",
        "C017": "The wire comes from a muted node; the input is left out.",
        "C018": "The wire comes from a bypassed node that has no input of the type wanted; the input is left out.",
        "C019": "A named wire has nobody who feeds it.",
        "C020": "The widget values are not of the form they should be.",
        "C021": "Values are missing, so the node's own defaults stand in.",
        "C022": "There are more values than the node has widgets; the rest is ignored.",
        "C023": "The values of a node of unknown type have no names, so they are kept only in the file.",
        "C024": "Values with names that the node does not have are ignored.",
        "C025": "A subgraph's values do not fit the widgets it shows.",
        "C030": "Text alternatives {a|b} or comments stand as they are; nothing chooses among them.",
        "C031": "A token in a file name could not be replaced.",
        "C032": "A node that broadcasts its wires is not followed.",
        "C034": "A node that was left out, or one fed by it, is missing here.",
        "C050": "A model's name was replaced by that of a file that is here.",
        "C051": "No file that is here is the model named.",
        "C055": "The node's entry was brought up to its present version.",
        "C056": "The file was written by a newer version of the node.",
        "C057": "The node gives another result since the file was written.",
    }
)


@dataclass(frozen=True, slots=True)
class Note:
    """One finding. `node` is the execution id ("57:8"), None when no node is to blame; `type` the node's type."""

    level: Level
    code: str
    node: str | None
    type: str | None
    text: str

    def __str__(self) -> str:
        place = "" if self.node is None else f" node {self.node}"
        kind = "" if self.type is None else f" ({self.type[:80]})"
        return f"{self.level} {self.code}{place}{kind}: {self.text}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {"level": self.level, "code": self.code, "node": self.node, "type": self.type, "text": self.text}


Report = tuple[Note, ...]


def describe(value: Any) -> str:
    """Say in a few words what a value of a foreign file is; safe for any depth and length, unlike `repr`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 60 else f'"{value[:60]}…"'
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a huge number"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return f"an object of {len(value)}"
    return f"a list of {len(value)}" if isinstance(value, (list, tuple)) else type(value).__name__
