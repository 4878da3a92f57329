"""Images per second follow from the times in the log; memory is what the system says."""

import math
import re
from pathlib import Path

import pytest

from tests.training.monitoring.conftest import MEAN, STD, scalars


def test_the_log_has_images_per_second_and_memory(runner):
    """Eighteen images in batches of four: a fifth step of two ends each epoch. The log averages over three steps."""
    run = runner(custom_hooks=[{"type": "cnxv2_mm.ThroughputHook"}], log_processor={"window_size": 3})
    run.train()
    lines = scalars(run)
    assert len(lines) == 10
    sizes = [4, 4, 4, 4, 2] * 2
    for i, line in enumerate(lines):
        images = sum(sizes[max(0, i - 2) : i + 1])
        assert line["images_per_second"] * line["time"] * min(i + 1, 3) == pytest.approx(images)
    high = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
    assert math.isclose(lines[-1]["memory"], high, rel_tol=0.02)
    log = next(Path(run.work_dir).glob("*/*.log")).read_text()
    assert re.search(r"Epoch\(train\) .* loss: .*images_per_second: \d", log)


def test_repeated_images_count_as_often_as_they_are_trained_on(runner):
    preprocessor = {"_delete_": True, "type": "cnxv2_mm.ImagePreprocessor", "mean": MEAN, "std": STD, "repeats": 3}
    run = runner(
        custom_hooks=[{"type": "cnxv2_mm.ThroughputHook"}],
        log_processor={"window_size": 1},
        train_cfg={"max_epochs": 1},
        **{"model.data_preprocessor": preprocessor},
    )
    run.train()
    for size, line in zip([4, 4, 4, 4, 2], scalars(run), strict=True):
        assert line["images_per_second"] * line["time"] == pytest.approx(3 * size)
