"""The tables of ``docs/export.md``: milliseconds, differences and sizes, a row for each model."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.export.results import Measured, Row
from benchmarks.export.targets import TARGETS
from benchmarks.markdown import begin, describe, markdown_table, write_between

BEGIN = begin("python -m benchmarks.export")


def milliseconds(row: Row | None) -> str:
    """Return the median of the rounds, with the quartiles in brackets."""
    if row is None or not row.seconds:
        return "-"
    middle = row.milliseconds
    return f"{_short(middle.median)} ({_short(middle.low)} - {_short(middle.high)})"


def difference(row: Row | None) -> str:
    """Return how far the outputs are from those of PyTorch."""
    if row is None or row.differences is None:
        return "-"
    return ", ".join(f"{name} {value}" for name, value in row.differences.items())


def size(row: Row | None) -> str:
    """Return the size in megabytes."""
    return "-" if row is None or row.size is None else f"{row.size / 1e6:.1f}"


def render(models: Sequence[Measured]) -> str:
    """Return the tables, what is missing in them and why, and on what they were measured."""
    rows = [_by_target(model) for model in models]
    names = [(model.name, f"{model.height} x {model.width}") for model in models]
    files = TARGETS[2:]
    parts = [
        "**Milliseconds for a picture**",
        markdown_table(
            ("model", "picture", *TARGETS),
            [
                (*name, *(milliseconds(row.get(target)) for target in TARGETS))
                for name, row in zip(names, rows, strict=True)
            ],
            numbers=True,
        ),
        "**Largest differences from PyTorch**",
        markdown_table(
            ("model", *TARGETS[1:]),
            [
                (model.name, *(difference(row.get(target)) for target in TARGETS[1:]))
                for model, row in zip(models, rows, strict=True)
            ],
        ),
        "**Megabytes**",
        markdown_table(
            ("model", "weights in PyTorch", *files),
            [
                (model.name, *(size(row.get(target)) for target in (TARGETS[0], *files)))
                for model, row in zip(models, rows, strict=True)
            ],
            numbers=True,
        ),
        *_unique(f"- {m.name}, {row.target}: {row.reason}." for m in models for row in m.rows if row.reason),
        *_unique(
            f"Weights {m.weights}: {'; '.join(o.name for o in models if o.weights == m.weights)}." for m in models
        ),
        *_unique(f"{describe(model.machine, model.versions)}." for model in models),
    ]
    return "\n\n".join(parts)


def write_page(page: Path, models: Sequence[Measured]) -> None:
    """Write the tables between their markers in a page."""
    page.write_text(write_between(page.read_text(), BEGIN, render(models)))


def print_table(console: Console, model: Measured) -> None:
    """Print all forms of a model."""
    shown = Table(title=f"{model.name}, {model.height} x {model.width}")
    for heading in ("target", "milliseconds", "MB", "largest differences from PyTorch"):
        shown.add_column(heading)
    for row in model.rows:
        shown.add_row(row.target, milliseconds(row), size(row), row.reason or difference(row))
    console.print(shown)


def _short(number: float) -> str:
    """Return three digits, more only before the point."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def _by_target(model: Measured) -> dict[str, Row]:
    return {row.target: row for row in model.rows}


def _unique(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))
