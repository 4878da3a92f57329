"""The numbers are those that mmengine has written, each at the step that it belongs to."""

import json
from pathlib import Path

import pytest

from cnxv2_mm.run_report.history import History, validation_steps
from cnxv2_mm.run_report.run_folders import RunFolders
from cnxv2_mm.training.runner import build_runner
from tests.run_report import runs

BY_ITERATION = {
    "train_cfg": {"by_epoch": False, "max_iters": 9, "val_interval": 4},
    "log_processor": {"by_epoch": False},
    "default_hooks.checkpoint.by_epoch": False,
}


def read(run, start=0):
    folders = RunFolders(Path(run.work_dir), run.timestamp, start)
    return History(folders, validation_steps(run)).read()


def test_every_number_of_a_pre_training(pretraining):
    (lines,) = runs.scalars(pretraining.folder)
    history = read(pretraining.run)
    names = {name for line in lines for name in line} - {"step", "iter", "epoch"}
    assert set(history) == names
    for name in names:
        expected = {line["step"]: line[name] for line in lines if name in line}
        assert dict(zip(history[name].steps, history[name].values, strict=True)) == expected
    assert history["loss"].steps == tuple(range(1, 11))
    assert history["held_out/loss"].steps == (0, 4, 8, 10)


@pytest.mark.parametrize(
    ("changes", "steps", "logged"),
    [
        ({}, (5, 10, 15), (3, 8, 13)),  # five steps in an epoch, of which every third is logged
        ({"default_hooks.logger.log_metric_by_epoch": False}, (5, 10, 15), (3, 8, 13)),
        ({**BY_ITERATION, "default_hooks.logger.log_metric_by_epoch": False}, (4, 8, 9), (3, 6, 9)),
        # mmengine writes down that they belong to step 0; what is left is the order of the lines.
        (BY_ITERATION, (3, 6, 9), (3, 6, 9)),
        ({"log_processor": {"log_with_hierarchy": True}}, (5, 10, 15), (3, 8, 13)),
    ],
)
def test_validations_are_at_the_steps_where_they_were(tmp_path, changes, steps, logged):
    run = build_runner(runs.digits(tmp_path / "run", hooks=(), **changes))
    run.train()
    history = read(run)
    (lines,) = runs.scalars(tmp_path / "run")
    values = [value for line in lines for name, value in line.items() if name.endswith("digits/accuracy")]
    assert history["digits/accuracy"].steps == steps
    assert history["digits/accuracy"].values == tuple(values)
    assert history["loss"].steps == logged
    assert len(history["time"].steps) == len(logged)  # of training steps, not of validations


def test_what_is_new_is_added(tmp_path):
    file = tmp_path / "20260101_000000" / "vis_data" / "scalars.json"
    file.parent.mkdir(parents=True)
    history = History(RunFolders(tmp_path, "20260101_000000", 0), lambda noted, last: noted)
    assert history.read() == {}
    with file.open("a") as end:
        end.write(json.dumps({"loss": 2.0, "epoch": 1, "iter": 10, "step": 10, "note": "text"}) + '\n{"loss": NaN, "it')
        end.flush()
        assert list(history.read()) == ["loss"]
        end.write('er": 20, "step": 20}\n{"others": 1, "step": 15}\n')
    found = history.read()
    assert (found["loss"].steps, str(found["loss"].values)) == ((10, 20), "(2.0, nan)")
    assert found["others"].steps == (15,)
