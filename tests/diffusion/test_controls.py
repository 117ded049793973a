"""Who gets a control: the prompt it was applied to, and others where that is asked for."""

import pytest
import torch

from latentloom.engine.diffusion.controls import Binder, spread_controls
from latentloom.engine.errors import UserError

TEXT = torch.zeros(1, 3, 8)


class Steering:
    """A control that says what it was bound to."""

    def bind(self, model, x):
        return (model, tuple(x.shape), object())


def entry(control=None, shared=True, **facts):
    given = {"control": control, "control_apply_to_uncond": shared} if control is not None else {}
    return (TEXT, {**given, **facts})


def controls(entries):
    return [options.get("control") for _, options in entries]


def test_a_shared_control_goes_to_the_other_lists():
    one = Steering()
    lists = [[entry(one)], [entry()], [entry()]]
    assert [controls(entries) for entries in spread_controls(lists)] == [[one]] * 3
    assert controls(lists[1]) == [None]


@pytest.mark.parametrize(
    "first", [[entry(Steering(), shared=False)], [entry(Steering(), area=(2, 2, 0, 0))]], ids=["not asked", "an area's"]
)
def test_a_control_that_is_not_shared_stays(first):
    assert controls(spread_controls([first, [entry()]])[1]) == [None]


def test_lists_with_a_control_of_their_own_and_entries_with_an_area_are_left_alone():
    one, own = Steering(), Steering()
    assert controls(spread_controls([[entry(one)], [entry(own), entry()]])[1]) == [own, None]
    area = entry(area=(2, 2, 0, 0))
    assert controls(spread_controls([[entry(one)], [area, entry()]])[1]) == [None, one]


def test_more_controls_than_entries_repeat_the_entries():
    one, two = Steering(), Steering()
    assert controls(spread_controls([[entry(one), entry(two)], [entry()]])[1]) == [one, two]
    assert controls(spread_controls([[entry(one)], [entry(), entry()]])[1]) == [one, None]


def test_a_control_is_bound_once_for_each_size():
    one, bind = Steering(), Binder("model")
    small, large = torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 4, 4)
    assert bind(None, small) is None
    assert bind(one, small) is bind(one, small)
    assert bind(one, small) is not bind(one, large)
    assert bind(Steering(), small) is not bind(one, small)


def test_what_is_no_control_is_refused():
    with pytest.raises(UserError) as caught:
        Binder("model")("edges", torch.zeros(1, 4, 2, 2))
    assert caught.value.code == "V180"
