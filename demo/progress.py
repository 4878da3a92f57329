"""Progress that is visible all the time: a live bar on a terminal, a line every few seconds elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

# Seconds between lines where there is no terminal to redraw.
LINE_INTERVAL = 10.0

# Report how many steps are done, of how many (None: not known yet), and a note, such as the loss.
Report = Callable[[int, int | None, str], None]


@contextmanager
def progress(console: Console, title: str) -> Iterator[Report]:
    """Show how far ``title`` is for as long as the block runs; the block calls what it receives."""
    show = _bar if console.is_terminal else _lines
    with show(console, title) as report:
        yield report


@contextmanager
def _bar(console: Console, title: str) -> Iterator[Report]:
    columns = (
        TextColumn("{task.description:<20}", markup=False),
        BarColumn(bar_width=30),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None, note="")

        def report(done: int, total: int | None, note: str) -> None:
            bar.update(task, completed=done, total=total, note=f"{_fraction(done, total)}  {note}")

        yield report


@contextmanager
def _lines(console: Console, title: str) -> Iterator[Report]:
    started = time.monotonic()
    due = started
    latest = ""

    def line() -> None:
        console.print(f"{title:<20}{time.monotonic() - started:4.0f} s  {latest}".rstrip(), highlight=False)

    def report(done: int, total: int | None, note: str) -> None:
        nonlocal due, latest
        latest = f"{_fraction(done, total)}  {note}"
        if time.monotonic() >= due:
            due = time.monotonic() + LINE_INTERVAL
            line()

    yield report
    line()


def _fraction(done: int, total: int | None) -> str:
    return "" if total is None else f"{done}/{total}"
