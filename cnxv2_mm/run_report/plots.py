"""Charts as drawings, of a size that can be read on a telephone."""

from functools import lru_cache
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator

from cnxv2_mm.run_report.charts import Chart
from cnxv2_mm.web_page.plot_file import svg

_SIZE = (5.2, 2.9)  # inches, of 72 points: letters of 9 points are 9 pixels high where the chart has 374
_STYLES: dict[str, dict[str, Any]] = {
    "line": {"linewidth": 1.7},
    "points": {"linewidth": 1.4, "marker": "o", "markersize": 3.5},
    "dashed": {"linewidth": 1.2, "linestyle": "--"},
    "faint": {"linewidth": 0.8, "alpha": 0.35},
}
_MANY = 20  # points that are close enough to do without marks
_BESIDE = 4  # names in a legend inside of the chart; more stand on its right


@lru_cache(maxsize=64)
def draw(chart: Chart) -> bytes:
    """Return a chart as SVG; the same one is drawn once."""
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    # A faint curve is what the next one smooths, and has its colour.
    colour = 0
    lines: list[Line2D] = []
    for curve in chart.curves:
        options = dict(_STYLES[curve.style])
        if len(curve.values) > 3 * _MANY:
            options.pop("marker", None)
        if len(curve.values) == 1:
            options |= {"marker": "o", "markersize": 4}
        lines += axes.plot(curve.steps, curve.values, color=f"C{colour % 10}", **options)
        colour += curve.style != "faint"
    for name, value in chart.levels:
        axes.axhline(value, color="0.35", linestyle=":", linewidth=1)
        axes.annotate(
            name,
            (0.995, value),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=8,
            color="0.35",
        )
    if chart.logarithmic:
        axes.set_yscale("log")
    else:
        axes.ticklabel_format(axis="y", scilimits=(-3, 5), useMathText=True)
        axes.yaxis.offsetText.set_fontsize(9)
    axes.set_xlabel("step", fontsize=9)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.tick_params(labelsize=9)
    axes.grid(alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    named = [line for line, curve in zip(lines, chart.curves, strict=True) if curve.label]
    labels = [_plain(curve.label) for curve in chart.curves if curve.label]
    if len(labels) > _BESIDE:
        figure.legend(named, labels, loc="outside right upper", fontsize=7.5, frameon=False)
    elif labels:
        figure.legend(named, labels, loc="outside upper left", ncols=len(labels), fontsize=8.5, frameon=False)
    return svg(figure)


def _plain(text: str) -> str:
    """Keep matplotlib from reading formulas in names."""
    return text.replace("$", r"\$")
