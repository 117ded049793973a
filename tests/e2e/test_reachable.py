"""The whole graph without eyes and without a pointer, and the page with letters of twice the size.

Every socket is come to by keys, is told with its type, and can be joined; what is joined is said. With 200 % text no
control of the page is cut off, covered, or out of reach.
"""

import pytest
from editor_page import Editor
from scenes import PANELS, Scenes, prepare
from test_journey_keyboard import FOCUS, Hands

DESK = {"viewport": {"width": 1280, "height": 800}}
SPOKEN = "() => document.querySelector('[data-spoken]').textContent"
BIG = "() => { document.documentElement.style.fontSize = '200%'; }"
# Of all controls that are seen: what of their text does not fit, who lies on whom, who cannot be scrolled to.
FAULTS = """root => {
  const shell = document.querySelector(root);
  const name = one => `${one.tagName.toLowerCase()} "${(one.getAttribute("aria-label") ?? one.textContent).trim().slice(0, 40)}"`;
  const scrolls = one => /auto|scroll/.test(getComputedStyle(one).overflow);
  const scroller = one => { for (let at = one.parentElement; at; at = at.parentElement) if (scrolls(at)) return at; return null; };
  const seen = [...shell.querySelectorAll("button, input, select, textarea, [role=tab], [role=slider], h2, .label")].filter(one =>
    one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !one.closest(".sr-only, [hidden], [data-canvas]"));
  const faults = [];
  for (const one of seen) {
    const box = one.getBoundingClientRect();
    if (box.width === 0) continue;
    const style = getComputedStyle(one);
    const shortened = [one, ...one.querySelectorAll("*")].some(part => getComputedStyle(part).textOverflow === "ellipsis" && part.textContent);
    const over = [one.scrollWidth - one.clientWidth, one.scrollHeight - one.clientHeight];
    if (one.matches("button, [role=tab], h2, .label") && style.overflow !== "visible" && (over[0] > 1 || over[1] > 2) && !shortened)
      faults.push(`${name(one)} is cut off by ${over}`);
    for (const part of shortened ? [] : one.querySelectorAll("span")) {
      const inner = part.getBoundingClientRect();
      if (inner.width > 0 && part.textContent.trim() !== "" && !part.classList.contains("sr-only")
          && (inner.left < box.left - 1 || inner.right > box.right + 1 || inner.top < box.top - 1 || inner.bottom > box.bottom + 1))
        faults.push(`${name(one)} is smaller than its text by ${[box.left - inner.left, inner.right - box.right, box.top - inner.top, inner.bottom - box.bottom].map(Math.round)}`);
    }
    if (scroller(one) === null && (box.left < -1 || box.top < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1))
      faults.push(`${name(one)} is outside of the window: ${[box.left, box.top, box.right, box.bottom].map(Math.round)}`);
  }
  const parts = seen.filter(one => one.matches("button, input, select, textarea"));
  parts.forEach((one, at) => parts.slice(at + 1).forEach(other => {
    if (one.contains(other) || other.contains(one) || scroller(one) !== scroller(other)) return;
    const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 2 && high > 2) faults.push(`${name(one)} and ${name(other)} overlap by ${Math.round(wide)} x ${Math.round(high)}`);
  }));
  return faults;
}"""


@pytest.fixture(scope="module")
def jobs(server):
    return prepare(server)


@pytest.fixture
def graph(page, server):
    """The editor with txt2img open, by keyboard from here on."""
    editor = Editor(page, server).open("/?template=txt2img&test", empty=False)
    page.wait_for_function("() => window.__latentloom.ui.getState().canvas?.seen().width > 1")
    editor.canvas.focus()
    return editor


def walked(editor, hands):
    """Go into every node in turn; return what has the focus at each step, by node and socket."""
    found = {}
    hands.press("Tab")
    for _ in range(len(editor.nodes())):
        editor.page.wait_for_function("() => document.activeElement?.matches('[data-node]')")
        node = hands.focus()["node"]
        hands.press("Enter")
        for _ in range(60):
            now = editor.page.evaluate(FOCUS)
            if now["node"] != node or now["itself"]:
                break
            if now["socket"] is not None:
                found[node, now["socket"]] = now["label"]
            hands.press("Tab")
            editor.settle()
    return found


def test_every_socket_is_reached_and_told_with_its_type(graph, server):
    types = server.ask("/object_info")[1]
    wanted = {}
    for node in graph.layer()["nodes"].values():
        known = types.get(node["type"])
        if known is None:
            continue  # a note
        inputs = {**known["input"].get("required", {}), **known["input"].get("optional", {})}
        for name, spec in inputs.items():
            wanted[node["id"], f"in:{name}"] = spec[0] if isinstance(spec[0], str) else "COMBO"
        for place, kind in enumerate(known["output"]):
            wanted[node["id"], f"out:{place}"] = kind
    found = walked(graph, Hands(graph))
    shown = {key: kind for key, kind in wanted.items() if graph.socket(*key).count()}
    assert len(shown) > 25 and set(shown) == set(found), set(shown) ^ set(found)
    assert {key: (kind, found[key]) for key, kind in shown.items() if kind not in found[key]} == {}
    # What assistive technology is given says the same.
    for node in {node for node, _ in found}:
        tree = graph.node(node).aria_snapshot()
        assert [label for (of, _), label in found.items() if of == node and f'button "{label}"' not in tree] == []


def test_every_link_is_cut_and_made_again(graph):
    hands = Hands(graph)
    links = sorted(graph.links())
    assert len(links) >= 9
    for source, output, target, name in links:
        hands.to(target, socket=f"in:{name}")
        hands.press("Delete")
        assert (source, output, target, name) not in graph.links()
        hands.press("Enter")
        graph.page.wait_for_function("() => / fits?[.]/.test(document.querySelector('[data-spoken]').textContent)")
        hands.walk("ArrowDown", {"node": source, "socket": f"out:{output}"}, most=12)
        hands.press("Enter")
        graph.page.wait_for_function("() => /Connected/.test(document.querySelector('[data-spoken]').textContent)")
        assert (source, output, target, name) in graph.links()
    assert sorted(graph.links()) == links


@pytest.fixture(scope="module")
def big(browser, server, jobs):
    context = browser.new_context(base_url=server.url, reduced_motion="reduce", locale="en-US", **DESK)
    context.set_default_timeout(30_000)
    scenes = Scenes(context.new_page(), server, jobs).begin()
    scenes.graph()
    scenes.page.evaluate(BIG)
    yield scenes
    context.close()


@pytest.mark.parametrize("panel", PANELS)
def test_text_of_twice_the_size_loses_nothing(big, panel):
    big.show(f"panel {panel}")
    faults = big.page.evaluate(FAULTS, ".shell")
    assert faults == [], "\n".join(faults)


@pytest.mark.parametrize(
    "name", ["menu main", "menu node", "dialog saveAs", "dialog conflict", "dialog commands", "search"]
)
def test_what_opens_over_the_page_loses_nothing_either(big, name):
    big.show(name)
    root = {"menu": "[data-menu]", "search": "[data-search]"}.get(name.split()[0], "dialog[open]")
    faults = big.page.evaluate(FAULTS, root)
    assert faults == [], "\n".join(faults)
