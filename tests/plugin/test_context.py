"""The context of a hosted node: the host's bar, its request to stop, and the same code without a host."""

import numpy as np
import pytest

from latentloom.engine.errors import Cancelled, UserError
from latentloom.engine.node.context import Context
from latentloom.engine.plugin.context import HostContext


@pytest.fixture
def told(host):
    return host["comfy.utils"].ProgressBar.told


def test_it_is_a_context():
    assert isinstance(HostContext(None), Context)


def test_progress_moves_the_hosts_bar_and_is_coalesced(host, told):
    context = HostContext(None)
    for step in range(1, 1001):
        context.progress(step, 1000, loss=0.5)
    assert told[0] == (1, 1000, None) and told[-1] == (1000, 1000, None)
    assert 2 <= len(told) < 100


def test_a_preview_goes_along_with_the_progress_made(host, told):
    context = HostContext(None)
    assert context.wants_previews
    context.progress(3, 10)
    context.preview(np.zeros((4, 6, 3), np.uint8))
    value, total, (form, picture, longest) = told[-1]
    assert (value, total, form, picture.size) == (3, 10, "JPEG", (6, 4)) and longest > 0
    context.preview(picture)
    assert told[-1][2][1] is picture


def test_a_request_to_stop_becomes_ours_and_is_remembered(host):
    context = HostContext(None)
    context.check()
    host["comfy.model_management"].stop = True
    with pytest.raises(Cancelled):
        context.progress(1, 2)
    assert type(context.stopped).__name__ == "Interrupted"
    with pytest.raises(Cancelled):  # the host has taken its request back by now
        context.check()


def test_a_stop_that_the_bar_itself_raises_is_seen_too(host):
    kind = host["comfy.model_management"].InterruptProcessingException

    class Bar(host["comfy.utils"].ProgressBar):
        def update_absolute(self, value, total=None, preview=None):
            raise kind("stop")

    host["comfy.utils"].ProgressBar = Bar
    context = HostContext(None)
    with pytest.raises(Cancelled):
        context.progress(1, 2)
    assert isinstance(context.stopped, kind)


def test_errors_of_the_bar_are_not_taken_for_a_request(host):
    class Bar(host["comfy.utils"].ProgressBar):
        def update_absolute(self, value, total=None, preview=None):
            raise ValueError("broken")

    host["comfy.utils"].ProgressBar = Bar
    with pytest.raises(ValueError, match="broken"):
        HostContext(None).progress(1, 2)


def test_without_a_host_nothing_is_needed():
    context = HostContext(None, device="cpu")
    context.check()
    context.progress(1, 2)
    context.preview(np.zeros((1, 1, 3), np.uint8))
    context.metric("loss", 1, 0.5)
    context.output("images", [{"filename": "a.png"}])
    context.output("images", [{"filename": "b.png"}])
    assert not context.wants_previews and context.device == "cpu" and context.stopped is None
    assert context.shown == {"images": [{"filename": "a.png"}, {"filename": "b.png"}]}


def test_device_metadata_and_permissions(host):
    host["comfy.model_management"].get_torch_device = lambda: "cuda:3"
    context = HostContext(None, extra={"workflow": {"nodes": []}}, device="cpu", allowed=frozenset({"pickle"}))
    assert context.device == "cuda:3"
    assert context.extra == {"extra_pnginfo": {"workflow": {"nodes": []}}}
    assert context.allows("pickle") and not context.allows("network")
    with pytest.raises(UserError, match="R007"):
        context.evaluate(None, {})
