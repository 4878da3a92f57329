"""What was measured, as JSON, as a table for the terminal and as a page."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.loading.measure import Rate, RateTable
from benchmarks.loading.photographs import HEIGHT, QUALITY, WIDTH
from benchmarks.markdown import describe, markdown_table

HEADINGS = ("images/s", "ours / it", "levels")


def cells(table: RateTable, row: Rate) -> tuple[str, ...]:
    """Return a row under :data:`HEADINGS`; the ratio is that of the rates within each round, the first row's to its."""
    rate = row.images_per_second
    pairs = sorted(b / a for a, b in zip(table.rows[0].seconds, row.seconds, strict=True))
    return (
        f"{rate.median:,.0f} ({rate.low:,.0f} - {rate.high:,.0f})",
        f"{pairs[len(pairs) // 2]:.2f}",
        f"{row.levels:.2f}",
    )


def print_tables(console: Console, tables: Sequence[RateTable]) -> None:
    """Print every table."""
    for table in tables:
        shown = Table(title=table.way)
        shown.add_column("pipeline", no_wrap=True)
        for heading in HEADINGS:
            shown.add_column(heading, justify="right", no_wrap=True)
        shown.add_column("what it does")
        for row in table.rows:
            shown.add_row(row.peer, *cells(table, row), row.computes)
        console.print(shown)


def render(tables: Sequence[RateTable], command: str, content: Mapping) -> str:
    """Return a page with every table, the command and the machine."""
    parts = [
        "# Images a second",
        f"`{command}`",
        f"{describe(content['machine'], content['versions'])}.",
        f"JPEGs of {WIDTH} x {HEIGHT} pixels, quality {QUALITY}, {content['mean_bytes'] / 1000:.0f} KB on average. "
        "`images/s`: the median of the rounds, with the quartiles. `ours / it`: our rate divided by the row's, in the "
        "same round, the median. `levels`: how far whole images are from those of `mmcv_pillow`, of 255.",
    ]
    for table in tables:
        rows = [(row.peer, *cells(table, row)) for row in table.rows]
        parts.append(
            f"**{table.way[0].upper()}{table.way[1:]}**\n\n{markdown_table(('pipeline', *HEADINGS), rows, True)}"
        )
    parts.append("\n".join(f"- `{row.peer}`: {row.computes}." for row in tables[0].rows))
    return "\n\n".join(parts) + "\n"


def write_json(path: Path, tables: Sequence[RateTable], content: Mapping) -> None:
    """Write everything that was measured, with command, machine and versions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**content, "tables": [table.as_json() for table in tables]}, indent=1) + "\n")
