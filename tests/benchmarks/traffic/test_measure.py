"""What a step moves and launches may not grow unseen: ceilings on the committed and on recomputed figures."""

import json

import pytest

from tests.benchmarks.traffic.examples import with_mock
from tests.test_structure import ROOT

# MB an image and launches of a packed step, 128 images of 224 pixels, forward and backward.
TINY_COMPILED = (165.0, 570)
TINY_EAGER = (170.0, 650)
# The same with one block in each stage.
SMALL_COMPILED = (76.0, 292)
ROWS = json.loads((ROOT / "benchmarks" / "gpu_traffic.json").read_text())["rows"]

COUNT = """
import json, sys
from benchmarks.traffic.measure import count_row
from benchmarks.traffic.plan import Row
print(json.dumps(count_row(Row("step", "packed", {arch!r}, 128, {mode!r}))))
"""
SMALL = {"depths": [1, 1, 1, 1], "channels": [96, 192, 384, 768]}


def total(row):
    passes = row["forward"], row["backward"]
    return sum(one["bytes_an_image"] for one in passes) / 1e6, sum(one["launches"] for one in passes)


def assert_below(row, ceiling):
    megabytes, launches = total(row)
    assert megabytes <= ceiling[0]
    assert launches <= ceiling[1]


def find(layout, arch, mode):
    (row,) = (row for row in ROWS if (row["layout"], row["arch"], row["mode"]) == (layout, arch, mode))
    return row


def test_the_committed_figures_of_a_tiny_step():
    assert_below(find("packed", "tiny", "compiled"), TINY_COMPILED)
    assert_below(find("packed", "tiny", "eager"), TINY_EAGER)


def test_packed_moves_less_than_half_of_masked_dense():
    for arch in ("tiny", "base"):
        for mode in ("eager", "compiled"):
            assert total(find("packed", arch, mode))[0] < 0.5 * total(find("masked_dense", arch, mode))[0]


def test_no_step_asks_the_device_for_a_number():
    assert [row for row in ROWS if row["host_question"] is not None] == []


@pytest.mark.pinned
def test_a_tiny_step_in_eager_mode_counted_anew():
    row = with_mock(COUNT.format(arch="tiny", mode="eager"))
    assert_below(row, TINY_EAGER)
    assert total(row) == total(find("packed", "tiny", "eager")), "run `python -m benchmarks.traffic`"
    assert row["host_question"] is None
    assert len(row["largest"]) == 10


@pytest.mark.pinned
def test_a_small_compiled_step_counted_anew():
    assert_below(with_mock(COUNT.format(arch=SMALL, mode="compiled")), SMALL_COMPILED)


def test_a_question_to_the_device_is_named():
    code = """
import json, torch
from benchmarks.traffic.fake_step import FakeStep, new_fake_mode
from benchmarks.traffic.measure import count_eager

mode = new_fake_mode()
with mode:
    x = torch.empty(3, device="cuda", requires_grad=True)
functions = [lambda x: x.sum().item(), lambda x: x[x > 0], lambda x: x.cpu(), lambda x: x * 2]
print(json.dumps([count_eager(FakeStep(mode, function, (x,)))[1] for function in functions]))
"""
    item, selection, copy, nothing = with_mock(code)
    assert "_local_scalar_dense" in item
    assert "nonzero" in selection or "index" in selection
    assert "_to_copy" in copy
    assert nothing is None
