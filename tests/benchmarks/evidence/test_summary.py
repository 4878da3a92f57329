"""Means and deviations as numpy has them, and a verdict that asks every seed."""

import numpy as np
import pytest

from benchmarks.evidence.summary import by_arm, cell, numbers, verdict
from tests.benchmarks.evidence.examples import example_result


def test_mean_and_sample_deviation():
    values = [0.71, 0.745, 0.762]
    assert cell(values, "probe") == f"{np.mean(values):.1%} ± {np.std(values, ddof=1):.1%}"
    assert cell([3.0], "rank_me") == "3.0 ± 0.0"


@pytest.mark.parametrize(
    ("values", "reference", "expected"),
    [
        ([3, 4, 5], [0, 1, 2], "higher"),
        ([0, 1, 2], [3, 4, 5], "lower"),
        ([0, 1, 9], [3, 4, 5], "not separated"),
        ([2, 3], [0, 2], "not separated"),
    ],
)
def test_arms_are_told_apart_only_by_all_of_their_seeds(values, reference, expected):
    assert verdict(values, reference) == expected


def test_results_are_put_together_by_arm_and_seed():
    results = by_arm([example_result("a", 1, knn=0.2), example_result("b", 0), example_result("a", 0, knn=0.1)])
    assert numbers(results, "a", "knn") == [0.1, 0.2]
    assert list(results) == ["a", "b"] or set(results) == {"a", "b"}
