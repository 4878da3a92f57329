"""The time of one call on the device alone, and what is kept of it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.speed.parity import relative_error
from benchmarks.speed.timing import Quartiles
from cnxv2_mm.kernels.dispatch import TRITON_SWITCH

Call = Callable[[], tuple[Tensor, ...]]
# What a GPU's last cache holds at most: written anew before each call, so that a call finds its input in memory.
CACHE_BYTES = 2**28
# About a millisecond, in which the host hands over all launches of a call; the device then runs them without a gap.
CYCLES_AHEAD = 2_000_000


@dataclass(frozen=True)
class Case:
    """One computation by one who does it.

    Attributes:
        operation: 'depthwise' or 'mlp'.
        direction: What is computed: 'forward', 'input gradient', ...
        shape: On what, in words.
        by: Who computes it.
        bytes: What has to be read and written at least.
        call: Function that computes it.
        expected: The same numbers, by PyTorch in float32.
    """

    operation: str
    direction: str
    shape: str
    by: str
    bytes: int
    call: Call
    expected: tuple[Tensor, ...]


@dataclass(frozen=True)
class Row:
    """What was measured of a :class:`Case`, and where it is from.

    Attributes:
        operation: As in the case.
        direction: As in the case.
        shape: As in the case.
        by: As in the case.
        milliseconds: Median of the calls, and the quartiles.
        gigabytes_per_second: The bytes of the case over the median.
        error: Relative error in the L2 norm, of the worst tensor.
    """

    operation: str
    direction: str
    shape: str
    by: str
    milliseconds: Quartiles
    gigabytes_per_second: float
    error: float


def measure(case: Case, device: torch.device, repeats: int) -> Row:
    """Compare a case with what is expected, and time it."""
    error = max(map(relative_error, case.call(), case.expected))
    seconds = Quartiles.of(time_on_device(case.call, device, repeats))
    return Row(
        case.operation,
        case.direction,
        case.shape,
        case.by,
        milliseconds=Quartiles(*(1e3 * each for each in (seconds.median, seconds.low, seconds.high))),
        gigabytes_per_second=case.bytes / seconds.median / 1e9,
        error=error,
    )


def time_on_device(call: Call, device: torch.device, repeats: int) -> list[float]:
    """Return the seconds of each call: on a GPU those of its kernels, without what the host takes to launch them."""
    call()
    if device.type == "cpu":
        return [_time_on_host(call) for _ in range(repeats)]
    cache = torch.empty(CACHE_BYTES, dtype=torch.uint8, device=device)
    events = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(repeats)]
    for start, end in events:
        cache.zero_()
        torch.cuda._sleep(CYCLES_AHEAD)
        start.record()
        call()
        end.record()
    torch.cuda.synchronize(device)
    return [start.elapsed_time(end) / 1e3 for start, end in events]


def _time_on_host(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@contextmanager
def without_triton() -> Iterator[None]:
    """Switch our Triton programs off."""
    before = os.environ.get(TRITON_SWITCH)
    os.environ[TRITON_SWITCH] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[TRITON_SWITCH]
        else:
            os.environ[TRITON_SWITCH] = before


def call_without_triton(call: Call) -> Call:
    """Return the same call with our Triton programs switched off."""

    def other() -> tuple[Tensor, ...]:
        with without_triton():
            return call()

    return other
