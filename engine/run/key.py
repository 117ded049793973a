"""Merkle keys: a node's key hashes its type, its version, its literals and its parents' keys, O(1) a node.

Two nodes with one key have one value, in this run or another process. Defaults are filled in and numbers written in one
form, so that a graph that says more or less of the same has the same keys. Knows nothing of caches or torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from hashlib import blake2b
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import LatentloomError
from ..graph.graph import Link
from ..node.context import Files
from ..node.spec import MISSING, InputSpec, NodeSpec
from ..node.widget import File, Float, Int, Seed, Text
from .fingerprint import Fingerprints

__all__ = ["KEY_VERSION", "KeyPlan", "Keyer", "compile_key", "embeddings_in"]

KEY_VERSION = "1"  # raise it when a key's make-up changes: older disk caches then miss
_PLAIN: frozenset[type] = frozenset((str, int, bool, type(None)))
_QUICK: Mapping[str, frozenset[type]] = MappingProxyType(
    {
        "plain": _PLAIN,
        "int": frozenset((int, bool)),
        "float": frozenset((float, bool)),
        "file": frozenset(),
        "prompt": frozenset(),
    }
)
_LARGE = 1 << 128  # Python refuses to write out numbers of thousands of digits
_EMBEDDING = re.compile(r"embedding:([^\s,:()\[\]]+)")
_EMBEDDING_ENDINGS = ("", ".safetensors", ".pt", ".bin")


class _Field(NamedTuple):
    name: str
    label: str  # written before the value, so that values never run into one another
    absent: str  # what to write when the input is not given
    form: str  # "plain", "float", "int", "file" or "prompt"
    quick: frozenset[type]  # classes whose `repr` is the form already
    extra: tuple[Any, Any]  # the widget, the default


class KeyPlan(NamedTuple):
    """What of a node type goes into its keys, worked out once."""

    prefix: str
    fields: tuple[_Field, ...]
    names: frozenset[str]
    by_id: bool  # the node is told its own id, so two of them differ


def compile_key(spec: NodeSpec, salt: str = "") -> KeyPlan:
    """Work out how nodes of `spec` are keyed. `salt`: what else decides the values, such as the device."""
    fields = tuple(_field(entry) for entry in spec.inputs if entry.hidden is None)
    return KeyPlan(
        prefix=f"{KEY_VERSION}\x1e{salt}\x1e{spec.id}\x1e{spec.version}",
        fields=fields,
        names=frozenset(field.name for field in fields),
        by_id=any(entry.hidden == "UNIQUE_ID" for entry in spec.inputs),
    )


def _field(entry: InputSpec) -> _Field:
    widget = entry.widget
    form = "plain"
    if isinstance(widget, Float):
        form = "float"
    elif isinstance(widget, (Int, Seed)):
        form = "int"
    elif isinstance(widget, File):
        form = "file"
    elif isinstance(widget, Text) and widget.prompt:
        form = "prompt"
    label = f"\x1f{entry.name}="
    if entry.default is MISSING:
        absent = label
    else:
        absent = label + (repr(float(entry.default)) if form == "float" else repr(entry.default))
        if form in ("file", "prompt"):
            absent = ""  # its file must be looked at
    return _Field(entry.name, label, absent, form, _QUICK[form], (widget, entry.default))


def embeddings_in(text: str) -> list[tuple[str, ...]]:
    """Return for each embedding that a prompt names the files it may be, the first that exists being meant."""
    return [tuple(name + ending for ending in _EMBEDDING_ENDINGS) for name in _EMBEDDING.findall(text)]


class Keyer:
    """Makes the keys of one run's nodes; reads each named file's fingerprint once."""

    def __init__(
        self,
        files: Files | None,
        fingerprints: Fingerprints,
        nonce: str,
        digest: Callable[[Any], str | None] | None = None,
    ) -> None:
        """nonce: differs from run to run. digest: names the content of a value that JSON cannot hold, or None."""
        self._files = files
        self._fingerprints = fingerprints
        self._nonce = nonce
        self._digest = digest
        self._counter = count()
        self._seen: dict[tuple[str, str], str] = {}
        self.origins: dict[int, str] = {}  # id of a value that came along a wire -> key of its wire

    def key(self, plan: KeyPlan, node_id: str, inputs: Mapping[str, Any], keys: Mapping[str, str]) -> str:
        """Return the key of a node. `keys`: those of its parents. Raises KeyError when a parent has none yet."""
        parts = [plan.prefix]
        add = parts.append
        for name, label, absent, form, quick, extra in plan.fields:
            value = inputs.get(name, MISSING)
            if value is MISSING:
                add(absent or label + self._literal(form, extra[1], extra[0]))
            elif type(value) is Link:
                add(f"{label}@{keys[value[0]]}.{value[1]}")
            elif (kind := type(value)) in quick and (kind is not int or -_LARGE < value < _LARGE):
                add(f"{label}{value!r}")
            else:
                add(label + self._literal(form, value, extra[0]))
        if len(inputs) > len(plan.fields) or not inputs.keys() <= plan.names:
            for name in sorted(inputs.keys() - plan.names):
                value = inputs[name]
                if type(value) is Link:
                    add(f"\x1f{name!r}=@{keys[value[0]]}.{value[1]}")
                else:
                    add(f"\x1f{name!r}=" + self._literal("plain", value, None))
        if plan.by_id:
            add(f"\x1d{node_id!r}")
        return blake2b("".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def fresh(self) -> str:
        """Return a key that no other node ever has."""
        text = f"{self._nonce}\x1e{next(self._counter)}"
        return blake2b(text.encode(), digest_size=16).hexdigest()

    def value_key(self, value: Any) -> str:
        """Return a key for a given value: of its content where that can be told, else a fresh one."""
        text = self._literal("plain", value, None)
        return blake2b(f"value\x1e{text}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def _literal(self, form: str, value: Any, widget: Any) -> str:
        kind = type(value)
        if form == "float" and kind is int:
            try:
                return repr(float(value))
            except OverflowError:
                return str(hex(value))
        if form == "int" and kind is float and value.is_integer():
            return repr(int(value))
        if form == "file" and kind is str:
            return f"{value!r}#{self._file(widget.folder, value)}"
        if form == "prompt" and kind is str and "embedding:" in value:
            return repr(value) + "".join(f"#{self._embedding(name)}" for name in _EMBEDDING.findall(value))
        if kind in _PLAIN or kind is float:
            return hex(value) if kind is int and value.bit_length() > 4096 else repr(value)
        origin = self.origins.get(id(value))
        if origin is not None:
            return f"@{origin}"
        try:
            return json.dumps(value, sort_keys=True, ensure_ascii=True)
        except (TypeError, ValueError, RecursionError):
            found = self._digest(value) if self._digest is not None else None
            return f"${found}" if found is not None else f"!{self.fresh()}"

    def _file(self, folder: str, name: str) -> str:
        known = self._seen.get((folder, name))
        if known is None:
            path: Path | None = None
            if self._files is not None:
                try:
                    path = self._files.find(folder, name)
                except LatentloomError:
                    path = None  # the node itself will say so when it runs
            known = "absent" if path is None else self._fingerprints.of(path)
            self._seen[folder, name] = known
        return known

    def _embedding(self, name: str) -> str:
        for ending in _EMBEDDING_ENDINGS:
            found = self._file("embeddings", name + ending)
            if found != "absent":
                return found
        return "absent"
