"""A step that passes, one that fails, one that takes too long."""

import os
import sys

import pytest

from benchmarks.gpu.running import FAILED, PASSED, ROOT, TIMED_OUT, Step, run_step


def step(code: str, limit: float = 60) -> Step:
    return Step("it", "what it does", (sys.executable, "-c", code), limit)


def test_a_step_that_passes_leaves_what_it_printed(tmp_path):
    code = "import os, sys; print(os.getcwd(), os.environ['WHO'], flush=True); print('warned', file=sys.stderr)"
    outcome = run_step(step(code), tmp_path / "log", {"WHO": "me"})
    assert (outcome.step, outcome.what, outcome.outcome, outcome.detail) == ("it", "what it does", PASSED, "")
    assert not outcome.is_bad
    assert 0 <= outcome.seconds < 60
    assert (tmp_path / "log").read_text() == f"{ROOT} me\nwarned\n"


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("print('first'); raise ValueError('what is wrong')", "ValueError: what is wrong"),
        ("import os; os._exit(3)", "it printed nothing"),
        ("import os; os.kill(os.getpid(), 9)", "it printed nothing"),
    ],
)
def test_a_step_that_fails_says_why(code, detail, tmp_path):
    outcome = run_step(step(code), tmp_path / "log", os.environ)
    assert (outcome.outcome, outcome.detail, outcome.is_bad) == (FAILED, detail, True)


def test_a_step_that_takes_too_long_is_ended_with_what_it_has_started(tmp_path):
    """The child has a pipe open, and writes into it when it has slept; it never does."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    child = f"import time; pipe = open({str(pipe)!r}, 'w'); time.sleep(60); print('late', file=pipe)"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(1000)"
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    outcome = run_step(step(code, limit=1), tmp_path / "log", os.environ)
    assert (outcome.outcome, outcome.detail, outcome.is_bad) == (TIMED_OUT, "killed after 1 seconds", True)
    os.set_blocking(reader, True)
    assert os.read(reader, 9) == b""  # once nobody can write any more
    os.close(reader)
