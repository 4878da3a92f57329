"""A training of the demo: its progress, and what it says when it fails."""

import pytest
from rich.console import Console

from demo.training import TrainingFailed, describe, run_training


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "11/20 12:16:08 - mmengine - INFO - Iter(train) [320/500]  lr: 6e-04  eta: 0:01:12  time: 1.2  loss: 0.77",
            (320, 500, "training  loss 0.77  left 0:01:12"),
        ),
        ("... INFO - Iter(val) [ 10/100]    eta: 0:00:07  time: 0.08", (10, 100, "validating  left 0:00:07")),
        ("11/20 12:16:08 - mmengine - INFO - Saving checkpoint at 500 iterations", None),
    ],
)
def test_progress_is_read_from_mmengines_log(line, expected):
    assert describe(line) == expected


def test_a_failing_training_shows_the_end_of_its_log(tmp_path):
    console = Console(record=True, width=120)
    with pytest.raises(TrainingFailed, match=r"(?s)ended with status 1.*no_such_config.py.* does not exist"):
        run_training(tmp_path / "no_such_config.py", tmp_path / "run", [], "Broken", console)
    assert "does not exist" in (tmp_path / "run/output.txt").read_text()
    assert "Broken" in console.export_text()
