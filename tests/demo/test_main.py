"""The command, with its trainings replaced by what they would leave."""

import json
from pathlib import Path

import numpy as np
import pytest

from demo import __main__ as command
from demo import dataset
from demo.commands import CommandFailed
from demo.dataset import DatasetSpec, write_dataset
from demo.photographs import PHOTOGRAPHS, PUBLIC_DOMAIN, load_photographs
from demo.tasks import TASKS


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Run in an empty folder, where each training logs what the test says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setenv("COLUMNS", "160")  # no cell of the table is broken
    values = {}

    def run(arguments, console):
        out = Path(arguments[arguments.index("--out") + 1])
        (task,) = (task for task in TASKS if task.name == out.name)
        folder = out / "run" / "20260101_000000" / "vis_data"
        folder.mkdir(parents=True)
        lines = [{metric.key: values[metric.key]} for metric in task.metrics]
        lines += [{"held_out/patch_mean_loss": 1.0}]
        (folder / "scalars.json").write_text("\n".join(map(json.dumps, lines)))
        return 7.0

    monkeypatch.setattr(command, "run_command", run)
    monkeypatch.setattr(command, "make_data", lambda root, console: None)
    monkeypatch.setattr(command, "draw", lambda work_dir, data_root, console: None)
    monkeypatch.setattr(command, "trivial_scores", lambda root: dict.fromkeys(values, 0.1))
    return values


@pytest.mark.parametrize(
    ("argv", "loss", "status", "folder"),
    [([], 0.9, 0, "demo"), ([], 1.1, 1, "demo"), (["--quick"], 1.1, 0, "demo_quick")],
)
def test_a_score_below_its_target_is_the_exit_status(here, argv, loss, status, folder, capsys):
    here |= {metric.key: metric.unit for task in TASKS for metric in task.metrics} | {"held_out/loss": loss}
    assert command.main(argv) == status
    report = json.loads((Path("work_dirs") / folder / "scores.json").read_text())
    assert report["all_reached"] == (loss < 1)
    assert [one["seconds"] for one in report["scores"]] == [7.0] * 5
    assert ("NOT REACHED" in capsys.readouterr().out) == (loss > 1)


def test_a_failing_training_ends_it(here, monkeypatch, capsys):
    def fail(*_):
        raise CommandFailed("ended with status 1")

    monkeypatch.setattr(command, "run_command", fail)
    assert command.main([]) == 1
    assert "ended with status 1" in capsys.readouterr().out
    assert not Path("work_dirs/demo/scores.json").exists()


def test_data_are_made_once(tmp_path, monkeypatch, capsys):
    spec = DatasetSpec(train_scenes=1, val_scenes=1, train_pictures=0, val_pictures=0)
    monkeypatch.setattr(command, "DatasetSpec", lambda: spec)
    console = command.command_line.console()
    for expected in ("writing", "is complete"):
        command.make_data(tmp_path / "data", console)
        assert expected in " ".join(capsys.readouterr().out.split())


def test_the_sheet_shows_photographs_in_the_public_domain_only(tmp_path, monkeypatch):
    """With all others black, the images of the sheet are what they were."""
    spec = DatasetSpec(train_scenes=0, val_scenes=max(command.SHEET_SCENES) + 1, train_pictures=0)
    names = [name for group in PHOTOGRAPHS["val"].values() for name in group]

    def black_unless_public(split):
        photographs = load_photographs(split)
        if split == "train":
            return photographs
        return [p if name in PUBLIC_DOMAIN else np.zeros_like(p) for name, p in zip(names, photographs, strict=True)]

    write_dataset(tmp_path / "real", spec)
    monkeypatch.setattr(dataset, "load_photographs", black_unless_public)
    write_dataset(tmp_path / "black", spec)
    scenes, pictures = "coco/val/*.jpg", "imagenet/val/*/*.jpg"
    for pattern, positions in ((scenes, command.SHEET_SCENES), (pictures, command.SHEET_PICTURES)):
        real, black = (sorted((tmp_path / folder).glob(pattern)) for folder in ("real", "black"))
        same = [i for i in range(len(real)) if real[i].read_bytes() == black[i].read_bytes()]
        assert set(positions) <= set(same) < set(range(len(real)))
    assert [real[i].parent.name for i in command.SHEET_PICTURES] == list("0123456789")
