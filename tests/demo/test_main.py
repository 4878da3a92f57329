"""The command, with its trainings replaced by what they would leave."""

import json
from pathlib import Path

import pytest

from demo import __main__ as command
from demo.dataset import DatasetSpec
from demo.tasks import TASKS
from demo.training import TrainingFailed


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Run in an empty folder, where each training logs what the test says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setenv("COLUMNS", "160")  # no cell of the table is broken
    values = {}

    def train(task, work_dir, quick, console):
        folder = work_dir / task.name / "20260101_000000" / "vis_data"
        folder.mkdir(parents=True)
        lines = [{metric.key: values[metric.key]} for metric in task.metrics]
        lines += [{"reconstruction/patch_mean_loss": 1.0}]
        (folder / "scalars.json").write_text("\n".join(map(json.dumps, lines)))
        return 7.0

    monkeypatch.setattr(command, "train", train)
    monkeypatch.setattr(command, "make_data", lambda root, console: None)
    monkeypatch.setattr(command, "draw", lambda work_dir, console: None)
    monkeypatch.setattr(command, "trivial_scores", lambda root: dict.fromkeys(values, 0.1))
    return values


@pytest.mark.parametrize(
    ("argv", "loss", "status", "folder"),
    [([], 0.9, 0, "demo"), ([], 1.1, 1, "demo"), (["--quick"], 1.1, 0, "demo_quick")],
)
def test_a_score_below_its_target_is_the_exit_status(here, argv, loss, status, folder, capsys):
    here |= {metric.key: metric.unit for task in TASKS for metric in task.metrics} | {"reconstruction/loss": loss}
    assert command.main(argv) == status
    report = json.loads((Path("work_dirs") / folder / "scores.json").read_text())
    assert report["all_reached"] == (loss < 1)
    assert [one["seconds"] for one in report["scores"]] == [7.0] * 5
    assert ("NOT REACHED" in capsys.readouterr().out) == (loss > 1)


def test_a_failing_training_ends_it(here, monkeypatch, capsys):
    def fail(*_):
        raise TrainingFailed("ended with status 1")

    monkeypatch.setattr(command, "train", fail)
    assert command.main([]) == 1
    assert "ended with status 1" in capsys.readouterr().out
    assert not Path("work_dirs/demo/scores.json").exists()


def test_data_are_made_once(tmp_path, monkeypatch, capsys):
    spec = DatasetSpec(train_scenes=1, val_scenes=1, train_pictures=0, val_pictures=0)
    monkeypatch.setattr(command, "DatasetSpec", lambda: spec)
    console = command.command_line.console()
    for expected in ("writing", "is complete"):
        command.make_data(tmp_path / "data", console)
        assert expected in capsys.readouterr().out
