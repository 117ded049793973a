"""The texts of files that hold them as JSON or markup: safetensors and latents, glTF binaries, SVG.

No XML parser is used: of an SVG file only what stands in <metadata> is wanted. Knows no workflow.
"""

from __future__ import annotations

import json
from html import unescape
from typing import Any

from .embedded_source import MAX_TEXT_BYTES, Damaged, Source, Texts, decoded

__all__ = ["glb_texts", "safetensors_texts", "svg_texts"]


def safetensors_texts(source: Source) -> Texts:
    """Yield the entries of a safetensors header's `__metadata__`. Raises Damaged when the header cannot be read."""
    header = _parsed(source.at(8, int.from_bytes(source.at(0, 8), "little")))
    yield from _texts(header.get("__metadata__"))


def glb_texts(source: Source) -> Texts:
    """Yield the extras of a glTF binary's `asset`. Raises Damaged when its JSON cannot be read."""
    if source.at(16, 4) != b"JSON":
        raise Damaged("no JSON at the beginning")
    document = _parsed(source.at(20, int.from_bytes(source.at(12, 4), "little")))
    asset = document.get("asset")
    yield from _texts(asset.get("extras") if isinstance(asset, dict) else None)


def svg_texts(source: Source) -> Texts:
    """Yield the JSON in an SVG file's <metadata> as a comment. Raises Damaged when the element does not end."""
    text = decoded(source.at(0, min(source.size, MAX_TEXT_BYTES)))
    begin = text.find("<metadata")
    if begin < 0:
        return
    begin, end = text.find(">", begin) + 1, text.find("</metadata>", begin)
    if not begin or end < begin:
        raise Damaged("a <metadata> without an end")
    inner = text[begin:end].strip()
    if inner.startswith("<![CDATA[") and inner.endswith("]]>"):
        yield "comment", inner[9:-3]
    else:
        yield "comment", unescape(inner)


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Damaged("no JSON") from error
    if not isinstance(found, dict):
        raise Damaged("no JSON object")
    return found


def _texts(table: Any) -> Texts:
    if isinstance(table, dict):
        for name, value in table.items():
            if isinstance(value, str):
                yield name.lower(), value
            elif isinstance(value, dict):
                yield name.lower(), _written(value)


def _written(value: dict[str, Any]) -> str:
    try:
        return json.dumps(value)
    except RecursionError as error:
        raise Damaged("JSON that is nested too deep") from error
