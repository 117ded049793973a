"""Folders: where models, inputs and outputs are, and the one function that turns a name from outside into a path.

A name from a workflow, a prompt or the network becomes a path only by `safe_name` and `Folders`; nothing else in the
engine joins paths with such names. Model names are searched in the data folder, the extra folders, then the
package's own read-only ones. Implements `node.context.Files`; knows nothing of torch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from .errors import UserError, brief
from .model_paths import LEGACY, ExtraFolder, model_type

__all__ = ["IO_KINDS", "MODEL_TYPES", "Folders", "safe_name", "split_annotation"]

IO_KINDS = ("input", "output", "temp")
_KINDS = (*IO_KINDS, "user", "cache")

MODEL_TYPES: tuple[str, ...] = (
    "audio_encoders", "checkpoints", "classifiers", "clip_vision", "configs", "controlnet", "diffusers",
    "diffusion_models", "embeddings", "gligen", "hypernetworks", "loras", "model_patches", "photomaker", "style_models",
    "text_encoders", "upscale_models", "vae", "vae_approx",
)  # fmt: skip
"""ComfyUI's sub-folders of `models/`."""

_ANNOTATED = re.compile(r"(.*?)\s*\[(input|output|temp)\]", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST_PART = 255  # bytes; with more, file systems raise where they should say that there is no such file
_MOST_PARTS = 16  # folders in folders in folders: no person makes more
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HALF = re.compile(r"[\ud800-\udfff]")  # half of a surrogate pair, which no file system takes
_RESERVED = re.compile(r"(?i:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?")


def safe_name(name: str) -> str:
    """Return `name` as a relative path with forward slashes, or refuse it.

    Backslashes count as separators, since files saved on Windows carry them. Refused are empty and absolute names,
    drives, `..`, control characters, and what Windows reserves (device names, `:`; a dot or space at the end of a
    part). Raises UserError F002.
    """

    def refuse(expected: str) -> UserError:
        return UserError("F002", "file name", expected, brief(name), "Name a file inside the folder.")

    if not isinstance(name, str) or not name.strip():
        raise refuse("a name")
    if _CONTROL.search(name) or _bytes(name) > 1024:
        raise refuse("printable characters, at most 1024 bytes of them")
    if _HALF.search(name):
        raise refuse("whole characters")
    plain = name.replace("\\", "/")
    if plain.startswith("/") or _DRIVE.match(plain):
        raise refuse("a relative name")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if ".." in parts or not parts:
        raise refuse('no ".."')
    if len(parts) > _MOST_PARTS:
        raise refuse(f"at most {_MOST_PARTS} parts")
    for part in parts:
        if ":" in part or part != part.rstrip(". ") or _RESERVED.fullmatch(part) or _bytes(part) > _LONGEST_PART:
            raise refuse("names that every system accepts")
    return "/".join(parts)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


class Folders:
    """The data folder with ComfyUI's layout, extra model folders, and the package's own files.

    data_dir: created on first write, never on reading. extra: from `model_paths.read_extra_paths`. packaged: the
    read-only folder with `models/<type>/` and `input/`; None for the package's own `workflows`. output: another
    output folder.
    """

    def __init__(
        self,
        data_dir: Path,
        extra: Sequence[ExtraFolder] = (),
        packaged: Path | None = None,
        output: Path | None = None,
    ) -> None:
        self.data_dir = Path(os.path.abspath(data_dir))
        self._extra = tuple(extra)
        self._packaged = packaged or Path(__file__).resolve().parent.parent / "workflows"
        self._output = Path(os.path.abspath(output)) if output else self.data_dir / "output"

    def roots(self, folder: str) -> tuple[Path, ...]:
        """Return the folders searched for `folder`, first hit wins; they need not exist. Raises UserError F003."""
        folder = self._known(folder)
        if folder == "input":
            return (self.data_dir / "input", self._packaged / "input")
        if folder in _KINDS:
            return (self._own(folder),)
        own = [self.data_dir / "models" / name for name in (*LEGACY.get(folder, ()), folder)]
        first = [extra.path for extra in self._extra if extra.folder == folder and extra.is_default]
        later = [extra.path for extra in self._extra if extra.folder == folder and not extra.is_default]
        return (*first, *own, *later, self._packaged / "models" / folder)

    def find(self, folder: str, name: str) -> Path:
        """Return the existing file or folder `name` of `folder`.

        A name of an input, output or temp file may end in " [input]", " [output]" or " [temp]", which then decides.
        Raises UserError F001 (absent, with the nearest names), F002 (a name that leaves the folder), F003 (no such
        folder).
        """
        path = self.look(folder, name)
        if path is not None:
            return path
        folder = self._known(folder)
        if folder in IO_KINDS:
            folder, name = split_annotation(name, folder)
        near = get_close_matches(safe_name(name), self.names(folder), 3, 0.4)
        fix = f"Nearest: {', '.join(near)}." if near else f'Put it into the folder "{folder}".'
        raise UserError("F001", f'folder "{folder}"', "an existing file", brief(name), fix)

    def look(self, folder: str, name: str, root: int | None = None) -> Path | None:
        """Return what `find` returns, or None where nothing is there, without a search for near names.

        root: look only there, as an index into `roots`. Raises UserError F002 and F003.
        """
        folder = self._known(folder)
        if folder in IO_KINDS:
            folder, name = split_annotation(name, folder)
        relative = safe_name(name)
        follow = folder not in _KINDS  # a link inside a model folder was put there by its owner, see DECISIONS.md
        roots = self.roots(folder)
        for base in roots if root is None else roots[root : root + 1]:
            path = base / relative
            if path.exists() and (follow or _inside(path, base)):
                return path
        return None

    def types(self) -> tuple[str, ...]:
        """Return the kinds of model folders: ComfyUI's, and those that only the extra folders have."""
        return tuple(sorted({*MODEL_TYPES, *(extra.folder for extra in self._extra)} - {*_KINDS}))

    def names(self, folder: str, extensions: tuple[str, ...] = ()) -> tuple[str, ...]:
        """List the names that `find` accepts, sorted, with forward slashes; `extensions` as (".png", ...)."""
        folder = self._known(folder)
        wanted = tuple(extension.lower() for extension in extensions)
        found: set[str] = set()
        for root in self.roots(folder):
            for name in _walk(root, follow=folder not in _KINDS):
                if not wanted or name.lower().endswith(wanted):
                    found.add(name)
        if folder == "diffusers":  # a model there is a folder, known by its index
            found = {name.rpartition("/")[0] for name in found if name.endswith("/model_index.json")}
        return tuple(sorted(found))

    def directory(self, kind: str) -> Path:
        """Return the writable folder of `kind`, made if absent. Raises UserError F003, F004 (cannot be made)."""
        path = self._own(self._known(kind))
        _make(path)
        return path

    def target(self, kind: str, name: str) -> Path:
        """Return the path at which a new file `name` of `kind` may be written; its folder is made.

        Raises UserError F002 when the name, or a link on its way, leaves the folder.
        """
        root = self.directory(kind)
        path = root / safe_name(name)
        if not _inside(path.parent, root) or path.is_symlink():
            raise UserError("F002", f'folder "{kind}"', "a path inside it", brief(name), "Choose another name.")
        _make(path.parent)
        return path

    def _own(self, kind: str) -> Path:
        if kind == "output":
            return self._output
        return self.data_dir / kind if kind in _KINDS else self.data_dir / "models" / kind

    def _known(self, folder: str) -> str:
        present = model_type(folder)
        if present in _KINDS or present in MODEL_TYPES or any(extra.folder == present for extra in self._extra):
            return present
        near = get_close_matches(folder, (*_KINDS, *MODEL_TYPES), 1)
        raise UserError(
            "F003", "folders", "a known kind", brief(folder), f'Did you mean "{near[0]}"?' if near else "Mend it."
        )


def split_annotation(name: str, folder: str) -> tuple[str, str]:
    """Split "sub/x.png [output]" into ("output", "sub/x.png"); without an annotation `folder` stays."""
    match = _ANNOTATED.fullmatch(name) if isinstance(name, str) else None
    return (match[2], match[1]) if match else (folder, name)


def _inside(path: Path, root: Path) -> bool:
    """Tell whether `path`, its links followed, still lies in `root`; containment by parts, never by text."""
    return path.resolve().is_relative_to(root.resolve())


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            "F004", "data folder", "a folder that can be made", brief(str(error)), "Choose another with --data-dir."
        ) from error


def _walk(root: Path, *, follow: bool) -> Iterator[str]:
    """Yield the files below `root` as relative names; hidden ones are left out, a loop of links is walked once."""
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=follow):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        base = Path(folder).relative_to(root)
        for name in files:
            if not name.startswith(".") and (follow or not (Path(folder) / name).is_symlink()):
                yield (base / name).as_posix()
