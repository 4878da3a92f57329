"""The page of a training, put together from what was read."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from pathlib import Path
from urllib.parse import quote

from cnxv2_mm.run_report.charts import Chart, loss_chart, measure_chart, parts_chart, rate_chart
from cnxv2_mm.run_report.facts import Facts
from cnxv2_mm.run_report.files_of_run import files_of_run
from cnxv2_mm.run_report.headline import cards, movement, title, top
from cnxv2_mm.run_report.history import Series
from cnxv2_mm.run_report.log_messages import Message
from cnxv2_mm.run_report.measures import HELD_OUT_LOSS, LOSS, RATES, measures_in
from cnxv2_mm.run_report.numbers_as_text import clock, count, duration, number, size
from cnxv2_mm.run_report.plots import draw
from cnxv2_mm.run_report.run_folders import RunFolders
from cnxv2_mm.run_report.settings_file import Settings
from cnxv2_mm.run_report.sheets import Kind, Sheet
from cnxv2_mm.run_report.state import State
from cnxv2_mm.run_report.style import LATE, STYLE
from cnxv2_mm.run_report.what_next import Step, next_steps, resume_command
from cnxv2_mm.version import __version__
from cnxv2_mm.web_page.elements import figure, table
from cnxv2_mm.web_page.frame import frame

_MESSAGES = 12  # the page shows no more; the log has all
_LATE = 4  # times the period between two writings, and a minute: from then on a page says that it is old


@dataclass(frozen=True)
class Report:
    """All that a page shows.

    Attributes:
        page: Where the page will be.
        folders: Of the run.
        config: The name of the whole config in the work folder, if it is there.
        state: How far the run is.
        facts: What the runner knows.
        settings: What the recipe has written down.
        history: All numbers.
        messages: Warnings and errors of the log.
        sheets: For each kind of picture the first and the last.
    """

    page: Path
    folders: RunFolders
    config: str | None
    state: State
    facts: Facts
    settings: Settings
    history: Mapping[str, Series]
    messages: Sequence[Message]
    sheets: Sequence[tuple[Kind, Sequence[Sheet]]]


def write_page(report: Report) -> str:
    """Return the page."""
    state, task = report.state, report.settings.task or report.facts.task
    steps = next_steps(state, report.settings, report.facts, report.folders, report.config)
    running = state.kind == "running"
    parts = [
        f'<div class="{state.kind}">',
        top(task, report.facts, state),
        _written(report),
        _how_it_ended(state),
        cards(report.history, state),
        _messages(report.messages),
        "" if running else _next(steps),
        _charts(report.history),
        *(_sheets(kind, sheets) for kind, sheets in report.sheets if sheets),
        _next(steps) if running else "",
        _settings(report),
        _machine(report),
        _files(report),
        _all_numbers(report.history),
        f"<footer>Written by cnxv2_mm {escape(__version__)} at {escape(clock(state.written))}.</footer>",
        "</div>",
    ]
    head = ""
    if running:
        head = f'<meta http-equiv="refresh" content="{max(5, round(state.period))}">\n'
        late = _LATE * state.period + 60
        script = LATE % {"written": round(1000 * state.written), "late": round(1000 * late)}
        parts.append(f"<script>{script}</script>")
    return frame(title(task, state), "\n".join(part for part in parts if part), STYLE, head)


def _written(report: Report) -> str:
    """Say when the page was written; of a run that goes on also what it means if that is long ago."""
    state = report.state
    if state.kind != "running":
        return ""
    resume = resume_command(report.settings, report.folders, report.config)
    how = "" if resume is None else f"<p>{escape(resume.reason)}</p>{_commands(resume.commands)}"
    return (
        f'<p class="lead">Written at {escape(clock(state.written))} <span id="age"></span>, and again about every '
        f"{duration(state.period)} while the training runs.<noscript> If that is long ago, it has ended.</noscript></p>"
        '<div id="late" class="box warning" hidden><p><b>This page has not been written for a long time.</b> The run '
        "has probably been killed, or hangs: then what follows is how it was at the end.</p>"
        f"{how}</div>"
    )


def _how_it_ended(state: State) -> str:
    if state.kind == "stopped":
        return (
            f'<div class="box error"><p><b>The training has stopped after step {count(state.step)} of '
            f"{count(state.steps)}.</b></p><p>{escape(state.error or '')}</p></div>"
        )
    if state.kind == "finished" and state.step < state.steps:
        return (
            f'<div class="box"><p>A hook has ended the training early, after step {count(state.step)} of '
            f"{count(state.steps)}.</p></div>"
        )
    return ""


def _messages(messages: Sequence[Message]) -> str:
    if not messages:
        return ""
    shown = messages[-_MESSAGES:]
    notes = [m.time + (f", {count(m.count)} times" if m.count > 1 else "") for m in shown]
    lines = [f"<li>{escape(m.text)} <small>({escape(note)})</small></li>" for m, note in zip(shown, notes, strict=True)]
    items = "".join(reversed(lines))
    more = f"<p><small>The {len(shown)} newest of {count(len(messages))}.</small></p>" if shown != messages else ""
    return (
        f'<details class="box warning"{" open" if len(messages) <= 3 else ""}><summary>'
        f"{count(len(messages))} {'warning' if len(messages) == 1 else 'warnings'} in the log</summary>"
        f"<ul>{items}</ul>{more}</details>"
    )


def _charts(history: Mapping[str, Series]) -> str:
    """Return a chart with its sentence for each thing that was measured."""
    found: list[tuple[str, str, Chart | None, str]] = []
    reading = "What the training minimises, as the log has it (pale) and smoothed. It should fall, and flatten."
    if HELD_OUT_LOSS in history:
        reading += " The loss of held-out images should stay near it."
    found.append(("Loss", _last(history, [LOSS]), loss_chart(history), reading))
    found += [
        (measure.title, movement_of(history, measure.names[0][0]), measure_chart(history, measure), measure.reading)
        for measure in measures_in(history)
    ]
    found.append(("Parts of the loss", "", parts_chart(history), "The terms that the loss is the sum of, smoothed."))
    reading = "The learning rate: it rises at the start, then falls to the end of the schedule."
    found.append(("Learning rate", _last(history, RATES), rate_chart(history), reading))
    sections = [
        f"<section><h3>{escape(name)}<span>{escape(value)}</span></h3>"
        f"{figure(name, reading, 'svg+xml', draw(chart))}</section>"
        for name, value, chart, reading in found
        if chart is not None
    ]
    if not sections:
        return "<h2>Curves</h2><p>Nothing has been logged yet.</p>"
    return f'<h2>Curves</h2>\n<div class="charts">\n{"".join(sections)}</div>'


def movement_of(history: Mapping[str, Series], name: str) -> str:
    """Return the last value of a number, and how it has moved."""
    series = history[name]
    last = number(series.values[-1])
    return last if len(series.values) == 1 else f"{last}, {movement(series, None)}"


def _last(history: Mapping[str, Series], names: Iterable[str]) -> str:
    return next((number(history[name].values[-1]) for name in names if name in history), "")


def _sheets(kind: Kind, sheets: Sequence[Sheet]) -> str:
    """Return the last picture, and below it the first."""
    parts = [f"<h2>{escape(kind.title)}</h2>"]
    for place, sheet in enumerate(reversed(sheets)):
        name = f"{kind.title} after step {count(sheet.step)}" + (", the first" if place else "")
        parts.append(f'<h3 class="sheet">{escape(name)}</h3>')
        parts.append(f'<div class="sheet wide">{figure(name, "" if place else kind.caption, "jpeg", sheet.data)}</div>')
    return "\n".join(parts).replace("\n<figcaption></figcaption>", "")


def _next(steps: Sequence[Step]) -> str:
    if not steps:
        return ""
    return "<h2>What to do next</h2>\n" + "\n".join(
        f"<p>{escape(step.reason)}</p>{_commands(step.commands)}" for step in steps
    )


def _commands(commands: Sequence[str]) -> str:
    return "".join(f"<pre><code>{escape(command)}</code></pre>" for command in commands)


def _settings(report: Report) -> str:
    rows = list(report.settings.settings) or list(report.facts.settings)
    columns = ["setting", "value", "why"]
    if not any(why for _, _, why in rows):
        columns, rows = columns[:2], [row[:2] for row in rows]  # type: ignore[misc]
    command = f"<p>Started by</p>{_commands([report.settings.command])}" if report.settings.command else ""
    return f"<h2>Settings</h2>\n{command}{table(columns, rows, kind='text')}"


def _machine(report: Report) -> str:
    """Return machine and versions, beside each other where there is room."""
    machine = report.settings.machine or report.facts.machine
    versions = report.settings.versions or report.facts.versions
    tables = [
        f"<div><h2>{name}</h2>\n{table(['', ''], list(rows.items()), kind='text').replace(_EMPTY_HEAD, '')}</div>"
        for name, rows in (("Machine", machine), ("Versions", versions))
    ]
    return f'<div class="two">{"".join(tables)}</div>'


_EMPTY_HEAD = "<thead><tr><th></th><th></th></tr></thead>\n"


def _files(report: Report) -> str:
    here = report.page.parent
    rows = []
    for file in files_of_run(here, report.folders, report.config):
        place = os.path.relpath(file.path, here)
        weight = "" if file.size is None else size(file.size)
        rows.append(
            f'<li><a href="{escape(quote(place))}">{escape(place)}</a>: {escape(file.meaning)}'
            f"{f' <small>({weight})</small>' if weight else ''}</li>\n"
        )
    return f'<h2>Files</h2>\n<p>In <code>{escape(str(here))}</code>:</p>\n<ul class="files">\n{"".join(rows)}</ul>'


def _all_numbers(history: Mapping[str, Series]) -> str:
    """Return the whole of what was logged, folded up."""
    rows = []
    for name, series in history.items():
        finite = [value for value in series.values if isfinite(value)] or [float("nan")]
        shown = (series.values[0], series.values[-1], min(finite), max(finite))
        rows.append([name, *map(number, shown), count(series.steps[-1])])
    columns = ["number", "first", "last", "lowest", "highest", "last step"]
    return f"<details><summary>All numbers of the log</summary>\n{table(columns, rows)}</details>" if rows else ""
