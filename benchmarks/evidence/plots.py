"""Pictures of the results: cosine distance by layer (the paper's figure 4) and accuracy by mask ratio (figure 8)."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from benchmarks.evidence.arms import ARMS
from benchmarks.evidence.summary import Results, numbers

FIGURE_4 = {
    "v1": "V1, FCMAE",
    "v2": "V2, FCMAE",
    "v1-supervised": "V1, supervised",
    "v2-supervised": "V2, supervised",
}


def draw_distances(results: Results, path: Path) -> None:
    """Write a PNG: cosine distance by layer, a panel for each moment, the range over seeds as a band."""
    moments = list(results["v2"][0]["distances"])
    figure, panels = plt.subplots(
        1, len(moments), figsize=(3.2 * len(moments), 3.4), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, moment in zip(panels[0], moments, strict=True):
        for arm, label in FIGURE_4.items():
            if arm not in results:
                continue
            layers = np.array([result["distances"][moment] for result in results[arm]])  # (seeds, layers)
            places = np.arange(1, layers.shape[1] + 1)
            (line,) = axes.plot(places, layers.mean(axis=0), label=label, marker="o", markersize=3)
            axes.fill_between(places, layers.min(axis=0), layers.max(axis=0), alpha=0.2, color=line.get_color())
        axes.set_title(f"after {float(moment):.0%} of the steps", fontsize=10)
        axes.set_xlabel("block")
        axes.grid(alpha=0.3)
    panels[0, 0].set_ylabel("feature cosine distance")
    panels[0, 0].legend(fontsize=8)
    _save(figure, path)


def draw_mask_ratios(results: Results, path: Path) -> None:
    """Write a PNG: accuracies by mask ratio, one dot for each seed."""
    arms = sorted((a for a in ARMS if a.name == "v2" or a.name.startswith("mask-")), key=lambda a: a.mask_ratio)
    arms = [arm for arm in arms if arm.name in results]
    figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.2), layout="constrained")
    for axes, column, title in zip(
        panels, ("finetuned", "probe", "knn"), ("fine-tuned", "linear probe", "k-NN"), strict=True
    ):
        values = [numbers(results, arm.name, column) for arm in arms]
        ratios = [arm.mask_ratio for arm in arms]
        axes.plot(ratios, [np.mean(v) for v in values], marker="o")
        for ratio, seeds in zip(ratios, values, strict=True):
            axes.scatter([ratio] * len(seeds), seeds, color="grey", s=12, zorder=3)
        axes.set_title(f"{title} accuracy", fontsize=10)
        axes.set_xlabel("mask ratio")
        axes.grid(alpha=0.3)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)
