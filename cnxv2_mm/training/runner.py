"""A run from its config to its end: mmengine's ``Runner`` with all that our runs have besides, and its processes."""

import re
from contextlib import suppress

import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import RUNNERS, DefaultScope
from mmengine.runner import BaseLoop, Runner
from mmengine.visualization import Visualizer
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from cnxv2_mm.training import resuming
from cnxv2_mm.training.compiling import use_compile_hook
from cnxv2_mm.training.data_check import check_data
from cnxv2_mm.training.data_check.samples import check_samples
from cnxv2_mm.training.finite_check import add_finite_check
from cnxv2_mm.training.fsdp import check_hooks
from cnxv2_mm.training.loaded_weights import RequireSomeWeights, RequireWeights
from cnxv2_mm.training.mixed_precision import check_amp_device
from cnxv2_mm.training.saving import protect_checkpoints
from cnxv2_mm.training.seeding import make_repeatable

# What mmengine calls a run: the name of its config, if it has one, and the second in which it began.
_RUN_NAME = re.compile(r"(.*_)?\d{8}_\d{6}")


def train(
    config: Config, resume: str | None = None, overwrite: bool = False, runner_class: type[Runner] = Runner
) -> Runner:
    """Train, and end the communication between processes.

    Args:
        config: A whole config, with its working folder.
        resume: A checkpoint to go on from, 'auto' for the last one of the working folder, None to start anew.
        overwrite: Whether to start anew in a folder that has checkpoints of an earlier run.
        runner_class: The runner of a config that names none.

    Returns:
        The runner, after the training.

    Raises:
        ValueError: The data cannot be used, the folder has checkpoints, or the config asks for what cannot be.
        OSError: Data or a checkpoint is missing.
        FloatingPointError: A loss was not finite.
    """
    if resume is not None:
        resuming.resume(config, resume)
    if not config.get("resume") and not overwrite:
        resuming.check_work_dir(config)
    check_amp_device(config)
    remarks = check_data(config, ("train_dataloader", "val_dataloader"))
    runner = build_runner(config, runner_class)
    for remark in remarks:
        runner.logger.warning(remark)
    runner.register_hook(RequireWeights() if config.get("resume") else RequireSomeWeights())
    runner.train()
    leave_processes()
    _end_workers(runner)
    return runner


def _end_workers(runner: Runner) -> None:
    """End the processes that loaded data.

    Persistent ones live as long as the runner otherwise. And when Python's garbage collector takes a runner away,
    PyTorch waits five seconds for each loader.
    """
    loops = (loop for loop in (runner._train_loop, runner._val_loop) if isinstance(loop, BaseLoop))
    for loop in loops:
        endless = getattr(getattr(loop, "dataloader_iterator", None), "_iterator", None)
        for iterator in (endless, getattr(loop.dataloader, "_iterator", None)):
            if isinstance(iterator, _MultiProcessingDataLoaderIter):
                iterator._shutdown_workers()
        if hasattr(loop.dataloader, "_iterator"):
            loop.dataloader._iterator = None  # a further run starts its own


def build_runner(config: Config, runner_class: type[Runner] = Runner) -> Runner:
    """Return the runner of a config: mmengine's ``Runner``, or the registered class that ``runner_type`` names.

    Whatever the config says, the runner writes whole checkpoints, draws random numbers that a resumed run draws again,
    stops at a loss that is not finite, and names the file of a sample that cannot be loaded.

    Args:
        config: A whole config.
        runner_class: The runner of a config that names none: mmengine's, or a class derived from it.

    Raises:
        ValueError: The config averages weights under FSDP.
    """
    check_hooks(config)
    use_compile_hook(config)
    _forget_earlier_runs(config)
    if "runner_type" in config:
        config.setdefault("env_cfg", ConfigDict())  # mmengine's FlexibleRunner takes its absence badly
    runner = RUNNERS.build(config) if "runner_type" in config else runner_class.from_cfg(config)
    protect_checkpoints(runner)
    make_repeatable(runner)
    add_finite_check(runner)
    check_samples(runner, config)
    return runner


def _forget_earlier_runs(config: Config) -> None:
    """Make mmengine give the run a logger, a message hub, a scope and a visualizer of its own.

    mmengine keeps those of each run for the whole process, by name. A run that begins in the same second as an earlier
    one, or whose visualizer has the same name (all of mmdet's are called "visualizer"), would write its numbers into
    the folder of the earlier run.
    """
    visualizer = config.get("visualizer")
    named = visualizer.get("name") if isinstance(visualizer, dict) else None
    kinds = [DefaultScope, MessageHub, MMLogger, Visualizer]
    for kind in kinds:
        for name in [name for name in kind._instance_dict if name == named or _RUN_NAME.fullmatch(name)]:
            del kind._instance_dict[name]
        kinds += kind.__subclasses__()


def leave_processes() -> None:
    """End the communication between the processes of a run, if there are several.

    If this is left to the end of the interpreter, its threads sometimes abort a run that has succeeded.
    """
    if torch.distributed.is_initialized():
        with suppress(RuntimeError):  # another process has failed, and says so itself
            torch.distributed.barrier()
        torch.distributed.destroy_process_group()
