"""Several processes on a machine without GPUs, where mmengine's launcher asks for CUDA devices.

So what runs on many GPUs can be tried and tested on a laptop: ``bash tools/dist_train.sh CONFIG 2``.
"""

import torch
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device


def prepare_cpu_processes(config: Config) -> None:
    """Joins the processes that torchrun started, if this machine has no accelerator; otherwise does nothing.

    The processes talk over gloo, and the model is wrapped without device numbers.

    Args:
        config: A whole config, whose ``launcher`` is set; edited in place.

    Raises:
        ValueError: Another launcher than torchrun's.
    """
    if config.get("launcher", "none") == "none" or get_device() != "cpu":
        return
    if config.launcher != "pytorch":
        raise ValueError(
            f"--launcher {config.launcher} needs accelerators and this machine has none: start CPU processes with "
            "tools/dist_train.sh, which uses --launcher pytorch"
        )
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
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
