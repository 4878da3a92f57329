"""The beginning and the end of a run: mmengine's ``Runner`` with all that our runs have besides, and its processes."""

from contextlib import suppress

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from cnxv2_mm.training.compiling import use_compile_hook
from cnxv2_mm.training.data_check.samples import check_samples
from cnxv2_mm.training.finite_check import add_finite_check
from cnxv2_mm.training.fsdp import check_hooks
from cnxv2_mm.training.saving import protect_checkpoints
from cnxv2_mm.training.seeding import make_repeatable


def build_runner(config: Config) -> Runner:
    """Return the runner of a config: mmengine's ``Runner``, or the registered class that ``runner_type`` names.

    Whatever the config says, the runner writes whole checkpoints, draws random numbers that a resumed run draws again,
    stops at a loss that is not finite, and names the file of a sample that cannot be loaded.

    Args:
        config: A whole config.

    Raises:
        ValueError: The config averages weights under FSDP.
    """
    check_hooks(config)
    use_compile_hook(config)
    if "runner_type" in config:
        config.setdefault("env_cfg", ConfigDict())  # mmengine's FlexibleRunner takes its absence badly
    runner = RUNNERS.build(config) if "runner_type" in config else Runner.from_cfg(config)
    protect_checkpoints(runner)
    make_repeatable(runner)
    add_finite_check(runner)
    check_samples(runner, config)
    return runner


def leave_processes() -> None:
    """End the communication between the processes of a run, if there are several.

    If this is left to the end of the interpreter, its threads sometimes abort a run that has succeeded.
    """
    if torch.distributed.is_initialized():
        with suppress(RuntimeError):  # another process has failed, and says so itself
            torch.distributed.barrier()
        torch.distributed.destroy_process_group()
