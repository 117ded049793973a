"""requirements.txt names what the hosted nodes import, and pins nothing that the host has chosen."""

import ast
import sys
import tomllib

IMPORT_NAMES = {"pillow": "PIL", "pyyaml": "yaml"}
OF_THE_HOST = {"torch", "numpy"}
NOT_HOSTED = ("server", "client", "commands")  # rooms that no hosted node reaches


def imported(root):
    found = set()
    files = [*(root / "nodes").rglob("*.py"), *(root / "engine").rglob("*.py"), root / "__init__.py"]
    for path in files:
        if path.relative_to(root).parts[1:2] and path.relative_to(root).parts[1] in NOT_HOSTED:
            continue
        for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(item, ast.Import):
                found |= {alias.name.split(".")[0] for alias in item.names}
            elif isinstance(item, ast.ImportFrom) and not item.level:
                found.add((item.module or "").split(".")[0])
    return found - set(sys.stdlib_module_names) - {"__future__"}


def lines(root):
    text = (root / "requirements.txt").read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_it_names_what_hosted_nodes_import(root):
    assert {IMPORT_NAMES.get(name, name) for name in lines(root)} == imported(root) - OF_THE_HOST


def test_it_leaves_versions_to_the_host_and_is_part_of_what_we_need(root):
    assert all(name.replace("-", "").isalnum() for name in lines(root))
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(lines(root)) <= {entry.split(">")[0] for entry in project["dependencies"]}
