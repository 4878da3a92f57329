"""The picture for README: how many times longer than ours each peer takes on the CPU, for atto and tiny."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.speed.result import Result, Table

SIZES = {"atto": "atto (3.4 million parameters)", "tiny": "tiny (27.9 million parameters)"}
COLOURS = {"atto": "#8fb8de", "tiny": "#1f5a96"}
PANELS = {
    "pretrain": "Encoder of the pre-training, forward and backward",
    "step": "Whole training step: encoder, decoder, loss, gradients, AdamW",
}
# What the picture calls the peers, in its order.
PEERS = {
    "minkowski": "MinkowskiEngine",
    "spark": "mmpretrain's SparK network",
    "masked_dense": "PyTorch, hidden cells zeroed",
    "mmpretrain": "mmpretrain, without a mask",
    "timm": "timm, without a mask",
}
# Key of the PNG's text that repeats its numbers.
NUMBERS = "Description"
BAR = 0.38
LIBRARIES = ("torch", "MinkowskiEngine", "mmpretrain", "timm")


def draw_overview(results: Mapping[str, Result], path: Path) -> None:
    """Write the picture as a PNG of 1600 pixels width.

    Args:
        results: Results by name, 'cpu_pretrain_atto' and the like.
        path: The new file.
    """
    numbers = {benchmark: find_ratios(results, benchmark) for benchmark in PANELS}
    heights = [len(ratios) for ratios in numbers.values()]
    figure, panels = plt.subplots(
        len(PANELS), 1, figsize=(8, 6), sharex=True, layout="constrained", height_ratios=heights
    )
    for axes, (benchmark, ratios) in zip(panels, numbers.items(), strict=True):
        _draw_bars(axes, PANELS[benchmark], ratios)
    panels[0].legend(loc="lower right", fontsize=10)
    panels[-1].set_xlabel("times as long as cnxv2_mm (lower is better)", fontsize=11)
    figure.suptitle("How many times longer than cnxv2_mm?", fontsize=15, fontweight="bold")
    figure.supxlabel(_caption(results["cpu_pretrain_tiny"]), fontsize=9, color="#444444")
    _save(figure, path, describe_numbers(results))


def find_ratios(results: Mapping[str, Result], benchmark: str) -> dict[str, dict[str, float]]:
    """Return the ratio to ours of each peer that was timed, by peer and size.

    A peer that was timed compiled too counts with the faster of its two forms.
    """
    tables = {size: results[f"cpu_{benchmark}_{size}"].tables[0] for size in SIZES}
    timed = {size: {row.peer for row in table.rows} for size, table in tables.items()}
    return {
        peer: {size: _fastest(table, peer) for size, table in tables.items()}
        for peer in PEERS
        if all(peer in names for names in timed.values())
    }


def describe_numbers(results: Mapping[str, Result]) -> str:
    """Return the numbers of the picture as text: 'pretrain timm: atto 2.24, tiny 2.57; ...'. The PNG holds it too."""
    return "; ".join(
        f"{benchmark} {peer}: {', '.join(f'{size} {ratio:.2f}' for size, ratio in by_size.items())}"
        for benchmark in PANELS
        for peer, by_size in find_ratios(results, benchmark).items()
    )


def _fastest(table: Table, peer: str) -> float:
    return min(table.ratio(row) for row in table.rows if row.peer == peer)


def _draw_bars(axes: Axes, title: str, ratios: Mapping[str, Mapping[str, float]]) -> None:
    for number, size in enumerate(SIZES):
        places = [row + (number - 0.5) * BAR for row in range(len(ratios))]
        bars = axes.barh(
            places, [by_size[size] for by_size in ratios.values()], BAR, color=COLOURS[size], label=SIZES[size]
        )
        axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=10)
    axes.axvline(1, color="#c0392b", linewidth=2)
    axes.text(1.04, -0.62, "cnxv2_mm = 1", color="#c0392b", fontsize=10, va="bottom")
    axes.set_yticks(range(len(ratios)), [PEERS[peer] for peer in ratios], fontsize=10)
    axes.set_ylim(len(ratios) - 0.5, -1.0)  # the first peer on top, and room for the line's name
    axes.set_xlim(0, 7)
    axes.set_title(title, fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _caption(result: Result) -> str:
    table = result.tables[0]
    versions = (f"{name} {(result.versions[name] or 'absent').partition(' ')[0]}" for name in LIBRARIES)
    return (
        f"{result.machine['cpu']}, {result.machine['cores']} cores, {result.settings['dtype']}, images of "
        f"{table.size} x {table.size} pixels, {table.mask_ratio:.0%} of the patches hidden.\n"
        "cnxv2_mm in eager mode, each peer in eager mode or under torch.compile: whichever is faster.\n"
        f"Medians. {', '.join(versions)}."
    )


def _save(figure: Figure, path: Path, numbers: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=200, metadata={NUMBERS: numbers})
    plt.close(figure)
