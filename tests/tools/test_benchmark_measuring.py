"""Time by a clock that tests turn, memory by tensors of known size."""

import pytest
import torch

from benchmark_parts import measuring
from benchmark_parts.measuring import Quartiles, time_in_turn
from benchmark_parts.memory import peak_memory, peak_of_changes, saved_for_backward

CPU = torch.device("cpu")
MIB = 2**20


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
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: clock.now)
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


def test_peak_memory_is_what_was_alive_at_once():
    def call():
        first = torch.empty(10 * MIB, dtype=torch.uint8)
        second = torch.empty(20 * MIB, dtype=torch.uint8)
        del first
        third = torch.empty(5 * MIB, dtype=torch.uint8)
        del second, third

    assert peak_memory(call, CPU) == 30 * MIB


def test_what_was_there_before_does_not_count_and_temporaries_do():
    before = torch.ones(4, MIB)  # 16 MiB
    # The exponential is alive while its double is made, and so is nothing else.
    assert peak_memory(lambda: before.exp().double(), CPU) == 16 * MIB + 32 * MIB


def test_peak_memory_is_silent_and_gives_the_error_stream_back(capfd):
    peak_memory(lambda: torch.ones(1), CPU)
    print("still there", file=__import__("sys").stderr)
    assert capfd.readouterr().err == "still there\n"


def test_peak_of_changes():
    assert peak_of_changes([3, 4, -3, 2, -4, 4]) == 7
    assert peak_of_changes([]) == 0


def test_saved_for_backward_counts_each_storage_once_and_no_parameter():
    weight = torch.nn.Parameter(torch.ones(MIB))
    images = torch.ones(MIB)

    # x * weight keeps images and weight; exp keeps its result; the view of it that is squared has the same storage.
    def forward():
        hidden = (images * weight).exp()
        return hidden.view(2, -1).square()

    assert saved_for_backward(forward, [weight]) == 4 * MIB + 4 * MIB
