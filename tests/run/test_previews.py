"""Previews: made while somebody listens, from the moment somebody does."""

from latentloom.engine.graph.graph import Graph, Node
from latentloom.engine.node.context import Context
from latentloom.engine.node.declare import node
from latentloom.engine.node.registry import Registry
from latentloom.engine.run.events import Preview
from latentloom.engine.run.executor import Executor


@node("Painter", category="test", effect=True, pure=False)
def painter(context: Context) -> None:
    """Show nine pictures."""
    for number in range(9):
        context.metric("wanted", number, float(context.wants_previews))
        context.preview(number)


@node("Finisher", category="test", effect=True, pure=False)
def finisher(context: Context) -> None:
    """Show a sketch and a result."""
    context.preview("sketch")
    context.preview("result", whole=True)


def run(previews):
    registry = Registry()
    registry.add(painter)
    seen = []
    Executor(registry).run(Graph([Node("1", "Painter", {})]), sink=seen.append, previews=previews)
    shown = [event.image for event in seen if isinstance(event, Preview)]
    wanted = [event.value for event in seen if type(event).__name__ == "Metric"]
    return shown, wanted


def test_nobody_listens():
    assert run(False) == ([], [0.0] * 9)


def test_somebody_listens():
    assert run(True) == (list(range(9)), [1.0] * 9)


def test_somebody_comes_and_goes():
    clock = iter([False] * 6 + [True] * 6 + [False] * 6)  # asked twice for each picture
    assert run(lambda: next(clock)) == ([3, 4, 5], [0.0] * 3 + [1.0] * 3 + [0.0] * 3)


def test_a_result_is_shown_also_to_who_did_not_ask():
    registry = Registry()
    registry.add(finisher)
    graph = Graph([Node("1", "Finisher", {})])
    for asked, expected in ((False, ["result"]), (True, ["sketch", "result"])):
        seen = []
        Executor(registry).run(graph, sink=seen.append, previews=asked)
        shown = [event for event in seen if isinstance(event, Preview)]
        assert [event.image for event in shown] == expected
        assert [event.whole for event in shown] == [image == "result" for image in expected]
    assert not Executor(registry).run(graph).failures, "nobody follows the run"


@node("Asker", category="test", effect=True, pure=False)
def asker(context: Context) -> None:
    """Show how pictures are to be made."""
    context.preview(context.preview_method)


def test_nodes_are_told_how_to_make_them():
    registry = Registry()
    registry.add(asker)
    for given, wanted in (({}, "auto"), ({"preview_method": "latent2rgb"}, "latent2rgb")):
        seen = []
        Executor(registry, **given).run(Graph([Node("1", "Asker", {})]), sink=seen.append, previews=True)
        assert [event.image for event in seen if isinstance(event, Preview)] == [wanted]
