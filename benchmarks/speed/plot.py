"""Pictures of a result: images per second of each peer, or its cost against the share of visible patches."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.speed.result import Result, Table
from benchmarks.speed.timing import Quartiles

INCHES_PER_BAR = 0.35


def draw(result: Result, path: Path) -> None:
    """Write a PNG: cost against visible patches if several mask ratios were measured, else throughput."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_cost(result, path) if result.has_several_ratios else draw_throughput(result, path)


def draw_throughput(result: Result, path: Path) -> None:
    """Bars of images per second, one panel for each table; whiskers reach over the middle half of the rounds."""
    tables = [table for table in result.tables if table.rows]
    height = 1.2 + INCHES_PER_BAR * max((len(table.rows) for table in tables), default=1)
    figure, panels = plt.subplots(
        max(len(tables), 1), 1, figsize=(8, height * max(len(tables), 1)), squeeze=False, layout="constrained"
    )
    for table, axes in zip(tables, panels[:, 0], strict=False):
        _draw_bars(table, axes)
    figure.suptitle(result.title)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_cost(result: Result, path: Path) -> None:
    """Milliseconds per image against the share of visible patches; bands over the middle half of the rounds."""
    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    for label in result.labels:
        points = []
        for table in result.tables:
            for row in table.rows:
                if row.label == label:
                    visible, patches = table.patches
                    points.append((visible / patches, table.seconds(row), table.batch_size))
        points.sort(key=lambda point: point[0])
        shares = [share for share, _, _ in points]
        (line,) = axes.plot(shares, [1e3 * s.median / n for _, s, n in points], marker="o", markersize=3, label=label)
        low, high = ([1e3 * getattr(s, end) / n for _, s, n in points] for end in ("low", "high"))
        axes.fill_between(shares, low, high, color=line.get_color(), alpha=0.2)
    axes.set(xlabel="share of visible patches", ylabel="milliseconds per image", xlim=(0, 1), title=result.title)
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _draw_bars(table: Table, axes: Axes) -> None:
    rates = [
        Quartiles(*(table.batch_size / seconds for seconds in (q.median, q.high, q.low)))
        for q in map(table.seconds, table.rows)
    ]
    medians = [rate.median for rate in rates]
    whiskers = ([r.median - r.low for r in rates], [r.high - r.median for r in rates])
    bars = axes.barh([row.label for row in table.rows], medians, xerr=whiskers, color="tab:blue", ecolor="black")
    axes.bar_label(bars, [f"{median:.3g}" for median in medians], padding=6)
    axes.margins(x=0.12)
    axes.invert_yaxis()  # the first row on top
    axes.set_xlabel("images per second")
    axes.set_title(table.title, fontsize="medium")
