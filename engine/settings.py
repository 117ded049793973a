"""Settings: one frozen value, made of a file, then the environment, then the command line's flags.

It is built once in `engine.cli` or a script and passed down; nothing imports it as a global. The file is
`settings.toml` in the data folder, which no part of the program writes or serves. Knows nothing of torch.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .errors import UserError, brief

__all__ = ["CacheChoice", "Settings", "load_settings", "parse_cache", "parse_size"]

GIB = 1 << 30
DISK_BYTES = 10 * GIB  # a few hundred SDXL latents and texts, or some ten thousand of the bundled model's
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": GIB, "t": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_MODES = ("off", "ram", "disk")
_PREVIEWS = ("auto", "latent2rgb", "taesd", "none")
_PATHS = ("extra_model_paths", "nodes")
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class CacheChoice:
    """How much the engine remembers: mode "off", "ram" or "disk" (which includes memory), and the budget in bytes.

    ram_bytes: None lets the engine take a share of the machine's memory.
    """

    mode: str = "ram"
    ram_bytes: int | None = None
    disk_bytes: int = DISK_BYTES


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a user may set.

    data_dir: the folder that holds models, pictures and caches. device: "cpu", "cuda:0", "mps", ...; None picks one
    when it is first needed. extra_model_paths: files in ComfyUI's yaml format. nodes: more folders of node packs.
    allow_pickle: whether weights may come from pickles, which then only a restricted reader opens. vram_budget: bytes
    of the device's memory that weights and kept values may take; None leaves it to the device. preview_method: what
    shows unfinished pictures: "taesd" a small decoder in models/vae_approx, "latent2rgb" a colour for each cell, "auto"
    the first where it is there, "none" nothing.
    """

    data_dir: Path
    device: str | None = None
    cache: CacheChoice = CacheChoice()
    extra_model_paths: tuple[Path, ...] = ()
    nodes: tuple[Path, ...] = ()
    allow_pickle: bool = False
    vram_budget: int | None = None
    preview_method: str = "auto"

    @property
    def node_folders(self) -> tuple[Path, ...]:
        """The folders of node packs: the data folder's own, if it is there, then those named."""
        own = self.data_dir / "nodes"
        return (own, *self.nodes) if own.is_dir() else self.nodes


def parse_size(text: str) -> int:
    """Read "512M", "4GiB", "1.5g" or a plain number of bytes. Raises UserError S002."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UserError("S002", "size", 'a number with K, M, G or T, such as "4G"', brief(text), "Mend the number.")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def parse_cache(text: str) -> CacheChoice:
    """Read "off", "ram", "disk", or a mode with its size: "ram:2G", "disk:20G". Raises UserError S002 or S003."""
    mode, colon, size = text.strip().partition(":")
    if mode not in _MODES or (mode == "off" and colon):
        raise UserError("S003", "cache", "off, ram[:SIZE] or disk[:SIZE]", brief(text), "Name one of these.")
    if not colon:
        return CacheChoice(mode)
    amount = parse_size(size)
    return CacheChoice(mode, ram_bytes=amount) if mode == "ram" else CacheChoice(mode, disk_bytes=amount)


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    home: Path | None = None,
) -> Settings:
    """Build the settings: file < environment < flags; a flag that is None was not given.

    environment and home default to the process's own. Raises UserError S001 (file), S002, S003 or S004 (value).
    """
    env = os.environ if environment is None else environment
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    data_dir = _data_dir(given.get("data_dir"), env, home)
    settings = _with_values(Settings(data_dir), _read_file(data_dir / "settings.toml"), "settings.toml", data_dir)
    from_env: dict[str, Any] = {
        name: _parts(env[f"LATENTLOOM_{name.upper()}"]) if name in _PATHS else env[f"LATENTLOOM_{name.upper()}"]
        for name in ("device", "cache", "allow_pickle", "vram_budget", "preview_method", *_PATHS)
        if env.get(f"LATENTLOOM_{name.upper()}")
    }
    settings = _with_values(settings, from_env, "environment", Path.cwd())
    given.pop("data_dir", None)
    return _with_values(settings, given, "command line", Path.cwd())


def _parts(text: str) -> list[str]:
    return [part for part in text.split(os.pathsep) if part]


def _data_dir(flag: str | Path | None, env: Mapping[str, str], home: Path | None) -> Path:
    chosen = flag or env.get("LATENTLOOM_HOME")
    path = Path(chosen).expanduser() if chosen else (home or Path.home()) / "latentloom"
    return Path(os.path.abspath(path))  # not resolve(): a linked data folder keeps the name its owner gave it


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("S001", f'"{path.name}"', "a readable file", brief(str(error)), "Check the file.") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError("S001", f'"{path.name}"', "TOML", str(error), "Mend this line.") from error


def _with_values(settings: Settings, values: Mapping[str, Any], source: str, base: Path) -> Settings:
    known = {field.name for field in fields(Settings)} - {"data_dir"}
    for name in values:
        if name not in known:
            near = get_close_matches(name, sorted(known), 1)
            fix = f'Did you mean "{near[0]}"?' if near else f"Known are: {', '.join(sorted(known))}."
            raise UserError("S001", source, "a known setting", brief(name), fix)
    changes: dict[str, Any] = {}
    for name, value in values.items():
        if name == "cache" and isinstance(value, str):
            changes[name] = parse_cache(value)
        elif name == "preview_method" and value not in _PREVIEWS:
            raise UserError("S004", f'{source}, "{name}"', " or ".join(_PREVIEWS), brief(value), "Name one of these.")
        elif name == "vram_budget":
            changes[name] = _bytes(value, f'{source}, "{name}"')
        elif name == "allow_pickle":
            changes[name] = _switch(value, f'{source}, "{name}"')
        elif name in _PATHS:
            items = [value] if isinstance(value, str | Path) else value
            if not isinstance(items, list | tuple) or not all(isinstance(item, str | Path) for item in items):
                raise UserError("S004", f'{source}, "{name}"', "a list of file names", brief(value), "Mend the value.")
            added = tuple(Path(os.path.abspath(base / Path(item).expanduser())) for item in items)
            changes[name] = (*getattr(settings, name), *added)
        elif isinstance(value, str) or (name == "cache" and isinstance(value, CacheChoice)):
            changes[name] = value
        else:
            raise UserError("S004", f'{source}, "{name}"', "text", brief(value), "Mend the value.")
    return replace(settings, **changes)


def _bytes(value: Any, where: str) -> int:
    if isinstance(value, str):
        value = parse_size(value)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        expected = 'a size above 0, such as "6G"'
        raise UserError("S004", where, expected, brief(value), "Mend the value, or leave it out for no limit.")
    return value


def _switch(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in (*_YES, *_NO):
        raise UserError("S004", where, "true or false", brief(value), "Mend the value.")
    return word in _YES
