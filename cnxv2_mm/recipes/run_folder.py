"""The folder of a run: the names of its files, and whether it may take a new run."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from cnxv2_mm.training.options import check_writable


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

    def claim(self, *, resume: bool = False, overwrite: bool = False) -> None:
        """Make the folder ready for a run. Files that no run of ours writes are never touched.

        Args:
            resume: Whether the run that the folder holds goes on.
            overwrite: Whether the run that it holds is removed, with all its checkpoints.

        Raises:
            ValueError: The folder holds a run and neither is wanted, or it holds none to resume, or it has files of
                other origin that a run would overwrite.
            OSError: The folder cannot be made or written into.
        """
        if resume and overwrite:
            raise ValueError("--resume goes on with a run and --overwrite removes it: give one of them.")
        check_writable(self.path, "--out")
        if resume and not self.holds_run:
            raise ValueError(f"{self.path} holds no run to resume (no {self.settings.name}): leave --resume out.")
        if self.holds_run and not resume and not overwrite:
            raise ValueError(
                f"{self.path} holds a run already: go on with it by --resume, give another --out, or remove it by "
                "--overwrite."
            )
        if not self.holds_run:
            taken = [path.name for path in self._all() if path.exists()]
            if taken:
                raise ValueError(
                    f"{self.path} has files of other origin that a run would overwrite ({', '.join(taken)}): give "
                    "another --out."
                )
        elif overwrite:
            self._clear()
        self.path.mkdir(parents=True, exist_ok=True)

    def _all(self) -> list[Path]:
        """Return all files and folders of a run; the one that says that it is there comes first."""
        files = (self.settings, self.config, self.report, self.encoder, self.model, self.card, self.data, self.work)
        return list(files)

    def _clear(self) -> None:
        exported = self.path.glob(f"{self.encoder.stem}_*{self.encoder.suffix}")
        for path in [*exported, *reversed(self._all())]:  # killed meanwhile, the folder still holds a run
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
