"""The numbers: a table for people, JSON and CSV for programs."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from cnxv2_mm.analysis.report.images import SEED, Images
from cnxv2_mm.analysis.report.measure import Measures
from cnxv2_mm.version import __version__

LAYER_COLUMNS = (
    "checkpoint",
    "stage",
    "block",
    "channels",
    "cosine_distance",
    "dead",
    "saturated",
    "always_dead",
    "selectivity",
)


def summary(results: Sequence[Measures]) -> tuple[list[str], list[list[str]]]:
    """Return the columns and the rows of the table: one row for each checkpoint.

    A column that no checkpoint has a number for is left out.
    """
    stages = range(1, max(result.num_stages for result in results) + 1)
    columns = ["checkpoint", *(f"distance {stage}" for stage in stages), "dead", "saturated", "selectivity"]
    columns += ["RankMe", "k-NN", "probe", "loss", "patch mean"]
    rows = []
    for result in results:
        distances = [_mean([layer.cosine_distance for layer in result.of_stage(stage)]) for stage in stages]
        rows.append(
            [
                result.source.label,
                *(_number(distance) for distance in distances),
                _percent(_mean([layer.activity.dead for layer in result.layers])),
                _percent(_mean([layer.activity.saturated for layer in result.layers])),
                _number(_mean([float(s.mean()) for layer in result.layers if (s := layer.selectivity) is not None])),
                f"{result.rank_me:.1f} / {len(result.singular_values)}",
                _percent(result.knn),
                _percent(result.linear_probe),
                _number(result.reconstruction_loss),
                _number(result.patch_mean_loss),
            ]
        )
    kept = [i for i in range(len(columns)) if any(row[i] != _NONE for row in rows)]
    return [columns[i] for i in kept], [[row[i] for i in kept] for row in rows]


def as_table(results: Sequence[Measures], title: str) -> Table:
    """Return the table of :func:`summary` for a terminal."""
    columns, rows = summary(results)
    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", overflow="fold", no_wrap=bool(i))
    for row in rows:
        table.add_row(*row)
    return table


def as_json(results: Sequence[Measures], images: Images, size: int) -> str:
    """Return all numbers."""
    held_out = int(images.held_out().sum())
    data = {
        "cnxv2_mm": __version__,
        "data": {
            "folder": str(images.folder),
            "images": len(images.files),
            "images_in_folder": images.found,
            "held_out": held_out,
            "classes": list(images.classes),
            "size": size,
            "seed": SEED,
        },
        "checkpoints": [_entry(result) for result in results],
    }
    return json.dumps(data, indent=2) + "\n"


def as_csv(results: Sequence[Measures]) -> str:
    """Return the numbers of the layers, one line each."""
    file = io.StringIO()
    writer = csv.DictWriter(file, LAYER_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for result in results:
        for layer in _layers(result):
            writer.writerow({"checkpoint": result.source.label, **layer})
    return file.getvalue()


def layer_rows(results: Sequence[Measures]) -> list[list[str]]:
    """Return the rows of :data:`LAYER_COLUMNS` for people."""
    return [
        [result.source.label, *(_cell(layer[name]) for name in LAYER_COLUMNS[1:])]
        for result in results
        for layer in _layers(result)
    ]


def _cell(value: float | int | None) -> str:
    return str(value) if isinstance(value, int) else _number(value)


def _entry(result: Measures) -> dict[str, Any]:
    source = result.source
    return {
        "label": source.label,
        "checkpoint": source.checkpoint,
        "dialect": source.dialect,
        "architecture": str(source.architecture),
        "features": {"dim": result.dim, "behind_final_norm": source.final_norm},
        "rank_me": result.rank_me,
        "singular_values": result.singular_values.tolist(),
        "knn": result.knn,
        "linear_probe": result.linear_probe,
        "reconstruction_loss": result.reconstruction_loss,
        "patch_mean_loss": result.patch_mean_loss,
        "layers": _layers(result),
    }


def _layers(result: Measures) -> list[dict[str, Any]]:
    return [
        {
            "stage": layer.stage,
            "block": layer.block,
            "channels": layer.channels,
            "cosine_distance": layer.cosine_distance,
            "dead": layer.activity.dead,
            "saturated": layer.activity.saturated,
            "always_dead": layer.activity.always_dead,
            "selectivity": None if layer.selectivity is None else float(layer.selectivity.mean()),
        }
        for layer in result.layers
    ]


_NONE = "-"


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:.1f} %"
