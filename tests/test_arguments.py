"""What is refused, and in which words."""

import re

import numpy as np
import pytest

from cnxv2_mm.arguments import check_argument, check_count


@pytest.mark.parametrize(("kind", "value"), [(bool, False), (int, 3), (int, np.int64(3)), (float, 0.5), (float, 1)])
def test_values_of_the_right_type_pass(kind, value):
    check_argument("x", value, kind, "anything")


@pytest.mark.parametrize(
    ("kind", "value"), [(bool, 1), (bool, None), (int, True), (int, 3.0), (int, None), (float, True), (float, [0.5])]
)
def test_other_types_are_refused_with_the_value(kind, value):
    with pytest.raises(ValueError, match=f"^x={re.escape(repr(value))} must be so$"):
        check_argument("x", value, kind, "so")


@pytest.mark.parametrize("kind", [bool, int, float])
def test_a_number_in_quotes_is_told_so(kind):
    with pytest.raises(ValueError, match=r"^x='1' must be so, without quotes$"):
        check_argument("x", "1", kind, "so")


@pytest.mark.parametrize("value", [2, float("nan")])
def test_values_outside_the_range_are_refused(value):
    with pytest.raises(ValueError, match=f"^x={value} must be below 2$"):
        check_argument("x", value, float, "below 2", lambda x: x < 2)


def test_a_count_begins_at_one():
    check_count("depth", 1)
    with pytest.raises(ValueError, match=r"^depth=0 must be a whole number, at least 1$"):
        check_count("depth", 0)
