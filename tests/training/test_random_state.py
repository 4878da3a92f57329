"""Whoever draws inside leaves no trace: each generator goes on with the numbers that it would have drawn."""

import random

import numpy as np
import pytest
import torch

from cnxv2_mm.training.random_state import random_state, set_random_state, unchanged_random_state


def draw():
    return [random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), torch.rand(()).item()]  # noqa: NPY002


def seed():
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)


def test_a_draw_inside_is_not_seen_outside():
    seed()
    expected = [draw(), draw()]
    seed()
    found = [draw()]
    with pytest.raises(AssertionError), unchanged_random_state():  # an error inside, too
        assert not draw()
    assert [*found, draw()] == expected


def test_going_back():
    seed()
    draw()
    state = random_state()
    expected = draw()
    set_random_state(state)
    assert draw() == expected
