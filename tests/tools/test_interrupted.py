"""Trainings that something stops: ``kill -9`` at a random moment, a full disk. What they had saved goes on."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnxv2_mm.checkpoints import is_whole
from tests.test_structure import ROOT
from tests.tools.conftest import TOOLS
from tests.tools.toy_augmented import CONFIG
from tests.training.test_saving import small_disk


def steps(work_dir):
    """What was written at each iteration; a run that goes on from a checkpoint may repeat some."""
    lines = map(json.loads, (work_dir / "steps_0.txt").read_text().splitlines())
    found = {}
    for iteration, *numbers in lines:
        assert found.setdefault(iteration, numbers) == numbers
    return found


def test_a_killed_run_goes_on_as_if_it_had_not_been(run_training, tmp_path):
    config = tmp_path / "killed.py"
    config.write_text(CONFIG.replace("by_epoch=False, interval=3", "by_epoch=False, interval=1, max_keep_ckpts=2"))
    work_dir, last = tmp_path / "run", tmp_path / "run" / "last_checkpoint"
    command = [sys.executable, str(TOOLS / "train.py"), str(config), "--work-dir", str(work_dir), "--no-validate"]
    with subprocess.Popen(
        [*command, "--cfg-options", "train_cfg.max_iters=1000000"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        while not (last.is_file() and last.read_text().endswith(("_5.pth", "_6.pth", "_7.pth", "_8.pth", "_9.pth"))):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)

    assert all(map(is_whole, work_dir.glob("*.pth")))
    iterations = max(int(path.stem.removeprefix("iter_")) for path in work_dir.glob("iter_*.pth")) + 2
    options = ["--no-validate", "--cfg-options", f"train_cfg.max_iters={iterations}"]
    run_training([str(config), "--work-dir", str(work_dir), "--resume", *options])
    whole = tmp_path / "whole.py"
    whole.write_text(CONFIG)
    run_training([str(whole), "--work-dir", str(tmp_path / "whole"), *options])
    killed, expected = steps(work_dir), steps(tmp_path / "whole")
    assert {i: killed[i] for i in expected} == expected


def test_a_full_disk_stops_a_run_with_one_line_and_loses_nothing(run_training, config, tmp_path):
    options = ["--no-validate", "--cfg-options", "model.width=2000"]
    run_training([str(config), "--work-dir", str(tmp_path / "run"), *options, "train_cfg.max_iters=2"])
    before = (tmp_path / "run" / "iter_2.pth").read_bytes()
    resumed = [str(config), "--work-dir", str(tmp_path / "run"), "--resume", str(tmp_path / "run" / "iter_2.pth")]
    with small_disk(tmp_path / "disk"):
        with pytest.raises(OSError, match=r"iter_4\.pth could not be written .*: nothing that was saved") as error:
            run_training([*resumed, *options, f"default_hooks.checkpoint.out_dir={tmp_path / 'disk'}"])
        assert "\n" not in str(error.value)
        assert [path for path in Path(tmp_path / "disk").rglob("*") if path.is_file()] == []
    assert (tmp_path / "run" / "iter_2.pth").read_bytes() == before
    run_training([*resumed[:3], "--resume", *options])
    assert is_whole(tmp_path / "run" / "iter_4.pth")
