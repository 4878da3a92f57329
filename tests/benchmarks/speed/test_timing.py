"""Time, by a clock that the tests turn."""

import pytest
import torch

from benchmarks.speed import timing
from benchmarks.speed.timing import Quartiles, time_in_turn

CPU = torch.device("cpu")


class Clock:
    """Stands still but for what :meth:`spend` adds."""

    def __init__(self):
        self.now = 0.0
        self.order = []

    def spend(self, name, seconds):
        def call():
            self.order.append(name)
            self.now += seconds

        return call


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock.now)
    return clock


def test_all_are_timed_in_turn_after_warm_up(clock):
    calls = [clock.spend("a", 1.0), clock.spend("b", 3.0)]
    seconds = time_in_turn(calls, rounds=3, warm_up=2, device=CPU, least_seconds=1.0)
    assert seconds == [[1.0] * 3, [3.0] * 3]
    # Twice to warm up and once to see how long it takes; then rounds, forwards and backwards by turns.
    assert "".join(clock.order) == "aaabbb" + "ab" + "ba" + "ab"


def test_short_calls_are_repeated_within_a_round(clock):
    (seconds,) = time_in_turn([clock.spend("a", 0.0625)], rounds=1, warm_up=1, device=CPU, least_seconds=0.2)
    assert seconds == [0.0625]
    assert len(clock.order) == 1 + 1 + 3  # 0.2 s are three calls of 0.0625 s


def test_quartiles():
    # Of 1 ... 5 the median is 3, and the quartiles lie a quarter of the way in: 2 and 4.
    assert Quartiles.of([5.0, 1.0, 4.0, 2.0, 3.0]) == Quartiles(3.0, 2.0, 4.0)
    assert Quartiles.of([7.0]) == Quartiles(7.0, 7.0, 7.0)
