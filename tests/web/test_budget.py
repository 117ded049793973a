"""What the editor may weigh and may know: first load, files, lines, dependencies; no node's id and no model's name."""

import gzip
import json
import re
from html.parser import HTMLParser

import pytest

from latentloom.engine import editor_build

# The page, its script and its style, each as gzip sends it. What follows until the default graph can be used is fetched
# by tests/e2e/test_first_load.py: 8 requests and 250,000 bytes in all.
FIRST_LOAD = 221_000
FILES_AT_FIRST = 3
FILES, LINES, DEPENDENCIES = 175, 29_000, 6  # DECISIONS, "Many small files in the editor"
# Kinds of ComfyUI's file format that exist only in editors; some have the name of a node too.
KINDS = {"Note", "MarkdownNote", "Reroute", "PrimitiveNode"}
GENERATED = "server/protocol.ts"
CODE = (".ts", ".tsx", ".css")


class Links(HTMLParser):
    """What a browser fetches for a page before anything runs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.files: list[str] = []
        self.inline = 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        if tag == "script":
            self.inline += "src" not in known
            self.files.append(known.get("src") or "")
        if tag == "link" and known.get("rel") in ("stylesheet", "modulepreload", "icon", "manifest"):
            self.files.append(known["href"])


@pytest.fixture(scope="module")
def page(root):
    return editor_build.build(root)


@pytest.fixture(scope="module")
def sources(root):
    folder = root / "web" / "src"
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def first_load(page):
    """The files of the first load, what modules import at once among them."""
    links = Links((page / "index.html").read_text(encoding="utf-8"))
    assert links.inline == 0, "the policy of the page allows no inline script"
    found, waiting = {}, [href for href in links.files if not href.startswith("data:")]
    while waiting:
        name = waiting.pop().lstrip("/")
        if name in found:
            continue
        found[name] = (page / name).read_bytes()
        if name.endswith(".js"):
            imports = re.findall(rb'(?:^|[;}\s])(?:import|export)\b[^;()]*?["\']\./([\w.-]+\.js)["\']', found[name])
            waiting += [f"assets/{other.decode()}" for other in imports]
    return found


def test_the_first_load_is_small(page, first_load):
    sizes = {name: len(gzip.compress(content, 9)) for name, content in first_load.items()}
    sizes["index.html"] = len(gzip.compress((page / "index.html").read_bytes(), 9))
    assert any(name.endswith(".js") for name in sizes)
    assert sum(sizes.values()) <= FIRST_LOAD, sizes
    assert len(sizes) <= FILES_AT_FIRST, sorted(sizes)


def test_texts_that_come_later_are_not_asked_for_at_first(first_load, sources):
    later = json.loads(sources["i18n/later.en.json"].read_text(encoding="utf-8"))
    script = b"".join(content for name, content in first_load.items() if name.endswith(".js")).decode()
    quoted = {name for quote in "`'\"" for name in re.findall(rf"{quote}([\w.]+){quote}", script)}
    assert later and "shell.loading" in quoted
    assert sorted(quoted & set(later)) == []


def test_no_source_maps_and_every_script_has_its_twins(page):
    files = [path for path in page.rglob("*") if path.is_file()]
    assert not [path.name for path in files if path.suffix == ".map"]
    for path in files:
        if path.suffix in (".js", ".css"):
            content = path.read_bytes()
            assert b"sourceMappingURL" not in content, path.name
            if len(content) >= 1024:
                assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == content
                assert path.with_name(f"{path.name}.br").stat().st_size < len(content)


def test_the_sources_stay_few(sources):
    code = {name: path.read_text(encoding="utf-8").count("\n") for name, path in sources.items() if name.endswith(CODE)}
    own = {name: lines for name, lines in code.items() if name != GENERATED}
    assert own, "there are no sources"
    assert len(own) <= FILES, f"{len(own)} files: {sorted(own)}"
    assert sum(own.values()) <= LINES, sum(own.values())
    assert {name: lines for name, lines in own.items() if lines > 400} == {}


def test_every_source_says_its_job(sources):
    for name, path in sources.items():
        if name.endswith(CODE):
            assert path.read_text(encoding="utf-8").lstrip().startswith(("//", "/*")), name


def test_no_node_and_no_model_is_named(sources, root):
    """Everything that the editor knows of nodes comes from the server."""
    manifest = json.loads((root / "nodes" / "manifest.json").read_text(encoding="utf-8"))
    ids = set(re.findall(r'"id": ?"([A-Za-z]\w+)"', json.dumps(manifest)))
    models = {path.stem for path in (root / "workflows" / "models").rglob("*.safetensors")}
    assert len(ids) > 80 and models, "nothing to look for"
    # A node with a name of one plain word ("Canny") could be a word of a sentence; two capitals make an id.
    ids = {name for name in ids - KINDS if re.search(r"[a-z0-9][A-Z]|[A-Z]{2}", name)}
    found = []
    for name, path in sources.items():
        text = path.read_text(encoding="utf-8")
        spoken = set(re.findall(r"\w+", text))
        found += [f"{name}: {word}" for word in sorted(ids & spoken)]
        found += [f"{name}: {model}" for model in models if model in text]
        found += [f"{name}: {ending}" for ending in (".safetensors", ".ckpt") if ending in text]
    assert found == []


def test_few_packages_run_in_the_browser(root):
    package = json.loads((root / "web" / "package.json").read_text(encoding="utf-8"))
    assert len(package["dependencies"]) <= DEPENDENCIES
    versions = {**package["dependencies"], **package["devDependencies"]}
    assert {name: version for name, version in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)} == {}


def test_the_lock_file_names_no_registry_and_is_whole(root):
    """`npm ci` takes it, on every system that the optional parts are for, and from whatever registry is set."""
    package = json.loads((root / "web" / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((root / "web" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert lock[""]["dependencies"] == package["dependencies"]
    assert lock[""]["devDependencies"] == package["devDependencies"]
    entries = {path: entry for path, entry in lock.items() if path}
    assert not [path for path, entry in entries.items() if "resolved" in entry]
    assert not [path for path, entry in entries.items() if not entry.get("integrity") and not entry.get("inBundle")]
    names = {path.rpartition("node_modules/")[2] for path in entries}
    missing = {
        f"{path} wants {wanted}"
        for path, entry in entries.items()
        for kind in ("dependencies", "optionalDependencies")
        for wanted in entry.get(kind, {})
        if wanted not in names
    }
    assert missing == set()
