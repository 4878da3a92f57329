"""The files that a run has written, and what each is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cnxv2_mm.run_report.history import SCALARS
from cnxv2_mm.run_report.run_folders import RunFolders
from cnxv2_mm.run_report.settings_file import NAME as SETTINGS
from cnxv2_mm.run_report.sheets import PICTURES
from cnxv2_mm.run_report.what_next import last_checkpoint


@dataclass(frozen=True)
class RunFile:
    """A file or folder of a run.

    Attributes:
        path: Where it is.
        meaning: What it is.
        size: In bytes; None for a folder.
    """

    path: Path
    meaning: str
    size: int | None


def files_of_run(page_folder: Path, folders: RunFolders, config: str | None) -> list[RunFile]:
    """Return those that are there, the most useful first.

    Args:
        page_folder: Where the page is.
        folders: Of the run.
        config: The name of the whole config in the work folder, if it is there.
    """
    files = []
    for path, meaning in _candidates(page_folder, folders, config):
        if path.is_file():
            files.append(RunFile(path, meaning, path.stat().st_size))
        elif path.is_dir():
            files.append(RunFile(path, meaning, None))
    return files


def _candidates(page_folder: Path, folders: RunFolders, config: str | None) -> Iterator[tuple[Path, str]]:
    own = folders.work_dir / folders.timestamp
    yield page_folder / "encoder.safetensors", "the pre-trained encoder"
    yield page_folder / "model.pth", "the best weights, and nothing else"
    yield page_folder / "README.md", "the model card"
    for path in sorted(folders.work_dir.glob("best_*.pth")):
        yield path, "the best checkpoint of the validations"
    last = last_checkpoint(folders.work_dir)
    if last is not None:
        yield last, "the last checkpoint, from which --resume goes on"
    for path in sorted(folders.work_dir.glob("nonfinite_step_*.json")):
        yield path, "what was not finite, and the files of that batch"
    if page_folder != folders.work_dir:
        yield page_folder / "config.py", "the config"
        yield page_folder / "data", "what was found in the data"
    yield page_folder / SETTINGS, "the settings on this page, for programs"
    if config is not None:
        yield folders.work_dir / config, "the whole config, without bases"
    yield own / f"{folders.timestamp}.log", "the log"
    yield own / SCALARS, "the numbers on this page, for programs"
    yield own / PICTURES, "the pictures"
