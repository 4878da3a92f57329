"""The numbers of a run by step, from mmengine's own files."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.hooks import LoggerHook
from mmengine.runner import EpochBasedTrainLoop, Runner

from cnxv2_mm.run_report.growing_file import GrowingFile
from cnxv2_mm.run_report.run_folders import RunFolders

SCALARS = Path("vis_data", "scalars.json")
# From the step that mmengine notes for a validation, and the last training step before it, to the step it belongs to.
ValidationStep = Callable[[int, int], int]
_PREFIXES = ("train/", "val/")


@dataclass(frozen=True)
class Series:
    """A number over the training.

    Attributes:
        steps: How many steps the training had made.
        values: The number at each of them. It may be infinite or not a number.
    """

    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass
class _Folder:
    file: GrowingFile
    last: int = 0
    by_name: dict[str, dict[int, float]] = field(default_factory=dict)


class History:
    """Reads the numbers of a run, and of those that it goes on from.

    Args:
        folders: Where they are.
        validation_step: See :data:`ValidationStep`.
    """

    def __init__(self, folders: RunFolders, validation_step: ValidationStep) -> None:
        self._folders = folders
        self._validation_step = validation_step
        self._read: dict[Path, _Folder] = {}

    def read(self) -> dict[str, Series]:
        """Return every number that was logged, by its name, in the order in which they came first.

        A validation's numbers are those that mmengine calls ``coco/bbox_mAP``, ``mIoU`` and so on.
        """
        for path in self._folders.folders:
            folder = self._read.setdefault(path, _Folder(GrowingFile(path / SCALARS)))
            for line in folder.file.new_lines():
                self._add(folder, json.loads(line))
        names = dict.fromkeys(name for folder in self._read.values() for name in folder.by_name)
        joined = {
            name: self._folders.joined({path: folder.by_name.get(name, {}) for path, folder in self._read.items()})
            for name in names
        }
        return {name: Series(tuple(values), tuple(values.values())) for name, values in joined.items() if values}

    def _add(self, folder: _Folder, line: dict[str, object]) -> None:
        step = int(str(line.pop("step")))
        if "iter" in line:
            step = folder.last = int(str(line.pop("iter")))
        elif any(_plain(name) == "data_time" for name in line):  # a validation
            step = self._validation_step(step, folder.last)
            line = {name: value for name, value in line.items() if _plain(name) not in ("time", "data_time")}
        for name, value in line.items():
            if isinstance(value, (int, float)) and name != "epoch":
                folder.by_name.setdefault(_plain(name), {})[step] = float(value)


def validation_steps(runner: Runner) -> ValidationStep:
    """Return how the steps of validations are to be read: mmengine counts them in several ways.

    By default it notes the number of epochs, and in a training by iterations nothing that is of use.
    """
    by_epoch = next((hook.log_metric_by_epoch for hook in runner.hooks if isinstance(hook, LoggerHook)), True)
    if not by_epoch:
        return lambda noted, last: noted
    if isinstance(runner.train_loop, EpochBasedTrainLoop):
        steps = len(runner.train_dataloader)
        return lambda noted, last: noted * steps
    return lambda noted, last: last


def _plain(name: str) -> str:
    """Return a name without the prefix that a log processor with ``log_with_hierarchy`` adds."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name
