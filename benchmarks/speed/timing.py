"""Timing: all peers in one process, in turn, after warm-up; medians and quartiles."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

# A call is repeated within a round until the measurement lasts this long. The first call of a round finds the caches
# and the C library's heap as another peer left them, which no training does; among several calls it counts little.
LEAST_SECONDS = 2.0


@dataclass(frozen=True)
class Quartiles:
    """The middle of some numbers, and the range in which half of them lie."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Quartiles":
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def time_calls(call: Callable[[], None], count: int, device: torch.device) -> float:
    """Seconds per call."""
    wait(device)
    start = time.perf_counter()
    for _ in range(count):
        call()
    wait(device)
    return (time.perf_counter() - start) / count


def time_in_turn(
    calls: Sequence[Callable[[], None]],
    rounds: int,
    warm_up: int,
    device: torch.device,
    least_seconds: float,
) -> list[list[float]]:
    """Seconds of each call in each round.

    Each round goes once through all calls, forwards and backwards by turns, so that a machine that slows down or is
    disturbed does so to all of them; numbers of one round may be compared as pairs.
    """
    counts = []
    for call in calls:
        time_calls(call, max(warm_up, 1), device)
        counts.append(max(1, round(least_seconds / max(time_calls(call, 1, device), 1e-6))))
    seconds: list[list[float]] = [[] for _ in calls]
    for number in range(rounds):
        order = range(len(calls)) if number % 2 == 0 else reversed(range(len(calls)))
        for i in order:
            seconds[i].append(time_calls(calls[i], counts[i], device))
    return seconds
