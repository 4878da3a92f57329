"""The hook that writes the page of a training."""

import time
from pathlib import Path
from typing import Any, Literal

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from mmengine.visualization.vis_backend import LocalVisBackend

from cnxv2_mm.arguments import check_argument
from cnxv2_mm.registry import HOOKS
from cnxv2_mm.run_report.facts import Facts, facts_of
from cnxv2_mm.run_report.history import History, validation_steps
from cnxv2_mm.run_report.log_messages import LogMessages
from cnxv2_mm.run_report.run_folders import RunFolders
from cnxv2_mm.run_report.settings_file import NAME as SETTINGS
from cnxv2_mm.run_report.settings_file import read_settings
from cnxv2_mm.run_report.sheets import KINDS, read_sheets
from cnxv2_mm.run_report.state import State, ending, epochs_of, seconds_left
from cnxv2_mm.whole_file import whole_file

NAME = "report.html"
_WORK = "run"  # the work folder in a run folder
_MOST = 0.01  # of the time may be spent on the page, but for what is written after validations and at the end


@HOOKS.register_module()
class ReportPageHook(Hook):
    """Writes a page about the training, which a browser shows without a server, and refreshes it until the end.

    It works with every config, of pre-training, detection, segmentation and classification. ``docs/report.md`` says
    what is on the page. Numbers, pictures and warnings come from the files that mmengine writes into the work folder,
    so a resumed run shows those of before, too. A file ``settings.json`` beside the page is shown, if there is one.

    The training is the same with and without the hook, bit by bit. If the page cannot be written, the log has a
    warning, and the training goes on.

    Args:
        page: Where to write the page; None for ``report.html`` in the work folder. If that is ``run`` in a folder of
            ``cnxv2 pretrain`` or ``cnxv2 finetune``, the page is beside it, in that folder.
        seconds: How often at most it is written while the training runs. It is written more seldom where it would take
            more than 1 % of the time, and besides after each validation and at the end.

    Raises:
        ValueError: ``seconds`` is not a positive number.
    """

    priority = 95  # behind all that writes numbers, pictures and checkpoints

    def __init__(self, page: str | None = None, seconds: float = 30) -> None:
        check_argument("ReportPageHook's seconds", seconds, float, "a positive number", lambda x: x > 0)
        self.page = page
        self.seconds = seconds
        self._facts: Facts | None = None  # while nothing is trained
        self._kind: Literal["running", "finished", "stopped"] = "running"
        self._error: str | None = None
        self._warned = False

    def before_run(self, runner: Runner) -> None:
        """See to it that the page says how the training ended, even if by an error."""
        if not is_main_process() or not isinstance(runner._train_loop, BaseLoop) or hasattr(self, "_run"):
            return
        self._run = runner.train_loop.run

        def run(*args: Any, **kwargs: Any) -> Any:
            try:
                result = self._run(*args, **kwargs)
            except BaseException as error:
                self._end(runner, "stopped", ending(error))
                raise
            self._end(runner, "finished")
            return result

        runner.train_loop.run = run

    def before_train(self, runner: Runner) -> None:
        """Write the first page."""
        if not is_main_process():
            return
        folders = RunFolders(Path(runner.work_dir), runner.timestamp, int(runner.iter))
        self._folders = folders
        self._history = History(folders, validation_steps(runner))
        self._messages = LogMessages(folders)
        self._facts = facts_of(runner)
        self._started = time.time()
        self._step = folders.start
        self._period = self.seconds
        self._last = self._next = self._cost = 0.0
        self._kind, self._error = "running", None
        if not any(isinstance(backend, LocalVisBackend) for backend in runner.visualizer._vis_backends.values()):
            runner.logger.warning(
                f"{NAME} will have no curves and no pictures: add dict(type='LocalVisBackend') to the visualizer's "
                "vis_backends, which writes the files that they are made of."
            )
        self.write(runner)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Write the page if it is time."""
        self._step = int(runner.iter) + 1
        self._write_if_it_is_time(runner)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any | None = None
    ) -> None:
        """Write the page if it is time: a long validation is no reason to believe that the run has ended."""
        self._write_if_it_is_time(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the page with the numbers of the validation."""
        if self._facts is not None and self._kind == "running":
            self.write(runner)

    def after_run(self, runner: Runner) -> None:
        """Write the page once more, with what other hooks have written at the end."""
        if self._facts is not None and self._kind == "finished":
            self.write(runner)

    def write(self, runner: Runner) -> None:
        """Write the page now. A recipe calls this after it has added files to the folder.

        Args:
            runner: The runner of the training, which has been started. Of several processes only the first one writes.
        """
        if self._facts is None:
            return
        begin = time.monotonic()
        try:
            self._write(runner)
        except Exception as error:  # whatever is wrong with a page, no training is lost for it
            if not self._warned:
                runner.logger.warning(f"{self._path(runner)} could not be written: {ending(error)}")
            self._warned = True
        end = time.monotonic()
        self._cost = end - begin
        self._next = end + max(self.seconds, self._cost / _MOST)

    def _write(self, runner: Runner) -> None:
        from cnxv2_mm.run_report.page import Report, write_page  # matplotlib, which few runs need

        assert self._facts is not None
        now = time.time()
        if self._last:
            self._period = max(self.seconds, self._cost / _MOST, now - self._last)
        self._last = now
        path = self._path(runner)
        epoch, epochs = epochs_of(runner, self._step)
        config = Path(runner.cfg.filename or f"{runner.timestamp}.py").name
        report = Report(
            page=path,
            folders=self._folders,
            config=config if (self._folders.work_dir / config).is_file() else None,
            state=State(
                self._kind,
                self._step,
                int(runner.max_iters),
                epoch,
                epochs,
                seconds_left(runner) if self._step > self._folders.start else None,
                self._folders.start,
                self._started,
                now,
                self._period,
                self._error,
            ),
            facts=self._facts,
            settings=read_settings(path.parent),
            history=self._history.read(),
            messages=self._messages.read(),
            sheets=[(kind, read_sheets(self._folders, kind)) for kind in KINDS],
        )
        text = write_page(report)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_text(text, encoding="utf-8")

    def _path(self, runner: Runner) -> Path:
        return _beside_settings(Path(runner.work_dir)) / NAME if self.page is None else Path(self.page)

    def _write_if_it_is_time(self, runner: Runner) -> None:
        if self._facts is not None and self._kind == "running" and time.monotonic() >= self._next:
            self.write(runner)

    def _end(self, runner: Runner, kind: Literal["finished", "stopped"], error: str | None = None) -> None:
        if self._facts is not None:
            self._kind, self._error = kind, error
            self.write(runner)


def _beside_settings(work_dir: Path) -> Path:
    """Return the folder of the page: the run folder that the work folder lies in, or else the work folder."""
    run_folder = work_dir.parent
    return run_folder if work_dir.name == _WORK and (run_folder / SETTINGS).is_file() else work_dir
