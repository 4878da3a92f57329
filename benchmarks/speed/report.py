"""Tables for the terminal."""

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.speed.result import Measurement, Result, Table

MEBIBYTE = 2**20
HEADINGS = ("milliseconds", "images/s", "x first row", "in pairs", "peak MiB", "saved MiB")


def cells(table: Table, row: Measurement) -> tuple[str, ...]:
    """Return a row under :data:`HEADINGS`: medians with the quartiles of the rounds behind them."""
    seconds, pairs = table.seconds(row), table.paired_ratios(row)
    return (
        f"{seconds.median * 1e3:.3g} ({seconds.low * 1e3:.3g} - {seconds.high * 1e3:.3g})",
        f"{table.images_per_second(row):.3g}",
        f"{table.ratio(row):.2f}",
        f"{pairs.median:.2f} ({pairs.low:.2f} - {pairs.high:.2f})",
        f"{row.peak_bytes / MEBIBYTE:,.0f}",
        "" if row.saved_bytes is None else f"{row.saved_bytes / MEBIBYTE:,.0f}",
    )


def print_result(console: Console, result: Result) -> None:
    """Print every table, what each peer computes, and who is absent and why."""
    for table in result.tables:
        shown = RichTable(title=table.title)
        shown.add_column("peer", no_wrap=True)
        for heading in HEADINGS:
            shown.add_column(heading, justify="right", no_wrap=True)
        shown.add_column("what it computes")
        for row in table.rows:
            shown.add_row(row.label, *cells(table, row), row.computes)
        for one in table.missing:
            shown.add_row(one.label, *["-"] * len(HEADINGS), one.reason)
        console.print(shown)
    console.print("Medians of the rounds, quartiles in brackets; 'in pairs' compares within a round.")
