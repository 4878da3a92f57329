"""The top of the page: what is trained, how far it is, and how good it is."""

from collections.abc import Mapping
from html import escape
from math import isfinite

from cnxv2_mm.run_report.facts import Facts
from cnxv2_mm.run_report.history import Series
from cnxv2_mm.run_report.measures import LOSS, Measure, headline, measures_in
from cnxv2_mm.run_report.numbers_as_text import clock, count, duration, number, size
from cnxv2_mm.run_report.state import State

TASKS = {
    "pretrain": "Pre-training",
    "detect": "Training of a detector",
    "segment": "Training of a segmenter",
    "classify": "Training of a classifier",
    "train": "Training",
}


def title(task: str, state: State) -> str:
    """Return the title for the tab of a browser."""
    share = f"{100 * state.step // max(state.steps, 1)} % · " if state.kind == "running" else f"{state.kind} · "
    return share + TASKS.get(task, TASKS["train"])


def top(task: str, facts: Facts, state: State) -> str:
    """Return the heading, the state, and a line each about model and data."""
    return (
        f"<h1>{escape(TASKS.get(task, TASKS['train']))} "
        f'<span class="state">{state.kind}</span></h1>\n'
        f'<p class="lead">{escape(facts.model)}</p>\n<p class="lead">{escape(facts.data)}</p>'
    )


def cards(history: Mapping[str, Series], state: State) -> str:
    """Return the numbers that everybody asks for first."""
    share = state.step / max(state.steps, 1)
    epoch = f"epoch {count(state.epoch)} of {count(state.epochs)}" if state.epoch and state.epochs else ""
    cells = [_card("step", f"{count(state.step)} of {count(state.steps)}", epoch, share)]
    if state.kind == "running":
        left = "not known yet" if state.seconds_left is None else duration(state.seconds_left)
        end = None if state.seconds_left is None else state.written + state.seconds_left
        cells.append(_card("time left", left, "" if end is None else f"until {clock(end)}", kind="left"))
    else:
        name = "duration" if state.start == 0 else f"duration since step {count(state.start)}"
        cells.append(_card(name, duration(state.written - state.started), f"until {clock(state.written)}"))
    measure = headline(measures_in(history))
    if measure is not None:
        series = history[measure.names[0][0]]
        cells.append(_card(measure.title, number(series.values[-1]), movement(series, measure)))
    elif LOSS in history:
        series = history[LOSS]
        cells.append(_card("loss", number(series.values[-1]), movement(series, None)))
    speed = history.get("images_per_second")
    time = history.get("time")
    memory = history.get("memory")
    note = "" if memory is None else f"memory at most {size(int(memory.values[-1] * 2**20))}"
    if speed is not None:
        cells.append(_card("images per second", number(speed.values[-1]), note))
    elif time is not None:
        cells.append(_card("time of a step", f"{number(time.values[-1])} s", note))
    return f'<dl class="facts">{"".join(cells)}</dl>'


def movement(series: Series, measure: Measure | None) -> str:
    """Say how a number has moved: from where, and what its best value was."""
    if len(series.values) == 1:
        return f"at step {count(series.steps[0])}"
    text = f"from {number(series.values[0])} at step {count(series.steps[0])}"
    finite = [(value, step) for value, step in zip(series.values, series.steps, strict=True) if isfinite(value)]
    if measure is None or measure.better is None or not finite:
        return text
    best, step = (max if measure.better == "higher" else min)(finite, key=lambda pair: pair[0])
    return (
        f"{text}; best {number(best)} at step {count(step)}" if best != series.values[-1] else f"{text}; the best yet"
    )


def _card(name: str, value: str, note: str, share: float | None = None, kind: str = "") -> str:
    bar = "" if share is None else f'<dd><progress value="{share:.4f}" max="1"></progress></dd>'
    small = f"<dd><small>{escape(note)}</small></dd>" if note else ""
    return f'<div class="{kind}"><dt>{escape(name)}</dt><dd class="big">{escape(value)}</dd>{bar}{small}</div>'
