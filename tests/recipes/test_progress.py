"""What a training shows on the terminal, against what it wrote into its log."""

import re
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from cnxv2_mm.recipes import progress
from cnxv2_mm.recipes.progress import ProgressHook, TerminalRunner
from cnxv2_mm.recipes.quiet_import import import_quietly
from cnxv2_mm.training.monitoring import feature_probe
from cnxv2_mm.training.runner import build_runner, train
from tests.training.monitoring.conftest import png_folder as png_folder  # a fixture
from tests.training.monitoring.conftest import scalars, settings

PROBE = {"type": "cnxv2_mm.FeatureProbeHook", "interval": 4}
SCHEDULE = {"type": "cnxv2_mm.WarmupCosineLR", "by_epoch": False}


@pytest.fixture
def lines(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_LINE_INTERVAL", 0.0)
    return lambda: capsys.readouterr().out.splitlines()


def test_the_terminal_has_steps_and_measures_alone(tmp_path, lines, png_folder):
    import_quietly("mmpretrain.datasets")
    config = settings(tmp_path, png_folder, custom_hooks=[PROBE], param_scheduler=[SCHEDULE])
    run = train(config, runner_class=TerminalRunner)
    shown = lines()
    logged = {line["step"]: line for line in scalars(run) if "held_out/loss" in line}
    measured = {step: line for line in shown for step in re.findall(r"^step (\d+): held-out loss", line)}
    assert {int(step) for step in measured} == set(logged) != set()
    for step, line in measured.items():
        assert f"held-out loss {logged[int(step)]['held_out/loss']:.4g}, RankMe " in line
    steps = [line for line in shown if re.fullmatch(r"step \d+ of \d+, loss \d\.\d{3}, [\d.]+ \w+ left", line)]
    assert len(steps) == run.max_iters
    assert [line for line in shown if line not in steps and line not in measured.values()] == []
    log = next(tmp_path.rglob("*.log")).read_text()
    assert "Config:" in log
    assert "held-out images" in log


def test_a_warning_reaches_the_terminal(tmp_path, lines, png_folder, monkeypatch):
    monkeypatch.setattr(feature_probe, "COLLAPSED_BELOW", 2.0)
    monkeypatch.setattr(feature_probe, "collapsed_layers", lambda by_layer: list(by_layer))
    train(settings(tmp_path, png_folder, custom_hooks=[PROBE]), runner_class=TerminalRunner)
    assert sum("the features have collapsed" in line for line in lines()) >= 2


def test_a_bar_on_a_terminal_ends_with_an_error_too(tmp_path, png_folder):
    console = Console(force_terminal=True, width=120, file=StringIO())
    run = build_runner(settings(tmp_path, png_folder, custom_hooks=[PROBE]))
    hook = ProgressHook(console)
    hook.before_train(run)
    run.message_hub.update_scalar("train/loss", 0.5)
    hook.after_train_iter(run, 0)
    hook._bar.refresh()
    hook.close()
    assert re.search(r"step 1 of 10, loss 0\.500, .* left", console.file.getvalue())
    assert not hook._bar.live.is_started


def test_a_validation_shows_what_people_know():
    """Numbers of numpy's own types, as mmseg gives them; of mmdet's many numbers those with names for people."""
    console = Console(file=StringIO(), width=120)
    hook = ProgressHook(console)
    run = SimpleNamespace(iter=40)
    hook.after_val_epoch(run, {"mIoU": np.float32(12.5), "mFscore": np.float32(3.0)})
    hook.after_val_epoch(run, {"coco/bbox_mAP": 0.25, "coco/bbox_mAP_copypaste": "0.25 0.5", "coco/bbox_mAP_s": -1})
    hook.after_val_epoch(run, {"score": 7})
    shown = console.file.getvalue().splitlines()
    assert shown == ["step 40: mIoU in percent 12.5", "step 40: box AP 0.25", "step 40: score 7"]
