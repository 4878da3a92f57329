"""A checkpoint is whole, or it is not there: even if the run is killed, or the disk is full.

mmengine opens the file and writes into it. A run that is killed meanwhile leaves half a checkpoint or an empty
``last_checkpoint``, and the checkpoint before has been removed already. In our runs a file is written under another
name, forced to the disk and then renamed. The checkpoint that it replaces is removed last.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from cnxv2_mm.whole_file import whole_file

LAST_CHECKPOINT = "last_checkpoint"


def protect_checkpoints(runner: Runner) -> None:
    """Make a run save as described above, whatever its config says about checkpoints.

    In this process mmengine's way to write local files is replaced, too.

    Args:
        runner: Its checkpoint hooks of mmengine's class are changed. Those of a class derived from it stay.
    """
    register_backend("local", WholeFiles, force=True, prefixes="")
    for hook in runner.hooks:
        if type(hook) is CheckpointHook:
            hook.__class__ = WholeCheckpointHook


def write_whole(content: bytes, path: str | os.PathLike[str]) -> None:
    """Write a file at once and whole. If this fails, or is cut short, the file keeps the content that it had before.

    Args:
        content: The whole content of the file.
        path: The file. A symbolic link stays one. The folder is made if there is none.

    Raises:
        OSError: The file cannot be written: the disk is full, for example.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_bytes(content)
    except OSError as error:
        raise OSError(
            f"{os.fspath(path)} could not be written ({error.strerror}): nothing that was saved before is lost; make "
            "room, or the folder writable, and go on with --resume."
        ) from error


class WholeFiles(LocalBackend):
    """mmengine's backend for local files, which writes them by :func:`write_whole`."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes."""
        path = Path(filepath)
        if path.exists() and not path.is_file():  # a device or a pipe
            super().put(obj, filepath)
            return
        write_whole(obj, path)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = "utf-8") -> None:
        """Write text."""
        self.put(obj.encode(encoding), filepath)


class WholeCheckpointHook(CheckpointHook):
    """mmengine's hook in a safe order: write the checkpoint, note it as the last, remove the one that it replaces.

    While gradients are accumulated, a checkpoint may fall between two steps of the optimiser. It then holds the
    gradients so far.
    """

    best_ckpt_path: str | None
    file_backend: Any

    def before_train(self, runner: Runner) -> None:
        """Look for the best checkpoints in this run's folder, not in the folder that it was copied from."""
        super().before_train(runner)
        best: str | None = getattr(self, "best_ckpt_path", None)
        if best:
            self.best_ckpt_path = self._here(best)
        for metric, path in getattr(self, "best_ckpt_path_dict", {}).items():
            self.best_ckpt_path_dict[metric] = path and self._here(path)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Add the gradients to the checkpoint, if the optimiser has not used them yet."""
        if "optimizer" not in checkpoint or not _accumulated(runner):
            return
        if runner.world_size > 1:
            runner.logger.warning(
                f"The checkpoint of iteration {checkpoint['meta']['iter']} lies within an accumulation of gradients; "
                "those of several processes are not saved, and a run resumed from it will lack them. Save every "
                "multiple of optim_wrapper.accumulative_counts iterations."
            )
            return
        gradients = {name: p.grad.cpu() for name, p in runner.model.named_parameters() if p.grad is not None}
        checkpoint["gradients"] = gradients

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Restore the gradients, if the run is resumed."""
        if not runner._resume:
            return
        gradients = checkpoint.get("gradients", {})
        for name, parameter in runner.model.named_parameters():
            if name in gradients:
                parameter.grad = gradients[name].to(parameter)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        outdated = []
        if self.max_keep_ckpts > 0 and step not in list(self.keep_ckpt_ids)[-1:]:
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                outdated = [self.keep_ckpt_ids[0]]
            self.keep_ckpt_ids.append(step)  # at its greatest length the queue drops its first
            runner.message_hub.update_info("keep_ckpt_ids", list(self.keep_ckpt_ids))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self._here(name)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            write_whole(self.last_ckpt.encode(), Path(runner.work_dir) / LAST_CHECKPOINT)
            self._remove(self._here(self.filename_tmpl.format(old)) for old in outdated)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        with self._removing_last():
            super()._save_best_checkpoint(runner, metrics)

    @contextmanager
    def _removing_last(self) -> Iterator[None]:
        """Delay the removal of files to the end of the block. If the block fails, they stay."""
        backend = self.file_backend
        self.file_backend = later = _RemoveLater(backend)
        try:
            yield
        finally:
            self.file_backend = backend
        self._remove(later.paths)

    def _here(self, path: str) -> str:
        return self.file_backend.join_path(self.out_dir, os.path.basename(path))

    def _remove(self, paths: Iterator[str] | list[str]) -> None:
        """Remove checkpoints, except those that have just been written again under the same name."""
        best = getattr(self, "best_ckpt_path_dict", None) or {"": getattr(self, "best_ckpt_path", None)}
        for path in set(paths) - {self.last_ckpt, *best.values()}:
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
            elif self.file_backend.isdir(path):  # a checkpoint of DeepSpeed
                self.file_backend.rmtree(path)


class _RemoveLater:
    """A storage backend that only notes what to remove."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.paths: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self.paths.append(path)

    rmtree = remove


def _accumulated(runner: Runner) -> bool:
    """Return whether gradients have been accumulated since the optimiser's last step."""
    wrapper = runner.optim_wrapper
    counts = getattr(wrapper, "_accumulative_counts", 1)
    return counts > 1 and not wrapper.should_update()
