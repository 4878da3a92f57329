"""The exact commands that come next."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cnxv2_mm.run_report.facts import Facts
from cnxv2_mm.run_report.run_folders import RunFolders
from cnxv2_mm.run_report.settings_file import Settings
from cnxv2_mm.run_report.state import State
from cnxv2_mm.training.saving import LAST_CHECKPOINT


@dataclass(frozen=True)
class Step:
    """A step that the user may take.

    Attributes:
        reason: When, or what for.
        commands: To be typed in this order.
    """

    reason: str
    commands: Sequence[str]


def next_steps(state: State, settings: Settings, facts: Facts, folders: RunFolders, config: str | None) -> list[Step]:
    """Return what comes next, the most urgent first.

    Args:
        state: Of the run.
        settings: Of the recipe, which knows the commands of its task.
        facts: Of the run.
        folders: Of the run.
        config: The name of the whole config in the work folder, if it is there.
    """
    steps = []
    resume = resume_command(settings, folders, config)
    if state.kind == "stopped" and resume:
        steps.append(resume)
    commands = list(settings.next) or _measure_features(facts, folders)
    if commands:
        steps.append(Step("Then:" if state.kind == "finished" else "When it is finished:", commands))
    if any(True for folder in folders.folders for _ in folder.glob("vis_data/events.out.tfevents.*")):
        command = f"tensorboard --logdir {shlex.quote(str(folders.work_dir))}"
        steps.append(Step("To look at all numbers in TensorBoard:", [command]))
    return steps


def resume_command(settings: Settings, folders: RunFolders, config: str | None) -> Step | None:
    """Return how to go on with a run that has ended too early; None if nobody can say."""
    if settings.command:
        words = [word for word in settings.command.split(" ") if word not in ("--overwrite", "--resume")]
        command = " ".join([*words, "--resume"])
    elif config is not None:
        file, work_dir = (shlex.quote(str(path)) for path in (folders.work_dir / config, folders.work_dir))
        command = f"cnxv2 train {file} --work-dir {work_dir} --resume"
    else:
        return None
    if (folders.work_dir / LAST_CHECKPOINT).is_file():
        return Step("To go on from the last checkpoint:", [command])
    return Step("No checkpoint was saved. To start again:", [command.removesuffix(" --resume") + " --overwrite"])


def last_checkpoint(work_dir: Path) -> Path | None:
    """Return the checkpoint that a resumed run goes on from."""
    try:
        path = Path((work_dir / LAST_CHECKPOINT).read_text().strip())
    except OSError:
        return None
    moved = work_dir / path.name  # the file keeps the place where it was written
    return moved if moved.is_file() else None


def _measure_features(facts: Facts, folders: RunFolders) -> list[str]:
    """Return the command that looks into a pre-trained encoder."""
    checkpoint = last_checkpoint(folders.work_dir)
    if facts.task != "pretrain" or checkpoint is None or facts.folder is None:
        return []
    return [f"cnxv2 analyze {shlex.quote(str(checkpoint))} --data {shlex.quote(facts.folder)}"]
