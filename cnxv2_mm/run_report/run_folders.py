"""The folders of a run: mmengine makes one for each start, named by its time, in the work folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class RunFolders:
    """A run, and the earlier ones in the same work folder that it goes on from.

    Attributes:
        work_dir: The work folder.
        timestamp: The name of this run's own folder in it.
        start: The step from which it goes on; 0 if it is new. A new run has nothing to do with the earlier ones.
    """

    work_dir: Path
    timestamp: str
    start: int

    @property
    def folders(self) -> list[Path]:
        """The folders of the earlier runs, in the order of time, and then this run's own."""
        own = self.work_dir / self.timestamp
        if self.start == 0:
            return [own]
        earlier = sorted(path.parent for path in self.work_dir.glob("*/vis_data") if path.parent.name < self.timestamp)
        return [*earlier, own]

    def joined(self, found: Mapping[Path, Mapping[int, Value]]) -> dict[int, Value]:
        """Join what was found in the folders: a run replaces all that earlier ones have after the step where it starts.

        Args:
            found: For each of :attr:`folders` what it has, by step.
        """
        values: dict[int, Value] = {}
        for folder in self.folders:
            own = found.get(folder, {})
            is_last = folder.name == self.timestamp
            # Where an earlier run started is not written down; what it has first tells it well enough.
            start = self.start if is_last else min(own, default=None)
            if start is not None:
                values = {step: value for step, value in values.items() if (step <= start if is_last else step < start)}
            values |= own
        return dict(sorted(values.items()))
