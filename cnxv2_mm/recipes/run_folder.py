"""The folder of a run: the names of its files, and whether it may take a new run."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cnxv2_mm.training.options import check_writable

# Names of the dialects in which a user may ask for the encoder of a pre-training.
FORMATS = ("timm", "huggingface", "mmpretrain", "official")


@dataclass(frozen=True)
class RunFolder:
    """The files of a run of ``cnxv2 pretrain`` or ``cnxv2 finetune``.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The config, which ``cnxv2 train`` runs too."""
        return self.path / "config.py"

    @property
    def settings(self) -> Path:
        """What was decided, and why. A folder with this file holds a run."""
        return self.path / "settings.json"

    @property
    def data(self) -> Path:
        """A folder: which images are used, which are left out, and why."""
        return self.path / "data"

    @property
    def work(self) -> Path:
        """Mmengine's working folder: checkpoints, the log, its numbers and pictures."""
        return self.path / "run"

    @property
    def report(self) -> Path:
        """The page that shows the run."""
        return self.path / "report.html"

    @property
    def encoder(self) -> Path:
        """Of a pre-training: the encoder."""
        return self.path / "encoder.safetensors"

    def exported(self, dialect: str) -> Path:
        """Of a pre-training: the encoder in the names of another library, one of :data:`FORMATS`."""
        return self.path / f"{self.encoder.stem}_{dialect}{self.encoder.suffix}"

    @property
    def model(self) -> Path:
        """Of a fine-tuning: the weights of the whole model."""
        return self.path / "model.pth"

    @property
    def card(self) -> Path:
        """The model card."""
        return self.path / "README.md"

    @property
    def holds_run(self) -> bool:
        """Whether a run was started here."""
        return self.settings.is_file()

    def resume(self) -> None:
        """Check that the folder holds a run that can go on.

        Raises:
            ValueError: It holds none; or it holds the one that a run, which was interrupted, was to replace.
            OSError: It cannot be written into.
        """
        check_writable(self.path, "--out")
        if self._restore():
            raise ValueError(
                f"{self.path}: the run that --overwrite began was interrupted before its training, and the run before "
                "it is back: go on with that by --resume, or begin a new one by --overwrite."
            )
        if not self.holds_run:
            raise ValueError(f"{self.path} holds no run to resume (no {self.settings.name}): leave --resume out.")

    @contextmanager
    def begin(self, *, overwrite: bool = False) -> Iterator[None]:
        """Make the folder ready for a new run, in a ``with`` block that prepares the run.

        After an error the folder is as it was. Files that no run of ours writes are never touched.

        Args:
            overwrite: Whether a run that the folder holds is removed, with all its checkpoints: at the end of the
                block. Until then it is in the folder ``.replaced``.

        Raises:
            ValueError: The folder holds a run that is not to be overwritten, or files of other origin that a run would
                overwrite.
            OSError: The folder cannot be made or written into.
        """
        check_writable(self.path, "--out")
        there = self.path.exists()
        if self._removed.is_dir():
            shutil.rmtree(self._removed)
        self._restore()
        if self.holds_run and not overwrite:
            raise ValueError(
                f"{self.path} holds a run already: go on with it by --resume, give another --out, or remove it by "
                "--overwrite."
            )
        if not self.holds_run and (taken := [path.name for path in self._present()]):
            raise ValueError(
                f"{self.path} has files of other origin that a run would overwrite ({', '.join(taken)}): give "
                "another --out."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        old = self._present()
        if old:
            self._replaced.mkdir()
        try:
            for path in old:
                path.rename(self._replaced / path.name)
            yield
        except BaseException:
            if not self._restore():
                self._clear()
            if not there:
                with suppress(OSError):  # it has files of the user's
                    self.path.rmdir()
            raise
        if self._replaced.is_dir():
            self._replaced.rename(self._removed)  # at once: what is half removed must not be brought back
            shutil.rmtree(self._removed)

    @property
    def _replaced(self) -> Path:
        """Where a run is that a new one, which is being prepared, is to replace."""
        return self.path / ".replaced"

    @property
    def _removed(self) -> Path:
        return self.path / ".removed"

    def _files(self) -> tuple[Path, ...]:
        """Return all files and folders that a run may have; the one that says that it is there comes last."""
        files = (self.config, self.report, self.encoder, self.model, self.card, self.data, self.work)
        return (*map(self.exported, FORMATS), *files, self.settings)

    def _present(self) -> list[Path]:
        return [path for path in self._files() if path.exists()]

    def _restore(self) -> bool:
        """Bring back a run that was to be replaced; returns whether there was one."""
        if not self._replaced.is_dir():
            return False
        # The file that says that a run is there is the last to go and the first to come back. If it is not here, the
        # other files of the folder belong to the old run.
        settings = self._replaced / self.settings.name
        if settings.is_file():
            self._clear()
            settings.rename(self.settings)
        for path in self._replaced.iterdir():
            path.rename(self.path / path.name)
        self._replaced.rmdir()
        return True

    def _clear(self) -> None:
        for path in self._present():  # killed meanwhile, the folder still holds a run
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
