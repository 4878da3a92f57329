"""The rows that are committed."""

from benchmarks.traffic.plan import LAYOUTS, MODES, PARTS, PLAN


def test_every_row_is_there_once_and_can_be_counted():
    assert len(set(PLAN)) == len(PLAN) == 14
    for row in PLAN:
        assert row.part in PARTS
        assert row.mode in MODES
        assert (row.layout == "dense") == (row.part == "backbone")
        assert row.layout in (*LAYOUTS, "dense")
