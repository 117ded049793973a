"""Who may import whom, read from the source: lazy imports count, blocks for type checkers do not."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "engine").rglob("*.py"), *(ROOT / "nodes").rglob("*.py")])

CORE = {"durable", "errors", "settings", "model_paths", "folders", "node", "graph", "run", "library"}

# Each room of the engine, and the rooms it may import from. A single file of `engine/` is a room of its own.
ALLOWED = {
    "errors": set(),
    "durable": set(),
    "model_paths": {"errors"},
    "folders": {"errors", "model_paths"},
    "settings": {"errors"},
    "node": {"durable", "errors", "settings"},
    "graph": {"durable", "errors", "node"},
    "run": {"durable", "errors", "settings", "node", "graph"},
    "shapes": {"errors"},
    "pictures": {"durable", "errors", "folders"},
    "memory": {"errors", "settings"},
    "diffusion": {"errors", "memory"},
    "models": {"durable", "errors", "memory", "diffusion"},
    "learn": {"durable", "errors", "memory", "diffusion", "models", "shapes"},
    "values": {"errors", "node", "models", "diffusion"},
    "store": {"errors", "values", "run", "memory", "models", "diffusion"},
    "library": {"comfy", "durable", "errors", "node", "graph"},
    "intake": {"durable", "errors", "folders"},
    "model_match": {"errors"},
    "headers": {"errors", "node", "models"},
    "guard": set(),
    "editor_build": set(),  # the build backend loads it by its path
    "comfy": {"durable", "errors", "folders", "graph", "model_match", "model_paths", "node"},
    # The worker's side of it loads the engine, inside functions.
    "server": CORE | {"comfy", "editor_build", "engine", "models", "pictures"},
    "client": CORE,
    "bundle": CORE | {"comfy"},
    "find_models": CORE | {"comfy"},
    "unbundle": {"bundle", "errors", "folders"},
    "function": CORE | {"engine", "find_models", "intake"},
    "plugin": {
        "errors", "folders", "model_paths", "settings", "node", "graph", "run", "comfy", "guard", "store", "values",
    },
    "engine": CORE | {"headers", "guard", "values", "store", "memory"},
    "commands": CORE
    | {
        "bundle",
        "unbundle",
        "comfy",
        "editor_build",
        "find_models",
        "intake",
        "engine",
        "memory",
        "models",
        "server",
        "client",
        "pictures",
    },
    "cli": {"errors", "commands"},
}
# What a node file may import from the engine; never how graphs are run or commands are read.
NODES = {
    "errors", "folders", "node", "graph", "values", "shapes", "pictures", "memory", "diffusion", "models", "learn",
}  # fmt: skip
TORCH_FREE = CORE | {
    "bundle",
    "unbundle",
    "editor_build",
    "find_models",
    "function",
    "intake",
    "model_match",
    "shapes",
    "comfy",
    "server",
    "client",
    "commands",
    "cli",
}
TORCH = {"torch", "torchvision", "safetensors", "tokenizers", "kornia"}
# Torch is loaded when these commands run, and in worker processes.
DOORS = {"engine/commands/run.py", "engine/commands/doctor.py", "engine/server/worker.py", "engine/server/calls.py"}
SAMPLING = {"diffusion.sample", "diffusion.samplers", "diffusion.guidance"}


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "nodes" if parts[0] == "nodes" else parts[1] if len(parts) > 1 else ""


def imports(path: Path) -> list[tuple[int, str, list[str]]]:
    """Return (line, absolute dotted module below the root or third party, names) of every import of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    package = path.relative_to(ROOT).parent.parts
    found = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if not node.level:
                found.append((node.lineno, node.module or "", names))
                continue
            base = package[: len(package) - node.level + 1]
            found.append((node.lineno, ".".join((*base, *([node.module] if node.module else []))), names))
    return found


def targets(path: Path) -> list[tuple[int, str]]:
    """Return (line, "engine.room..." or "nodes...") for each import that stays inside the package."""
    found = []
    for line, module, names in imports(path):
        if module == "engine":  # from .. import errors: the names are rooms
            found += [(line, f"engine.{item}") for item in names]
        elif module.split(".")[0] in ("engine", "nodes"):
            found.append((line, module))
    return found


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_arrows(path):
    own = room(path)
    for line, module in targets(path):
        parts = module.split(".")
        if own == "nodes":
            assert parts[0] == "nodes" or parts[1] in NODES, f"line {line}: nodes -> {module}"
        elif own:
            assert parts[0] == "engine", f"line {line}: the engine imports {module}"
            assert own in ALLOWED, f"the room {own} is in no table: say what it may import"
            assert parts[1] == own or parts[1] in ALLOWED[own], f"line {line}: {own} -> {parts[1]}"


@pytest.mark.parametrize("path", [path for path in FILES if room(path) in TORCH_FREE], ids=name)
def test_torch_free_rooms_import_no_torch(path):
    if name(path) in DOORS:
        return
    for line, module, _ in imports(path):
        assert module.split(".")[0] not in TORCH, f"line {line}: {module}"


@pytest.mark.parametrize("path", [path for path in FILES if room(path) == "models"], ids=name)
def test_models_know_no_sampler(path):
    for line, module in targets(path):
        assert module.removeprefix("engine.") not in SAMPLING, f"line {line}: {module}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_inside_the_package_imports_are_relative(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level:
            assert (node.module or "").split(".")[0] not in ("latentloom", "engine", "nodes", "tests"), node.lineno
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & {"latentloom", "engine", "nodes"}, (
                node.lineno
            )


def test_a_torch_free_process_can_import_every_torch_free_module(python):
    modules = [
        "latentloom." + name(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for path in FILES
        if room(path) in TORCH_FREE
    ]
    code = "import sys, importlib\nfor m in sys.argv[1:]: importlib.import_module(m)\nprint('torch' in sys.modules)"
    assert python(code, *modules).strip() == "False"


def test_a_bare_engine_or_nodes_cannot_be_imported(python, root):
    """ComfyUI has a module called `nodes`: ours must exist only inside the package, even with the root as folder."""
    code = """
from importlib.util import find_spec
print(find_spec("engine"), find_spec("nodes"), find_spec("latentloom") is None)
"""
    assert python(code, cwd=root).split() == ["None", "None", "False"]


def test_every_room_has_a_line_in_the_architecture_page():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {room(path) for path in FILES} - {"__init__", "nodes"}
    assert rooms <= set(ALLOWED)
    assert [name for name in sorted(rooms) if f"`engine/{name}`" not in page] == []
