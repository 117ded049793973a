"""axe finds nothing wrong with the editor: every panel, menu and dialog, in three themes, and on a phone.

All rules that axe runs by itself (WCAG 2.0 to 2.2 A and AA, best practices), and the size of targets, which it would not.
"""

from pathlib import Path

import pytest
from scenes import NAMES, Scenes, prepare

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
# Of a theme only colors are its own: the other rules are asked once.
THEMES = {"light": ["color-contrast"], "contrast": ["color-contrast"], "dark": None}
RUN = """async only => {
  const options = only === null ? { rules: { "target-size": { enabled: true } } } : { runOnly: only };
  const answer = await axe.run(document, { ...options, resultTypes: ["violations"], elementRef: false });
  const { violations } = answer;
  return {
    asked: [...answer.passes, ...answer.incomplete, ...answer.inapplicable, ...violations].length,
    found: violations.flatMap(({ id, nodes }) => nodes.slice(0, 5).map(({ target, failureSummary }) =>
      `${id}: ${target.join(" ")}\\n    ${failureSummary.split("\\n").slice(1).join("\\n    ")}`)),
  };
}"""
ON_PHONE = [name for name in NAMES if not name.startswith("menu") or name == "menu main"]


@pytest.fixture(scope="module")
def jobs(server):
    assert AXE.is_file(), "axe-core is not installed: make web"
    return prepare(server)


def opened(browser, server, jobs, options):
    context = browser.new_context(
        base_url=server.url, reduced_motion="reduce", locale="en-US", color_scheme="dark", **options
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.add_init_script(path=AXE)
    yield Scenes(page, server, jobs).begin()
    context.close()


@pytest.fixture(scope="module")
def desk(browser, server, jobs):
    yield from opened(browser, server, jobs, DESK)


@pytest.fixture(scope="module")
def phone(browser, server, jobs):
    yield from opened(browser, server, jobs, PHONE)


def check(scenes, only=None):
    answer = scenes.page.evaluate(RUN, only)
    assert answer["asked"] >= (60 if only is None else len(only))
    return answer["found"]


@pytest.mark.parametrize("name", NAMES)
def test_a_desk(desk, name):
    desk.show(name)
    found = {}
    for theme, only in THEMES.items():
        desk.page.evaluate("theme => window.__latentloom.settings.setState({ theme })", theme)
        desk.settle()
        found[theme] = check(desk, only)
    assert not any(found.values()), "\n".join(f"{theme}: {text}" for theme, texts in found.items() for text in texts)


@pytest.mark.parametrize("name", ON_PHONE)
def test_a_phone(phone, name):
    phone.show(name)
    assert check(phone) == []


def test_axe_does_find_something(desk):
    """The page with a fault in it is not passed over."""
    desk.show("canvas")
    desk.page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<button id=bad></button>')")
    assert any("#bad" in text for text in check(desk))
    desk.page.evaluate("document.querySelector('#bad').remove()")
