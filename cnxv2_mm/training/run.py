"""From a config and the usual OpenMMLab options to a ``Runner``: what ``tools/train.py`` and ``tools/test.py`` share.

Every function edits the config in place and says in the log what a user could not guess.
"""

import argparse
import os
from contextlib import suppress
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from cnxv2_mm.checkpoints import trust_pickle
from cnxv2_mm.training.cpu_processes import prepare_cpu_processes
from cnxv2_mm.training.finite_check import add_finite_check
from cnxv2_mm.training.fsdp import check_hooks
from cnxv2_mm.training.sample_check import check_samples
from cnxv2_mm.training.saving import protect_checkpoints
from cnxv2_mm.training.seeding import make_repeatable

_LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that training and testing share, spelt as OpenMMLab spells them."""
    parser.add_argument("config", help="config file, or <library>::<file> for one of an installed library's own")
    parser.add_argument("--work-dir", help="folder of logs and checkpoints (default: work_dirs/<config name>)")
    parser.add_argument("--amp", action="store_true", help="mixed precision; on the CPU this means bfloat16")
    parser.add_argument("--trust-pickle", action="store_true", help="read checkpoints even if that runs code in them")
    parser.add_argument("--no-pin-memory", action="store_true", help="leave batches in pageable memory")
    parser.add_argument("--no-persistent-workers", action="store_true", help="start data workers anew for every epoch")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        help="changes to the config: key.subkey=value, lists as key='[a,b]' without blanks",
    )
    parser.add_argument("--launcher", choices=("none", "pytorch", "slurm", "mpi"), default="none")
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help="set by torch.distributed.launch")


def set_run(config: Config, args: argparse.Namespace) -> None:
    """Set what every run has: working folder, launcher and loaders, from the common arguments."""
    if args.trust_pickle:
        trust_pickle()
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    config.launcher = args.launcher
    if args.work_dir is not None:
        config.work_dir = args.work_dir
    elif config.get("work_dir") is None:
        config.work_dir = str(Path("work_dirs") / Path(args.config.rpartition("::")[2]).stem)
    check_writable(Path(config.work_dir))
    set_loaders(config, pin_memory=not args.no_pin_memory, persistent_workers=not args.no_persistent_workers)
    prepare_cpu_processes(config)


def check_writable(folder: Path) -> None:
    """Refuse a working folder that cannot be made or written into; it is not made yet.

    Raises:
        PermissionError: no right to write, or a disk that is read only.
        NotADirectoryError: a file has the name of the folder, or of one above it.
    """
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(f"work_dir={str(folder)!r}: {existing} is a file, choose another --work-dir.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise PermissionError(f"work_dir={str(folder)!r}: {existing} is not writable, choose another --work-dir.")


def set_loaders(config: Config, *, pin_memory: bool, persistent_workers: bool) -> None:
    """Complete the loaders; False switches an option off, True leaves it as the config has it.

    mmpretrain's configs rely on what its own tool adds (collating into one tensor, pinned memory, persistent workers),
    so it is added here for its scope. Persistent workers need workers: without any the option is dropped.
    """
    for name in _LOADERS:
        loader = config.get(name)
        if not loader:
            continue
        if config.get("default_scope") == "mmpretrain":
            loader.setdefault("collate_fn", ConfigDict(type="default_collate"))
            loader.setdefault("pin_memory", torch.cuda.is_available())
            loader.setdefault("persistent_workers", True)
        if not pin_memory:
            loader["pin_memory"] = False
        if not persistent_workers or loader.get("num_workers", 0) == 0:
            loader["persistent_workers"] = False


def drop_validation(config: Config) -> None:
    """Train without ever validating."""
    config.val_cfg = config.val_dataloader = config.val_evaluator = None


def scale_learning_rate(config: Config) -> None:
    """Scale learning rates by (images per optimiser step) / ``auto_scale_lr.base_batch_size``.

    A step sees batch size x processes x ``optim_wrapper.accumulative_counts`` images. mmengine leaves the last factor
    out, so that the number it is given is divided by it; ``images_per_step`` keeps the config's own.

    Raises:
        ValueError: the config does not say for which batch size its rates are meant.
    """
    settings = config.get("auto_scale_lr") or {}
    if not settings.get("base_batch_size"):
        raise ValueError(
            "--auto-scale-lr: the config does not say for which total batch size its learning rate is meant. "
            "Add auto_scale_lr=dict(base_batch_size=...), e.g. --cfg-options auto_scale_lr.base_batch_size=32"
        )
    settings.enable = True
    settings.setdefault("images_per_step", settings.base_batch_size)
    settings.base_batch_size = settings.images_per_step / config.optim_wrapper.get("accumulative_counts", 1)


def build_runner(config: Config) -> Runner:
    """Return the config's runner: mmengine's, or the registered one that ``runner_type`` names.

    Raises:
        ValueError: the config averages weights under FSDP.
    """
    check_hooks(config)
    if "runner_type" in config:
        config.setdefault("env_cfg", ConfigDict())  # mmengine's FlexibleRunner takes its absence badly
    runner = RUNNERS.build(config) if "runner_type" in config else Runner.from_cfg(config)
    protect_checkpoints(runner)
    make_repeatable(runner)
    add_finite_check(runner)
    check_samples(runner, config)
    return runner


def leave_processes() -> None:
    """End the talk between the processes of a run, where there are several.

    Left to the interpreter's end, the threads of it sometimes abort a run that has succeeded.
    """
    if torch.distributed.is_initialized():
        with suppress(RuntimeError):  # another process has failed, and says so itself
            torch.distributed.barrier()
        torch.distributed.destroy_process_group()
