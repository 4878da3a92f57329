"""One HTML page that needs no other file and no network: pictures are inside as data."""

import base64
from collections.abc import Sequence
from html import escape

from cnxv2_mm.analysis.report.images import Images
from cnxv2_mm.analysis.report.measure import Measures
from cnxv2_mm.analysis.report.plots import Plot
from cnxv2_mm.analysis.report.results import LAYER_COLUMNS, layer_rows, summary
from cnxv2_mm.version import __version__

_STYLE = """
:root { color-scheme: light; }
body { margin: 2rem auto; max-width: 66rem; padding: 0 1rem; color: #1f2328; background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid #d0d7de; padding-bottom: .3rem; }
p, figcaption { max-width: 50rem; }
figure { margin: 0; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { color: #57606a; font-size: .9rem; margin-top: .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .55rem; border-bottom: 1px solid #d8dee4; text-align: right; }
th { vertical-align: bottom; font-weight: 600; background: #f6f8fa; }
td { white-space: nowrap; }
td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 7rem; }
th:first-child, td:first-child, .text th, .text td { text-align: left; }
.text td { white-space: normal; overflow-wrap: break-word; }
summary { cursor: pointer; margin-top: 2.5rem; font-weight: 600; }
code { font-size: .85rem; overflow-wrap: anywhere; }
"""
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
        _table(columns, rows),
        _notes(columns),
        "<h2>Checkpoints</h2>",
        _table(
            ["name", "checkpoint", "library", "network"],
            [[r.source.label, r.source.checkpoint, r.source.dialect, str(r.source.architecture)] for r in results],
            kind="text",
        ),
        f"<p><small>{escape(ASSUMED)}</small></p>",
        *map(_section, plots),
        "<details><summary>All hidden layers</summary>",
        _table(LAYER_COLUMNS, layer_rows(results)),
        "</details>",
        f"<p><small>Written by cnxv2_mm {escape(__version__)}, command <code>cnxv2 analyze</code>.</small></p>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


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


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "numbers") -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    table = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>"
    return f'<div class="wide"><table class="{kind}">\n{table}\n</table></div>'


def _section(plot: Plot) -> str:
    kind = "svg+xml" if plot.name.endswith(".svg") else "png"
    data = base64.b64encode(plot.data).decode()
    return (
        f'<h2>{escape(plot.title)}</h2>\n<figure><img alt="{escape(plot.title)}" '
        f'src="data:image/{kind};base64,{data}">\n<figcaption>{escape(plot.caption)}</figcaption></figure>'
    )
