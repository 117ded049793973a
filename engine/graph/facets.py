"""Facets along wires: finer facts than types (latent channels, model family), compared before anything runs.

Facts flow from outputs to inputs. A value that begins with "$" is a variable of its node: the first input that gives
it a value binds it, the others must agree, outputs hand it on. What is unknown constrains nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from ..errors import UserError
from .graph import Graph, Link
from .rules import NodeRules

__all__ = ["FacetReader", "Mismatch", "mismatches"]


class FacetReader(Protocol):
    """Reads a file's facets from its header, without loading it."""

    def facets(self, folder: str, name: str) -> Mapping[str, str]:
        """Return e.g. {"latent": "4", "family": "sd15"}. Raises UserError for a file that cannot be read."""


class Mismatch(NamedTuple):
    """A wire whose facts differ from what its input needs, or a file whose header cannot be read."""

    node_id: str
    input: str
    expected: str
    got: str
    fix: str
    error: UserError | None = None


def mismatches(
    graph: Graph, order: Iterable[str], rules: Mapping[str, NodeRules], reader: FacetReader | None
) -> list[Mismatch]:
    """Carry facets through the nodes in `order` (sources first) and return every disagreement."""
    known: dict[tuple[str, str | int], Mapping[str, str]] = {}  # what is known of each output
    headers: dict[tuple[str, str], Mapping[str, str]] = {}
    found: list[Mismatch] = []
    for node_id in order:
        node = graph[node_id]
        rule = rules.get(node.type)
        if rule is None or not rule.faceted:
            continue
        bound: dict[str, tuple[str, str]] = {}  # variable -> (value, the input that bound it)
        for entry in rule.spec.inputs:  # in declared order, so that the message does not depend on the file
            link = node.inputs.get(entry.name)
            given = known.get((link.node, link.output), {}) if isinstance(link, Link) else {}
            for facet, wanted in entry.facets.items():
                value = given.get(facet)
                if value is None:
                    continue
                by = "this node takes"
                if wanted.startswith("$"):
                    wanted, source = bound.setdefault(wanted, (value, entry.name))
                    by = f'"{source}" has'
                if wanted != value:
                    fix = "Use parts that belong together."
                    found.append(Mismatch(node_id, entry.name, f"{facet} {wanted}, as {by}", f"{facet} {value}", fix))
        for output in rule.spec.outputs:
            facts: dict[str, str] = {}
            if output.facets_from is not None and reader is not None:
                facts.update(_header(node_id, rule, output.facets_from, node.inputs, reader, headers, found))
            for facet, value in output.facets.items():
                if not value.startswith("$"):
                    facts[facet] = value
                elif value in bound:
                    facts[facet] = bound[value][0]
            if facts:
                known[node_id, output.name] = facts
    return found


def _header(
    node_id: str,
    rule: NodeRules,
    name: str,
    inputs: Mapping[str, Any],
    reader: FacetReader,
    headers: dict[tuple[str, str], Mapping[str, str]],
    found: list[Mismatch],
) -> Mapping[str, str]:
    value = inputs.get(name, rule.defaults.get(name))
    folder = getattr(rule.inputs[name].spec.widget, "folder", None)
    if not isinstance(value, str) or folder is None:
        return {}
    key = (folder, value)
    if key not in headers:
        try:
            headers[key] = reader.facets(folder, value)
        except UserError as error:
            headers[key] = {}
            found.append(Mismatch(node_id, name, error.expected, error.got, error.fix, error))
    return headers[key]
