"""Results: ratios, and the JSON that they are kept in."""

import dataclasses

import pytest

from benchmarks.speed.result import NotTimed, Result
from benchmarks.speed.timing import Quartiles
from tests.benchmarks.speed.examples import result, table


def test_ratios_of_medians_and_within_rounds():
    one = table(packed=[1.0, 2.0, 4.0], timm=[3.0, 8.0, 8.0])
    ours, timm = one.rows
    assert one.ratio(ours) == 1
    assert one.ratio(timm) == 8 / 2
    assert one.paired_ratios(timm) == Quartiles(3.0, 2.5, 3.5)  # of 3, 4 and 2
    assert one.images_per_second(ours) == 16 / 2


@pytest.mark.parametrize(
    ("dtype", "compiled", "label"),
    [
        (None, False, "packed"),
        (None, True, "packed, compiled"),
        ("bfloat16", False, "packed, bfloat16"),
        ("float32", True, "packed, float32, compiled"),
    ],
)
def test_a_row_is_called_by_its_type_only_where_there_are_several(dtype, compiled, label):
    row = dataclasses.replace(table(packed=[1.0]).rows[0], dtype=dtype, compiled=compiled)
    assert row.label == label
    assert NotTimed("packed", compiled, "not installed", dtype=dtype).label == label


def test_what_is_written_is_read_again(tmp_path):
    written = result(table(packed=[1.0, 2.0], missing=[NotTimed("minkowski", False, "not installed")]))
    written.write(tmp_path / "x.json")
    assert Result.read(tmp_path / "x.json") == written
