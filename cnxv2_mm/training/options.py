"""The options that ``tools/train.py`` and ``tools/test.py`` share, and what each of them changes in a config."""

import argparse
import os
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict, DictAction

from cnxv2_mm.checkpoints import trust_pickle
from cnxv2_mm.training.cpu_processes import prepare_cpu_processes

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
    """Set what every run has, from the common options: working folder, launcher, loaders. Edits the config in place."""
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


def check_writable(folder: Path, option: str = "--work-dir") -> None:
    """Refuse a folder that cannot be made or written into. The folder is not made here.

    Args:
        folder: Where a run would write.
        option: The option of the command that names it.

    Raises:
        PermissionError: There is no right to write, or the disk is read only.
        NotADirectoryError: A file has the name of the folder, or of a folder above it.
    """
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(f"{option} {str(folder)!r}: {existing} is a file, choose another {option}.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise PermissionError(f"{option} {str(folder)!r}: {existing} is not writable, choose another {option}.")


def set_loaders(config: Config, *, pin_memory: bool, persistent_workers: bool) -> None:
    """Complete the data loaders of a config.

    mmpretrain's own tool adds three options to its configs: collating into one tensor, pinned memory and persistent
    workers. For configs with its scope they are added here. Without workers, persistent workers are switched off, since
    PyTorch refuses them.

    Args:
        config: A whole config; edited in place.
        pin_memory: False switches it off; True leaves what the config says.
        persistent_workers: False switches them off; True leaves what the config says.
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
    """Remove validation from a config, so that a training never validates."""
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
