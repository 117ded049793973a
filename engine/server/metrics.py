"""Prometheus' text format, version 0.0.4: families of samples in, text out.

Forty lines do not need a dependency. Source: "Exposition formats", prometheus.io. Knows nothing of what is measured.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

__all__ = ["CONTENT_TYPE", "Family", "Sample", "write"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Sample(NamedTuple):
    """One number with its labels."""

    value: float
    labels: Mapping[str, str] = {}


class Family(NamedTuple):
    """All samples of one name. A counter only rises and its name ends in "_total"; units are in the name."""

    name: str
    help: str
    kind: Literal["gauge", "counter"]
    samples: tuple[Sample, ...]


def write(families: Iterable[Family]) -> str:
    """Return the text; families without samples are left out. Raises ValueError for a name the format forbids."""
    lines: list[str] = []
    for family in families:
        if not _NAME.fullmatch(family.name) or (family.kind == "counter") != family.name.endswith("_total"):
            raise ValueError(f"{family.name!r} cannot name a {family.kind}")
        if family.samples:
            lines.append(f"# HELP {family.name} {_escaped(family.help)}")
            lines.append(f"# TYPE {family.name} {family.kind}")
        lines.extend(f"{family.name}{_labels(sample.labels)} {_number(sample.value)}" for sample in family.samples)
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Mapping[str, str]) -> str:
    for name in labels:
        if not _LABEL.fullmatch(name):
            raise ValueError(f"{name!r} cannot name a label")
    pairs = ",".join(f'{name}="{_quoted(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)
