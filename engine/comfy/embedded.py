"""Workflows hidden in files: pictures, videos, sounds, latents and models that say how they were made.

Reads texts out of the container (by its first bytes, never by its name) and tells which of them are workflows. Decodes
no picture, imports and runs nothing, and trusts no length. Knows no node.

    C040 no file of a kind that can carry a workflow    C041 the file is damaged and none was found before that
    C042 the file is whole and carries none (raised by who needs one)
"""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UserError
from .embedded_boxes import avif_texts, mp4_texts
from .embedded_ebml import webm_texts
from .embedded_exif import jpeg_texts, webp_texts
from .embedded_json import glb_texts, safetensors_texts, svg_texts
from .embedded_png import SIGNATURE, png_texts
from .embedded_sound import flac_texts, mp3_texts, ogg_texts
from .embedded_source import MAX_TEXT_BYTES, Damaged, Source, Texts
from .infotext import graph_of_infotext

__all__ = ["Embedded", "container", "none_inside", "workflow_in", "workflow_in_bytes"]

PROVENANCE = "latentloom"  # the name under which our own pictures keep it
_HEAD = 4096  # bytes that tell what a file is; SVG files may begin with a long comment
_DOCUMENTS = ("prompt", "workflow", PROVENANCE)
_PACKED = ("comment", "description")  # where programs without a field of their own put everything
_KEPT = (*_DOCUMENTS, "parameters", *_PACKED)


class Embedded(NamedTuple):
    """What a file says of its making; None for what it does not say.

    api: what ran, in API format. ui: the editor's document. provenance: our record of files and versions.
    kind: of file ("png", "webm", ...). left_out: settings of another program's text that `api` has no place for.
    infotext: `api` was made from such a text.
    """

    api: dict[str, Any] | None
    ui: dict[str, Any] | None
    provenance: dict[str, Any] | None
    kind: str
    left_out: tuple[str, ...] = ()
    infotext: bool = False


def workflow_in(path: str | Path) -> Embedded:
    """Return what the file carries, which may be nothing.

    Raises UserError F001 (cannot be read), C040 (another kind of file), C041 (damaged before anything was found).
    """
    where = f'file "{Path(path).name}"'
    try:
        # A pipe would block and a device never end; "\0" in a path is a ValueError on some systems.
        regular = "\0" not in str(path) and stat.S_ISREG(os.stat(path).st_mode)
        if regular:
            with open(path, "rb") as file:
                return _read(Source(file, os.fstat(file.fileno()).st_size), where)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError("F001", where, "a readable file", reason, "Check the path.") from error
    raise UserError("F001", where, "a file", "something else", "Check the path.")


def workflow_in_bytes(data: bytes, name: str) -> Embedded:
    """Return what a file's content carries; name: for messages. Raises UserError C040, C041."""
    return _read(Source(io.BytesIO(data), len(data)), f'file "{name}"')


def container(head: bytes) -> str | None:
    """Return the kind of file that begins with `head` (a few hundred bytes do), None when it can carry no workflow."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return "avif" if head[8:12] in (b"avif", b"avis", b"heic", b"mif1") else "mp4"
    for kind, beginning in _beginnings().items():
        if head.startswith(beginning):
            return kind
    if len(head) > 8 and head[8:9] == b"{" and not any(head[5:8]):  # a header of less than a terabyte, then JSON
        return "safetensors"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return "svg" if text[:1] == b"<" and b"<svg" in text else None


def none_inside(path: str | Path, kind: str) -> UserError:
    """Return the error for a file of which a workflow is needed but which carries none."""
    fix = "Programs on the way may have removed it: take the file as it was saved."
    return UserError("C042", f'file "{Path(path).name}"', f"a {kind} file with a workflow inside", "none", fix)


def _beginnings() -> Mapping[str, bytes]:
    return {
        "png": SIGNATURE,
        "jpeg": b"\xff\xd8\xff",
        "webm": b"\x1a\x45\xdf\xa3",
        "flac": b"fLaC",
        "ogg": b"OggS",
        "mp3": b"ID3",
        "glb": b"glTF",
    }


def _readers() -> Mapping[str, Callable[[Source], Texts]]:
    return {
        "png": png_texts,
        "webp": webp_texts,
        "jpeg": jpeg_texts,
        "avif": avif_texts,
        "mp4": mp4_texts,
        "webm": webm_texts,
        "flac": flac_texts,
        "ogg": ogg_texts,
        "mp3": mp3_texts,
        "safetensors": safetensors_texts,
        "glb": glb_texts,
        "svg": svg_texts,
    }


def _read(source: Source, where: str) -> Embedded:
    kind = container(source.at(0, min(_HEAD, source.size)))
    if kind is None:
        expected = "a picture, video, sound, latent or model file that can carry a workflow"
        raise UserError("C040", where, expected, "another kind of file", "Give the file as it was saved.")
    texts: dict[str, str] = {}
    damage: Damaged | None = None
    left = 2 * MAX_TEXT_BYTES  # a file may hold the same long text thousands of times
    try:
        for name, text in _readers()[kind](source):
            if name in _KEPT and len(text) <= left:
                left -= len(text)
                texts[name] = text  # the last of several, as other readers of PNG files have it
    except Damaged as error:
        damage = error
    found = _understood(texts, kind)
    if damage is not None and found.api is None and found.ui is None and found.provenance is None:
        fix = "Take the file as it was saved."
        raise UserError("C041", where, f"a whole {kind} file", f"a damaged one ({damage})", fix) from damage
    return found


def _understood(texts: Mapping[str, str], kind: str) -> Embedded:
    documents: dict[str, Any] = {}
    for name in _PACKED:
        if name in texts:
            documents.update(_unpacked(_parsed(texts[name])))
    documents.update({name: _parsed(texts[name]) for name in _DOCUMENTS if name in texts})
    api = ui = None
    for name in ("workflow", "prompt"):  # some programs put the one where the other belongs
        document = documents.get(name)
        if _is_ui(document):
            ui = document
        elif _is_api(document):
            api = document
    provenance = documents.get(PROVENANCE)
    left_out: tuple[str, ...] = ()
    infotext = False
    if api is None and ui is None:
        for name in ("parameters", *_PACKED):
            made = graph_of_infotext(texts.get(name, ""))
            if made is not None:
                (api, left_out), infotext = made, True
                break
    return Embedded(api, ui, provenance if isinstance(provenance, dict) else None, kind, left_out, infotext)


def _unpacked(document: Any) -> dict[str, Any]:
    """Return the documents in a text that holds several: {"prompt": {...} or a text, "workflow": ...}, or one alone."""
    if not isinstance(document, dict):
        return {}
    if _is_ui(document) or _is_api(document):
        return {"workflow": document}
    inner = ((name, document.get(name)) for name in _DOCUMENTS)
    return {name: _parsed(value) if isinstance(value, str) else value for name, value in inner if value is not None}


def _parsed(text: str) -> Any:
    """Return the JSON a text holds, also when it was written twice; None when it holds none."""
    try:
        found = json.loads(text)
        if isinstance(found, str):
            found = json.loads(found)
        if "\\ud" in text or "\\uD" in text:  # half of a surrogate pair parses, but nothing could be written with it
            found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return found


def _is_ui(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("nodes"), list)


def _is_api(document: Any) -> bool:
    return isinstance(document, dict) and any(
        isinstance(entry, dict) and "class_type" in entry for entry in document.values()
    )
