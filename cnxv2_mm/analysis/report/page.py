"""The report of `cnxv2 analyze` as one HTML page."""

from collections.abc import Sequence
from html import escape

from cnxv2_mm.analysis.report.images import Images
from cnxv2_mm.analysis.report.measure import Measures
from cnxv2_mm.analysis.report.plots import Plot
from cnxv2_mm.analysis.report.results import LAYER_COLUMNS, layer_rows, summary
from cnxv2_mm.version import __version__
from cnxv2_mm.web_page.elements import figure, table
from cnxv2_mm.web_page.frame import frame

ASSUMED = (
    "The networks are read off the tensors. What no tensor shows is assumed: GRN as in the paper and not one of its "
    "variants, the exact GELU, no dilation, patches of 32 pixels of which 60 % are hidden, normalised pixels, and "
    "16 heads in a Transformer decoder."
)
# Of the table: the column that is explained, or the first of several; what to call them; what they are.
_NOTES = (
    (
        "distance 1",
        "distance 1 ... 4",
        "feature cosine distance of the hidden layers, averaged over the blocks of a stage",
    ),
    ("dead", "dead, saturated", "share of such channels, averaged over all blocks"),
    ("selectivity", "selectivity", "mean class selectivity index of the channels of all blocks' outputs"),
    ("RankMe", "RankMe", "effective rank of the features, of the highest that it can have"),
    (
        "k-NN",
        "k-NN, probe",
        "accuracy of frozen features on held-out images: 20 nearest neighbours, a linear classifier",
    ),
    (
        "loss",
        "loss, patch mean",
        "error of hidden pixels, normalised in each patch; the same for painting each patch in its mean colour",
    ),
)


def write_page(results: Sequence[Measures], images: Images, size: int, plots: Sequence[Plot]) -> str:
    """Return the page: the table first, then each plot with its caption, then all layers."""
    names = [result.source.label for result in results]
    title = f"Features of {' and '.join(names) if len(names) < 3 else f'{len(names)} checkpoints'}"
    columns, rows = summary(results)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(describe(images, size))}</p>",
        table(columns, rows),
        _notes(columns),
        "<h2>Checkpoints</h2>",
        table(
            ["name", "checkpoint", "library", "network"],
            [[r.source.label, r.source.checkpoint, r.source.dialect, str(r.source.architecture)] for r in results],
            kind="text",
        ),
        f"<p><small>{escape(ASSUMED)}</small></p>",
        *map(_section, plots),
        "<details><summary>All hidden layers</summary>",
        table(LAYER_COLUMNS, layer_rows(results)),
        "</details>",
        f"<p><small>Written by cnxv2_mm {escape(__version__)}, command <code>cnxv2 analyze</code>.</small></p>",
    ]
    return frame(title, "\n".join(parts))


def describe(images: Images, size: int) -> str:
    """Say in a sentence or two what was measured on."""
    text = f"Measured on {len(images.files)} of {images.found} images in {images.folder}, at {size} x {size} pixels."
    if images.labels is None:
        return f"{text} The images lie in no class folders, so nothing that needs classes was measured."
    held_out = int(images.held_out().sum())
    split = f"{held_out} images are held out for k-NN and the linear probe"
    if not held_out:
        split = "with one image of each there are no k-NN and no linear probe"
    counts = images.labels.bincount(minlength=len(images.classes))
    least, most = int(counts.min()), int(counts.max())
    each = f"{most}" if least == most else f"{least} to {most}"
    chance = f"{100 * most / len(images.files):.1f} %"
    return (
        f"{text} {len(images.classes)} classes of {each} images; {split}. Naming the largest class for every image "
        f"would be right for {chance} of them."
    )


def _notes(columns: Sequence[str]) -> str:
    """Explain the columns that are there."""
    shown = [f"<li><b>{escape(name)}</b>: {escape(text)}</li>" for first, name, text in _NOTES if first in columns]
    return f"<ul>{''.join(shown)}</ul>"


def _section(plot: Plot) -> str:
    kind = "svg+xml" if plot.name.endswith(".svg") else "png"
    return f"<h2>{escape(plot.title)}</h2>\n{figure(plot.title, plot.caption, kind, plot.data)}"
