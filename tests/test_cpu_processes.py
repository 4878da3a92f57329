"""What is decided without starting processes; tests/tools/test_dist.py starts them."""

import pytest
import torch
from mmengine.config import Config
from mmengine.device import get_device

from cnxv2_mm.cpu_processes import prepare_cpu_processes


def test_a_single_process_is_left_alone():
    config = Config({"launcher": "none"})
    prepare_cpu_processes(config)
    assert config.to_dict() == {"launcher": "none"}
    assert not torch.distributed.is_initialized()


def test_other_launchers_are_refused_where_there_is_no_accelerator():
    if get_device() == "cpu":
        with pytest.raises(ValueError, match=r"--launcher slurm needs accelerators.*dist_train\.sh"):
            prepare_cpu_processes(Config({"launcher": "slurm"}))
    else:
        config = Config({"launcher": "slurm"})
        prepare_cpu_processes(config)
        assert config.to_dict() == {"launcher": "slurm"}
