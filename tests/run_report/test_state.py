"""How a run ended, in a line, and which epoch a step is in."""

import pytest

from cnxv2_mm.run_report.state import ending, epochs_of, seconds_left
from cnxv2_mm.training.runner import build_runner
from tests.run_report import runs


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("first\nsecond"), "ValueError: first"),
        (KeyError("a name"), "KeyError: a name"),
        (RuntimeError(), "RuntimeError"),
        (KeyboardInterrupt(), "interrupted from the keyboard"),
        (SystemExit(3), "ended by the program before its last step"),
    ],
)
def test_endings(error, text):
    assert ending(error) == text


def test_epochs_and_the_time_that_is_left(pretraining, tmp_path):
    assert [epochs_of(pretraining.run, step) for step in (0, 1, 5, 6, 10)] == [(1, 2), (1, 2), (1, 2), (2, 2), (2, 2)]
    assert seconds_left(pretraining.run) == 0  # mmengine's, after the last step
    new = build_runner(runs.digits(tmp_path, hooks=(), train_cfg={"by_epoch": False, "max_iters": 3}))
    assert seconds_left(new) is None
    assert epochs_of(new, 2) == (None, None)
