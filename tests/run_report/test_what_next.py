"""The commands are words that a shell takes apart again as they were."""

import shlex
from pathlib import Path

import pytest

from cnxv2_mm.run_report.facts import Facts
from cnxv2_mm.run_report.run_folders import RunFolders
from cnxv2_mm.run_report.settings_file import Settings
from cnxv2_mm.run_report.state import State
from cnxv2_mm.run_report.what_next import last_checkpoint, next_steps, resume_command
from tests.run_report.conftest import ODD

TIME = "20260101_000000"
FACTS = Facts("pretrain", "FCMAE", "images", f"/images/{ODD}", (), {}, {})


def state(kind):
    return State(kind, 3, 10, None, None, None, 0, 0.0, 0.0, 30.0)


@pytest.fixture
def folders(tmp_path):
    work_dir = tmp_path / f"run {ODD}"
    (work_dir / TIME / "vis_data").mkdir(parents=True)
    return RunFolders(work_dir, TIME, 0)


def save(folders):
    (folders.work_dir / "epoch_1.pth").write_text("weights")
    (folders.work_dir / "last_checkpoint").write_text("/where/it/was/epoch_1.pth")


def test_resuming_what_a_recipe_started(folders):
    settings = Settings(command="cnxv2 pretrain 'my images' --overwrite --out x")
    assert resume_command(settings, folders, None).commands == ["cnxv2 pretrain 'my images' --out x --overwrite"]
    save(folders)
    step = resume_command(settings, folders, None)
    assert step.commands == ["cnxv2 pretrain 'my images' --out x --resume"]
    again = Settings(command=step.commands[0])
    assert resume_command(again, folders, None).commands == step.commands
    first = next_steps(state("stopped"), settings, FACTS, folders, None)[0]
    assert first == step


def test_resuming_a_config(folders):
    assert resume_command(Settings(), folders, None) is None
    save(folders)
    (command,) = resume_command(Settings(), folders, "my config.py").commands
    work_dir = str(folders.work_dir)
    assert shlex.split(command) == ["cnxv2", "train", f"{work_dir}/my config.py", "--work-dir", work_dir, "--resume"]


def test_after_the_end(folders):
    settings = Settings(command="x", next=["cnxv2 finetune detect DATA --from y", "cnxv2 embed y"])
    (step,) = next_steps(state("finished"), settings, FACTS, folders, None)
    assert (step.reason, step.commands) == ("Then:", settings.next)
    (step,) = next_steps(state("running"), settings, FACTS, folders, None)
    assert step.reason == "When it is finished:"
    assert next_steps(state("finished"), Settings(), FACTS, folders, None) == []
    save(folders)
    (step,) = next_steps(state("finished"), Settings(), FACTS, folders, None)
    checkpoint = str(folders.work_dir / "epoch_1.pth")
    assert shlex.split(step.commands[0]) == ["cnxv2", "analyze", checkpoint, "--data", FACTS.folder]


def test_tensorboard_if_it_was_written(folders):
    (folders.work_dir / TIME / "vis_data" / "events.out.tfevents.1.x").touch()
    (step,) = next_steps(state("finished"), Settings(), FACTS, folders, None)
    assert shlex.split(step.commands[0]) == ["tensorboard", "--logdir", str(folders.work_dir)]


def test_the_last_checkpoint(folders):
    assert last_checkpoint(folders.work_dir) is None
    (folders.work_dir / "last_checkpoint").write_text("gone.pth")
    assert last_checkpoint(folders.work_dir) is None
    save(folders)
    assert last_checkpoint(folders.work_dir) == Path(folders.work_dir, "epoch_1.pth")
