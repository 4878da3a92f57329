"""Curves from the numbers of a training: thinned, smoothed, and put together to charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cnxv2_mm.run_report.history import Series
from cnxv2_mm.run_report.measures import HELD_OUT_LOSS, LOSS, RATES, Measure, loss_parts

_POINTS = 600  # a curve has no more: a chart is not wider than that
_WINDOW = 0.04  # of the curve: what smoothing averages over
_LOGARITHMIC = 20  # times the smallest: from there on a loss is drawn on a logarithmic scale


@dataclass(frozen=True)
class Curve:
    """A curve of a chart.

    Attributes:
        label: Its name in the legend; empty for none.
        steps: Where its points are, in steps of the training.
        values: Their values, all finite.
        style: "line", "points" (a line with a mark at each), "faint" or "dashed".
    """

    label: str
    steps: tuple[float, ...]
    values: tuple[float, ...]
    style: str = "line"


@dataclass(frozen=True)
class Chart:
    """Curves in one drawing.

    Attributes:
        curves: At least one.
        levels: Horizontal lines, and their names.
        logarithmic: Whether the scale of the values is.
    """

    curves: tuple[Curve, ...]
    levels: tuple[tuple[str, float], ...] = ()
    logarithmic: bool = False


def loss_chart(history: Mapping[str, Series]) -> Chart | None:
    """Return the training's loss as logged, smoothed, and the held-out loss where there is one."""
    if LOSS not in history:
        return None
    raw = thinned(history[LOSS])
    smooth = Curve("training, smoothed", raw.steps, smoothed(raw.values))
    curves = [Curve("", raw.steps, raw.values, "faint"), smooth]
    if HELD_OUT_LOSS in history:
        held_out = thinned(history[HELD_OUT_LOSS])
        curves.append(Curve("held out", held_out.steps, held_out.values, "points"))
    return _chart(curves, logarithmic=_spans(curves))


def parts_chart(history: Mapping[str, Series]) -> Chart | None:
    """Return the smoothed parts of a loss that is a sum."""
    parts = [(name, thinned(history[name])) for name in loss_parts(history)]
    curves = [Curve(name, part.steps, smoothed(part.values)) for name, part in parts]
    return _chart(curves, logarithmic=_spans(curves))


def rate_chart(history: Mapping[str, Series]) -> Chart | None:
    """Return the learning rate."""
    name = next((name for name in RATES if name in history), None)
    if name is None:
        return None
    rate = thinned(history[name])
    return _chart([Curve("", rate.steps, rate.values)])


def measure_chart(history: Mapping[str, Series], measure: Measure) -> Chart | None:
    """Return the numbers of a measure."""
    curves = []
    for place, (name, label) in enumerate(measure.names):
        if name in history:
            series = thinned(history[name])
            curves.append(Curve(label, series.steps, series.values, "points" if place == 0 else "dashed"))
    if len(curves) == 1 and not measure.levels:  # its title says what it is
        curves = [Curve("", curves[0].steps, curves[0].values, curves[0].style)]
    return _chart(curves, measure.levels)


def thinned(series: Series) -> "Points":
    """Leave out what is not finite, and average neighbours of a long series."""
    steps, values = np.array(series.steps, float), np.array(series.values, float)
    finite = np.isfinite(values)
    steps, values = steps[finite], values[finite]
    if len(values) > _POINTS:
        groups = np.array_split(np.arange(len(values)), _POINTS)
        steps, values = (np.array([x[group].mean() for group in groups]) for x in (steps, values))
    return Points(tuple(steps.tolist()), tuple(values.tolist()))


@dataclass(frozen=True)
class Points:
    """Points of a curve: steps and values."""

    steps: tuple[float, ...]
    values: tuple[float, ...]


def smoothed(values: Sequence[float]) -> tuple[float, ...]:
    """Return the mean of each value and its neighbours, of as many on both sides; fewer at the ends."""
    half = round(len(values) * _WINDOW / 2)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    last = len(values) - 1
    reach = [min(half, i, last - i) for i in range(len(values))]
    return tuple(float(sums[i + r + 1] - sums[i - r]) / (2 * r + 1) for i, r in enumerate(reach))


def _chart(
    curves: Sequence[Curve], levels: tuple[tuple[str, float], ...] = (), logarithmic: bool = False
) -> Chart | None:
    shown = tuple(curve for curve in curves if curve.values)
    return Chart(shown, levels, logarithmic) if shown else None


def _spans(curves: Sequence[Curve]) -> bool:
    """Whether values are so far apart that only a logarithmic scale shows them all."""
    values = [value for curve in curves for value in curve.values]
    return bool(values) and min(values) > 0 and max(values) > _LOGARITHMIC * min(values)
