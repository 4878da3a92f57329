"""Several processes on a machine without GPUs, where mmengine's launcher asks for CUDA devices.

So a training for many GPUs can be tried on a laptop: ``bash tools/dist_train.sh CONFIG 2``.
"""

import inspect
from datetime import timedelta
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.logging import print_log

_BACKEND = "gloo"  # nccl, which configs name for GPUs, needs them
# Below, FSDP of CPU processes ends in a segmentation fault when a checkpoint gathers the parameters: seen with PyTorch
# 2.7.0, 2.8.0, 2.9.0, 2.11.0, 2.12.0 and 2.13.0, not with 2.14.1.
FSDP_NEEDS_TORCH = (2, 14)


def prepare_cpu_processes(config: Config) -> None:
    """Join the processes that torchrun started, if this machine has no accelerator; with one, do nothing.

    The processes communicate over gloo. All other options of ``env_cfg.dist_cfg`` are used. The model is wrapped
    without device numbers.

    Args:
        config: A whole config, whose ``launcher`` is set; edited in place.

    Raises:
        ValueError: Another launcher than torchrun's, a ``dist_cfg`` that cannot be used, or FSDP with a PyTorch that
            crashes in it.
    """
    if config.get("launcher", "none") == "none" or get_device() != "cpu":
        return
    if config.launcher != "pytorch":
        raise ValueError(
            f"--launcher {config.launcher} needs accelerators and this machine has none: start CPU processes with "
            "tools/dist_train.sh, which uses --launcher pytorch"
        )
    if "strategy" in config and torch_version() < FSDP_NEEDS_TORCH:
        raise ValueError(
            f"torch {torch.__version__} crashes when FSDP saves a checkpoint on CPUs: install torch "
            f"{'.'.join(map(str, FSDP_NEEDS_TORCH))} or newer, or leave fsdp.py out of _base_"
        )
    if not torch.distributed.is_initialized():
        _join((config.get("env_cfg") or {}).get("dist_cfg") or {})
    if "strategy" in config:
        return
    if config.get("model_wrapper_cfg") is None:
        # What mmengine's Runner takes by itself.
        config.model_wrapper_cfg = ConfigDict(
            type="MMDistributedDataParallel",
            broadcast_buffers=False,
            find_unused_parameters=config.get("find_unused_parameters", False),
        )
    config.model_wrapper_cfg.device_ids = None


def torch_version() -> tuple[int, int]:
    """Return PyTorch's version as (major, minor)."""
    major, minor, *_ = torch.__version__.split(".")
    return int(major), int(minor)


def _join(dist_cfg: dict[str, Any]) -> None:
    """Start the process group as mmengine's ``init_dist`` would, which takes a CUDA device first."""
    options = dict(dist_cfg)
    backend = options.pop("backend", _BACKEND)
    if options.pop("init_backend", "torch") != "torch":
        raise ValueError(
            f"env_cfg.dist_cfg.init_backend={dist_cfg['init_backend']!r} needs accelerators and this machine has none: "
            "leave it out"
        )
    if options.get("timeout") is not None:
        try:
            options["timeout"] = timedelta(seconds=options["timeout"])
        except (TypeError, OverflowError) as error:
            raise ValueError(
                f"env_cfg.dist_cfg.timeout={options['timeout']!r} must be a number of seconds, such as 1800"
            ) from error
    known = inspect.signature(torch.distributed.init_process_group).parameters
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ValueError(f"env_cfg.dist_cfg has {', '.join(unknown)}; it may have init_backend, {', '.join(known)}")
    torch.distributed.init_process_group(_BACKEND, **options)
    if backend != _BACKEND:  # said now that one process alone speaks
        print_log(f"no accelerator: processes talk over {_BACKEND}, in place of dist_cfg's {backend}", logger="current")
