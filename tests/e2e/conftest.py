"""What browser tests share: the built editor, a real server, a real Chromium, and a page that forgives no error.

A test is skipped, loudly, where there is no Chromium; under CI it fails instead. CHROMIUM names one that is not on PATH.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from latentloom.engine import editor_build

FOLDERS = (Path(__file__).parent, Path(__file__).parents[1] / "server")
for folder in FOLDERS:  # pytest's importlib mode puts no folder on the path
    if str(folder) not in sys.path:
        sys.path.append(str(folder))

from browser_flags import FLAGS  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SKIPPED = pytest.StashKey[str]()
# Reported by the page itself, since a browser's console does not say so in every case.
CSP = "addEventListener('securitypolicyviolation', e => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`))"


def lacking(request: pytest.FixtureRequest, what: str) -> None:
    """End a test that cannot run here: a failure under CI, elsewhere a skip that the summary repeats."""
    if os.environ.get("CI"):
        pytest.fail(what)
    request.config.stash[SKIPPED] = what
    pytest.skip(what)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say at the end that the editor was not tested in a browser, and how to."""
    if SKIPPED in config.stash:
        terminalreporter.write_line(f"BROWSER TESTS WERE SKIPPED: {config.stash[SKIPPED]}", red=True, bold=True)


@pytest.fixture(scope="session")
def built(request: pytest.FixtureRequest) -> Path:
    """The folder of the editor's page, brought up to date once."""
    try:
        editor_build.find_node()
    except editor_build.EditorNotBuilt as error:
        if not editor_build.is_fresh(ROOT):
            lacking(request, str(error))
    return editor_build.build(ROOT)


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> str:
    """The path of a Chromium."""
    for name in (os.environ.get("CHROMIUM"), *NAMES):
        if name and (found := shutil.which(name)):
            return found
    lacking(request, "no Chromium was found: apt install chromium, or name one with CHROMIUM=/path/to/chrome")
    raise AssertionError


@pytest.fixture(scope="module")
def playwright(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Playwright, for one module: while it runs, its event loop keeps asyncio from the tests of others."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacking(request, "playwright is not installed: pip install playwright (it needs no browser of its own)")
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Any, chromium: str) -> Iterator[Any]:
    """A Chromium without a window."""
    running = playwright.chromium.launch(executable_path=chromium, args=FLAGS, chromium_sandbox=False)
    yield running
    running.close()


@pytest.fixture(scope="module")
def server(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real `latentloom serve` with its worker, the bundled model and the probe nodes."""
    from serving import Serving

    with Serving(tmp_path_factory.mktemp("editor") / "data") as running:
        yield running


class Faults:
    """What went wrong in a page without anybody asking: errors on its console, exceptions, breaches of the policy."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """Expect faults that match, because the test brings them about."""
        self._allowed.append(re.compile(pattern))

    def watch(self, page: Any) -> None:
        """Collect the faults of a page, and of pages that it opens."""
        page.add_init_script(CSP)
        page.on("console", lambda message: self._console(message))
        page.on("pageerror", lambda error: self.seen.append(f"exception: {error}\n{error.stack or ''}"))
        page.on("crash", lambda _: self.seen.append("the page crashed"))

    def _console(self, message: Any) -> None:
        if message.type == "error":
            place = message.location or {}
            self.seen.append(f"{message.text} ({place.get('url', '')}:{place.get('lineNumber', '')})")

    def check(self) -> None:
        """Fail on any fault that was not allowed."""
        unexpected = [text for text in self.seen if not any(pattern.search(text) for pattern in self._allowed)]
        assert not unexpected, "faults in the page:\n" + "\n".join(unexpected)


@pytest.fixture
def faults() -> Iterator[Faults]:
    """The faults of the test's pages; any that was not allowed fails the test."""
    collected = Faults()
    yield collected
    collected.check()


@pytest.fixture
def context_options() -> dict[str, Any]:
    """How the page is shown; a module that wants a phone or another language overrides this."""
    return {
        "viewport": {"width": 1280, "height": 800},
        "reduced_motion": "reduce",
        "locale": "en-US",
        "color_scheme": "dark",
    }


@pytest.fixture
def context(browser: Any, server: Any, context_options: dict[str, Any]) -> Iterator[Any]:
    """A browser context of its own: no storage, no cache, no cookies of other tests; the clipboard may be used."""
    made = browser.new_context(base_url=server.url, **context_options)
    made.set_default_timeout(30_000)  # a start may take so long on a machine that does much else
    made.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    yield made
    made.close()


@pytest.fixture
def page(context: Any, faults: Faults) -> Any:
    """An empty page whose faults are collected."""
    made = context.new_page()
    faults.watch(made)
    return made


@pytest.fixture
def editor(page: Any, server: Any) -> Any:
    """The editor, opened in `page`, with nothing in it."""
    from editor_page import Editor

    opened = Editor(page, server)
    opened.open()
    return opened


@pytest.fixture(scope="module")
def workbench_options() -> dict[str, Any]:
    """How the page of the workbench is shown; a module that wants a phone overrides this."""
    return {"viewport": {"width": 1280, "height": 800}}


@pytest.fixture(scope="module")
def workbench_page(browser: Any, server: Any, workbench_options: dict[str, Any]) -> Iterator[Any]:
    """One page for all tests of a module."""
    from workbench import opened_workbench

    with opened_workbench(browser, server, workbench_options) as page:
        yield page


@pytest.fixture
def bench(workbench_page: Any, faults: Faults) -> Any:
    """The editor with a small new document, in the page that the module's tests share."""
    faults.watch(workbench_page.page)
    return workbench_page.fresh()
