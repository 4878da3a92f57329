"""What becomes of one call: its time, its rate, its error."""

import os
import time

import pytest
import torch

from benchmarks.gpu.kernel_timing import Case, call_without_triton, measure, time_on_device, without_triton
from cnxv2_mm.kernels.dispatch import TRITON_SWITCH

CPU = torch.device("cpu")


def test_a_row_has_time_rate_and_error():
    def call():
        time.sleep(0.02)
        return torch.tensor([3.0, 4.0]), torch.ones(2)

    expected = (torch.tensor([3.0, 5.0]), torch.ones(2))
    row = measure(Case("depthwise", "forward", "2 cells", "me", 4_000_000, call, expected), CPU, repeats=3)
    assert (row.operation, row.direction, row.shape, row.by) == ("depthwise", "forward", "2 cells", "me")
    assert row.error == pytest.approx(1 / 34**0.5)
    assert 20 <= row.milliseconds.low <= row.milliseconds.median <= row.milliseconds.high
    assert row.gigabytes_per_second == pytest.approx(4 / row.milliseconds.median)


def test_each_call_is_timed_after_one_that_is_not():
    calls = []
    assert len(time_on_device(lambda: calls.append(1), CPU, repeats=4)) == 4
    assert len(calls) == 5


@pytest.mark.parametrize("before", [None, "1"])
def test_triton_is_switched_off_for_a_while(before, monkeypatch):
    monkeypatch.delenv(TRITON_SWITCH, raising=False)
    if before:
        monkeypatch.setenv(TRITON_SWITCH, before)
    assert call_without_triton(lambda: os.environ[TRITON_SWITCH])() == "0"
    assert os.environ.get(TRITON_SWITCH) == before
    with pytest.raises(ZeroDivisionError), without_triton():
        1 / 0  # noqa: B018
    assert os.environ.get(TRITON_SWITCH) == before
