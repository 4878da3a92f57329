"""Progress that is visible all the time: a live bar on a terminal, a line every few seconds elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

# Seconds between lines where there is no terminal to redraw.
LINE_INTERVAL = 10.0

# Report how many steps are done and a note, such as the loss.
Report = Callable[[int, str], None]


@contextmanager
def progress(console: Console, title: str, total: int) -> Iterator[Report]:
    """Show ``title`` and how much of ``total`` is done; the block reports by calling what it receives."""
    show = _bar if console.is_terminal else _lines
    with show(console, title, total) as report:
        yield report


@contextmanager
def _bar(console: Console, title: str, total: int) -> Iterator[Report]:
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=total, note="")
        yield lambda done, note: bar.update(task, completed=done, note=note)


@contextmanager
def _lines(console: Console, title: str, total: int) -> Iterator[Report]:
    started = time.monotonic()
    printed, last = -LINE_INTERVAL, (0, "")

    def line() -> None:
        done, note = last
        console.print(f"{title}  {done}/{total}  {time.monotonic() - started:.0f} s  {note}".rstrip(), highlight=False)

    def report(done: int, note: str) -> None:
        nonlocal printed, last
        last = done, note
        if time.monotonic() - started - printed >= LINE_INTERVAL:
            printed = time.monotonic() - started
            line()

    yield report
    line()
