"""Progress: a line every few seconds where there is no terminal, a bar where there is one."""

import io

from cnxv2_mm import command_line
from demo import progress as module
from demo.progress import LINE_INTERVAL, progress


def test_lines_come_at_intervals_and_at_the_end(monkeypatch):
    now = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    console = command_line.console(file=io.StringIO(), width=80)
    with progress(console, "Title") as report:
        for step in range(4):
            report(step, 4, f"note {step}")
            now += 0.6 * LINE_INTERVAL
        report(4, 4, "[done]")
    lines = console.file.getvalue().splitlines()
    assert lines == [
        "Title                  0 s  0/4  note 0",
        "Title                 12 s  2/4  note 2",
        "Title                 24 s  4/4  [done]",
        "Title                 24 s  4/4  [done]",
    ]


def test_a_terminal_gets_a_bar():
    console = command_line.console(file=io.StringIO(), width=80, force_terminal=True)
    with progress(console, "Title") as report:
        report(1, None, "starting")
        report(2, 4, "[note]")
    assert "2/4  [note]" in console.file.getvalue()
