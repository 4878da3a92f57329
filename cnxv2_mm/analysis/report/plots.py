"""The plots. One curve or row for each checkpoint, in the same colour everywhere."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cnxv2_mm.analysis.report.layers import Layer
from cnxv2_mm.analysis.report.measure import Measures
from cnxv2_mm.web_page.plot_file import png, svg

WIDTH = 10.0  # inches, which a page shows at 960 pixels
DPI = 120
BINS = 25
TILE = 32  # pixels across the map of a channel, about
SMALLEST = 1e-6  # singular values below, relative to the largest, are not drawn
_GRID: dict[str, Any] = {"alpha": 0.3, "linewidth": 0.6}


@dataclass(frozen=True)
class Plot:
    """A picture and what a reader has to know about it.

    Attributes:
        name: The name of its file, with its ending: .svg or .png.
        title: What it shows, in a few words.
        caption: How to read it, what is healthy, and where it comes from.
        data: The bytes of the file.
    """

    name: str
    title: str
    caption: str
    data: bytes


def draw_all(results: Sequence[Measures], image: np.ndarray) -> list[Plot]:
    """Draw what was measured; plots that nothing was measured for are left out.

    Args:
        results: One for each checkpoint.
        image: The first image, (H, W, C) bytes, which the channel maps are of.
    """
    plots = [draw_distance(results), draw_channel_maps(results, image), draw_activity(results)]
    if results[0].layers[0].selectivity is not None:
        plots.append(draw_selectivity(results))
    plots.append(draw_spectrum(results))
    if any(result.reconstructions for result in results):
        plots.append(draw_reconstructions(results))
    return plots


def draw_distance(results: Sequence[Measures]) -> Plot:
    """Draw the feature cosine distance of each hidden layer: figure 4 of the paper."""
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    axes = figure.subplots()
    _draw_by_layer(axes, results, [[layer.cosine_distance for layer in result.layers] for result in results])
    axes.axhline(0.5, color="0.4", linestyle=":", linewidth=1)
    axes.set_ylabel("feature cosine distance")
    axes.set_ylim(0, max(0.62, *(1.2 * layer.cosine_distance for result in results for layer in result.layers)))
    _add_legend(figure, axes.get_lines(), _labels(results))
    return Plot(
        "distance.svg",
        "Feature cosine distance by layer",
        "How different the channels of a layer are: the mean over all pairs of channels of (1 - cosine) / 2, in the "
        "hidden layer of each block's MLP, averaged over the images. Healthy: near 0.5 (dotted), where channels are "
        "unrelated (as they are in a random network too), and no fall towards the last layers. Collapsed: near 0, "
        "where all channels show the same. Source: section 4 and figure 4 of ConvNeXt V2 (arXiv 2301.00808).",
        svg(figure),
    )


def draw_activity(results: Sequence[Measures]) -> Plot:
    """Draw the shares of dead and of saturated channels of each hidden layer."""
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    dead, saturated = figure.subplots(1, 2, sharey=True)
    _draw_by_layer(dead, results, [[100 * layer.activity.dead for layer in result.layers] for result in results])
    _draw_by_layer(
        saturated, results, [[100 * layer.activity.saturated for layer in result.layers] for result in results]
    )
    dead.set(title="dead", ylabel="% of the channels")
    saturated.set_title("saturated")
    dead.set_ylim(0, max(5, dead.get_ylim()[1]))  # a zoom into a tenth of a percent would look like a finding
    _add_legend(figure, dead.get_lines(), _labels(results))
    return Plot(
        "activity.svg",
        "Dead and saturated channels",
        "Share of the channels of each hidden layer that are dead (no cell above 1 % of the layer's root mean square) "
        "or saturated (deviation over the cells at most 10 % of the mean) on an image, averaged over the images. "
        "Healthy: a few percent. Collapsed: many. Maps of very few cells, of small images, have more by chance. "
        "Source: section 4 of the paper, which gives no thresholds; these are ours.",
        svg(figure),
    )


def draw_channel_maps(results: Sequence[Measures], image: np.ndarray) -> Plot:
    """Draw the maps of 64 channels of the last hidden layer of each stage, on one image: figure 3 of the paper."""
    stages = max(len(result.maps) for result in results)
    side = WIDTH / (stages + 1)
    figure = Figure(figsize=(WIDTH, len(results) * (side + 0.75)), layout="constrained", dpi=DPI)
    parts: Any = figure.subfigures(len(results), 1, squeeze=False)
    for number, (part, result) in enumerate(zip(parts[:, 0], results, strict=True)):
        part.suptitle(_plain(result.source.label), fontsize=11, color=f"C{number % 10}", weight="bold")
        panels = part.subplots(1, stages + 1, squeeze=False)[0]
        for panel in panels:
            panel.set_axis_off()
        panels[0].imshow(image.squeeze(), cmap="gray")
        panels[0].set_title("image", fontsize=9)
        for stage, (panel, maps) in enumerate(zip(panels[1:], result.maps, strict=False), start=1):
            panel.imshow(_mosaic(maps), cmap="viridis", vmin=0, vmax=_brightest(maps), interpolation="nearest")
            panel.set_title(f"stage {stage}, last block", fontsize=9)
    return Plot(
        "channel_maps.png",
        "Channel maps of one image",
        "What single channels see: the maps of 64 channels, at equal steps, of the last hidden layer of each stage. "
        "Within a layer all maps have one scale of brightness. Healthy: maps that differ from each other. Collapsed: "
        "many maps that are dark all over (dead) or bright all over (saturated), or all alike. "
        "Source: figure 3 of the paper.",
        png(figure),
    )


def draw_selectivity(results: Sequence[Measures]) -> Plot:
    """Draw how the class selectivity of the channels is distributed in each stage: figure 7 of the paper."""
    stages = max(result.num_stages for result in results)
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    panels = figure.subplots(1, stages, sharey=True, squeeze=False)[0]
    for stage, panel in enumerate(panels, start=1):
        for number, result in enumerate(results):
            if chosen := result.of_stage(stage):
                indices = np.concatenate([_selectivity(layer) for layer in chosen])
                colour = f"C{number % 10}"
                options: dict[str, Any] = {"bins": BINS, "range": (0, 1), "density": True}
                panel.hist(indices, histtype="stepfilled", color=colour, alpha=0.15, **options)
                panel.hist(indices, histtype="step", color=colour, linewidth=1.4, **options)
        panel.set(title=f"stage {stage}", xlabel="class selectivity index", xlim=(0, 1), xticks=(0, 0.5, 1))
        panel.grid(**_GRID)
    panels[0].set_ylabel("density of channels")
    handles = [Line2D([], [], color=f"C{number % 10}") for number in range(len(results))]
    _add_legend(figure, handles, _labels(results))
    return Plot(
        "selectivity.svg",
        "Class selectivity by stage",
        "How much each channel of the blocks' outputs prefers one class: (highest class mean - mean of the others) / "
        "(their sum), 0 if all classes excite it alike, 1 if one class alone does. Healthy: a broad distribution, with "
        "general and selective channels; the paper's V2 has both after FCMAE, its V1 one narrow group. The index is "
        "too high where a class has few images, so compare networks on the same images only. "
        "Source: appendix C and figure 7 of the paper; index of Morcos et al., ICLR 2018.",
        svg(figure),
    )


def draw_spectrum(results: Sequence[Measures]) -> Plot:
    """Draw the singular values of the features."""
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    axes = figure.subplots()
    lines: list[Artist] = []
    for number, result in enumerate(results):
        values = result.singular_values / max(result.singular_values[0], np.finfo(np.float64).tiny)
        lines += axes.plot(np.arange(1, len(values) + 1), values, color=f"C{number % 10}", linewidth=1.6)
    axes.set(xlabel="number of the singular value", ylabel="singular value / largest", yscale="log")
    axes.set_ylim(max(axes.get_ylim()[0], SMALLEST), 1.5)
    axes.set_xlim(left=0)
    axes.grid(**_GRID)
    _add_legend(figure, lines, [f"{result.source.label}: RankMe {result.rank_me:.1f}" for result in results])
    return Plot(
        "spectrum.svg",
        "Singular values of the features",
        "How many directions the features of the images fill: singular values of the matrix of one feature vector per "
        "image (last stage, averaged over the image, behind the final norm if the checkpoint has one). Healthy: a slow "
        "fall, and a high RankMe (the effective number of directions, at most the number of images or of features); a "
        "random network has that too, so look at k-NN as well. "
        "Collapsed: a cliff after a few values. Compare networks of the same width on the same images. "
        "Source: Garrido et al., RankMe, ICML 2023 (arXiv 2210.02885).",
        svg(figure),
    )


def draw_reconstructions(results: Sequence[Measures]) -> Plot:
    """Draw images, what the encoder saw of them, and what each decoder painted."""
    painters = [(number, result) for number, result in enumerate(results) if result.reconstructions]
    examples = painters[0][1].reconstructions
    columns = 2 + len(painters)
    side = min(WIDTH / columns, 1.9)
    figure = Figure(figsize=(side * columns, len(examples) * side + 0.5), layout="constrained", dpi=DPI)
    rows = figure.subplots(len(examples), columns, squeeze=False)
    for axes in rows.ravel():
        axes.set_axis_off()
    for row, example in enumerate(examples):
        painted = [result.reconstructions[row].painted for _, result in painters]
        for axes, picture in zip(rows[row], (example.original, example.seen, *painted), strict=True):
            axes.imshow(picture.squeeze(), cmap="gray", interpolation="nearest")
    rows[0][0].set_title("original", fontsize=9)
    rows[0][1].set_title("visible", fontsize=9)
    for axes, (number, result) in zip(rows[0][2:], painters, strict=True):
        axes.set_title(_wrap(result.source.label), fontsize=9, color=f"C{number % 10}")
    return Plot(
        "reconstructions.png",
        "Reconstructions",
        "What the decoder paints where patches are hidden (60 %, the same patches for each checkpoint). Pixels are "
        "predicted up to the mean and the contrast of each patch, which are taken from the image, so judge the "
        "pattern inside of patches. Healthy: edges and textures go on into hidden patches; a loss below the "
        "patch-mean loss, that of painting each patch in its mean colour. Source: FCMAE, section 3 of the paper.",
        png(figure),
    )


def _draw_by_layer(axes: Axes, results: Sequence[Measures], values: Sequence[Sequence[float]]) -> None:
    """Draw a value of each layer; over blocks if the networks have the same ones, else over the share of the depth."""
    depths = {tuple(len(result.of_stage(s + 1)) for s in range(result.num_stages)) for result in results}
    for number, heights in enumerate(values):
        places = np.arange(1, len(heights) + 1) if len(depths) == 1 else np.linspace(0, 1, len(heights))
        axes.plot(places, heights, marker="o", markersize=4, linewidth=1.6, color=f"C{number % 10}")
    axes.grid(**_GRID)
    if len(depths) > 1:
        axes.set_xlabel("layer, as a share of the depth (0 first, 1 last)")
        return
    end = 0
    for stage, depth in enumerate(depths.pop(), start=1):
        axes.annotate(
            f"stage\n{stage}",
            (end + depth / 2 + 0.5, 0.97),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="top",
            fontsize=8,
            color="0.4",
        )
        if end:
            axes.axvline(end + 0.5, color="0.75", linewidth=0.8)
        end += depth
    axes.set(xlabel="block", xlim=(0.5, end + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _labels(results: Sequence[Measures]) -> list[str]:
    return [result.source.label for result in results]


def _add_legend(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """Name the first of the handles, one for each checkpoint, above all panels; the figure grows by that."""
    columns = max(1, min(len(labels), 110 // (max(map(len, labels)) + 8)))
    figure.set_figheight(figure.get_figheight() + 0.22 * (len(labels) / columns))
    figure.legend(
        handles[: len(labels)], list(map(_plain, labels)), loc="outside upper center", ncols=columns, frameon=False
    )


def _selectivity(layer: Layer) -> np.ndarray:
    assert layer.selectivity is not None  # either all layers have it or none
    return layer.selectivity


def _mosaic(maps: np.ndarray) -> np.ndarray:
    """Lay (channels, H, W) maps out in a square, small ones enlarged, with a gap between them that stays white."""
    enlarge = max(1, TILE // maps.shape[2])
    maps = maps.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    channels, height, width = maps.shape
    columns = int(np.ceil(np.sqrt(channels)))
    rows = int(np.ceil(channels / columns))
    gap = max(1, width // 16)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan, np.float32)
    for i, one in enumerate(maps):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = one
    return sheet


def _brightest(maps: np.ndarray) -> float:
    """Return the number that is drawn brightest: few cells are above it."""
    return max(float(np.percentile(maps, 99)), float(np.finfo(np.float32).tiny))


def _plain(text: str) -> str:
    """Keep matplotlib from reading formulas in names."""
    return text.replace("$", r"\$")


def _wrap(text: str) -> str:
    return "\n".join(map(_plain, textwrap.wrap(text, 20)))
