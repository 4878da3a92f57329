"""Curves hold the numbers; thinning and smoothing are means, as numpy and scipy compute them."""

import numpy as np
import pytest

from cnxv2_mm.run_report.charts import loss_chart, measure_chart, parts_chart, rate_chart, smoothed, thinned
from cnxv2_mm.run_report.history import Series
from cnxv2_mm.run_report.measures import measures_in


def series(values, start=1):
    return Series(tuple(range(start, start + len(values))), tuple(map(float, values)))


def test_a_short_series_stays():
    points = thinned(series([3, float("nan"), 1, float("inf"), 2]))
    assert (points.steps, points.values) == ((1, 3, 5), (3, 1, 2))


def test_a_long_series_is_averaged():
    values = np.random.default_rng(0).normal(size=60_000)
    points = thinned(series(values))
    assert points.values == pytest.approx(values.reshape(600, 100).mean(1))
    assert points.steps == pytest.approx(np.arange(1, 60_001).reshape(600, 100).mean(1))


def test_smoothing():
    values = np.random.default_rng(0).normal(size=300)
    found = smoothed(values)
    window = 13  # 4 % of 300 and one: as many on both sides
    assert found[6:-6] == pytest.approx(np.convolve(values, np.ones(window) / window, mode="valid"))
    assert found[0] == values[0]
    assert found[-2] == pytest.approx(values[-3:].mean())
    assert smoothed([]) == ()
    assert smoothed(np.arange(300.0)) == pytest.approx(np.arange(300.0))  # no lag


def test_the_loss():
    history = {"loss": series([4, 2, 1]), "held_out/loss": series([5, 3], start=0)}
    chart = loss_chart(history)
    assert [curve.values for curve in chart.curves] == [(4, 2, 1), (4, 2, 1), (5, 3)]
    assert [curve.style for curve in chart.curves] == ["faint", "line", "points"]
    assert not chart.logarithmic
    assert loss_chart({"loss": series([100, 2, 1])}).logarithmic
    assert not loss_chart({"loss": series([100, 2, -1])}).logarithmic
    assert loss_chart({}) is None
    assert loss_chart({"loss": series([float("nan")])}) is None


def test_parts_rate_and_measures():
    history = {
        "loss": series([3]),
        "loss_a": series([1, 1]),
        "loss_b": series([2]),
        "lr": series([7]),
        "base_lr": series([8]),
    }
    assert [curve.label for curve in parts_chart(history).curves] == ["loss_a", "loss_b"]
    assert rate_chart(history).curves[0].values == (8,)
    assert rate_chart({}) is None
    assert parts_chart({"loss": series([3])}) is None
    numbers = {"held_out/loss": series([1]), "held_out/patch_mean_loss": series([2]), "held_out/knn": series([3])}
    loss, knn = measures_in(numbers)
    assert [(curve.label, curve.values) for curve in measure_chart(numbers, loss).curves] == [
        ("held-out loss", (1,)),
        ("patch-mean loss", (2,)),
    ]
    assert measure_chart(numbers, knn).curves[0].label == ""  # the title says it
