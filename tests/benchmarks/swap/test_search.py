"""Values anywhere inside a config."""

from benchmarks.swap.search import smallest, values_of

CONFIG = {"a": {"num": 3, "b": [{"num": 0}, {"num": [7]}]}, "num": 5, "other": 2}


def test_values_are_found_at_any_depth_outer_ones_first():
    assert list(values_of(CONFIG, "num")) == [5, 3, 0, [7]]
    assert list(values_of(CONFIG, "nothing")) == []


def test_the_smallest_positive_whole_number():
    assert smallest(CONFIG, "num", default=9) == 3
    assert smallest(CONFIG, "num", "other", default=9) == 2
    assert smallest(CONFIG, "nothing", default=9) == 9
