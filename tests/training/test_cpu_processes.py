"""What is decided without starting several processes; tests/tools/test_dist.py starts them."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner
from torch import distributed

from cnxv2_mm.training import cpu_processes
from cnxv2_mm.training.cpu_processes import prepare_cpu_processes


@pytest.fixture
def cpu(monkeypatch):
    """A machine without accelerators, where this process may be all of a run; what was logged."""
    messages = []
    monkeypatch.setattr(cpu_processes, "get_device", lambda: "cpu")
    monkeypatch.setattr(cpu_processes, "print_log", lambda message, **_: messages.append(message))
    yield messages
    if distributed.is_initialized():
        distributed.destroy_process_group()


@pytest.fixture
def launched(cpu, tmp_path):
    """Config of a run of one process, by what ``init_process_group`` takes besides the environment of torchrun."""

    def launched(dist_cfg=None, **config):
        place = {"init_method": f"file://{tmp_path}/meeting", "rank": 0, "world_size": 1}
        return Config({"launcher": "pytorch", "env_cfg": {"dist_cfg": place | (dist_cfg or {})}, **config})

    return launched


def group_timeout():
    return distributed.group.WORLD._get_backend(torch.device("cpu")).options._timeout


def test_fsdp_is_refused_where_pytorch_crashes_in_it(launched, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.13.0+cpu")
    with pytest.raises(ValueError, match=r"torch 2.13.0\+cpu crashes .* install torch 2.14 or newer"):
        prepare_cpu_processes(launched(strategy={"type": "cnxv2_mm.FSDPStrategy"}))
    prepare_cpu_processes(launched())  # without FSDP it is as good as any


def test_a_single_process_is_left_alone():
    config = Config({"launcher": "none"})
    prepare_cpu_processes(config)
    assert config.to_dict() == {"launcher": "none"}
    assert not distributed.is_initialized()


def test_other_launchers_are_refused_where_there_is_no_accelerator():
    if get_device() == "cpu":
        with pytest.raises(ValueError, match=r"--launcher slurm needs accelerators.*dist_train\.sh"):
            prepare_cpu_processes(Config({"launcher": "slurm"}))
    else:
        config = Config({"launcher": "slurm"})
        prepare_cpu_processes(config)
        assert config.to_dict() == {"launcher": "slurm"}


@pytest.mark.parametrize("seconds", [77, 0.5])
def test_the_timeout_of_the_config_is_the_groups(launched, seconds):
    prepare_cpu_processes(launched({"backend": "gloo", "timeout": seconds}))
    assert distributed.get_backend() == "gloo"
    assert group_timeout() == timedelta(seconds=seconds)


@pytest.mark.parametrize("dist_cfg", [{}, {"timeout": None}, {"init_backend": "torch"}])
def test_without_a_timeout_it_is_torchs(launched, dist_cfg):
    prepare_cpu_processes(launched(dist_cfg))
    assert group_timeout() == distributed.constants.default_pg_timeout


def test_a_backend_for_gpus_is_replaced_and_that_is_said(cpu, launched):
    prepare_cpu_processes(launched({"backend": "nccl"}))
    assert distributed.get_backend() == "gloo"
    assert cpu == ["no accelerator: processes talk over gloo, in place of dist_cfg's nccl"]


def test_gloo_is_taken_without_a_word(cpu, launched):
    prepare_cpu_processes(launched({"backend": "gloo"}))
    assert cpu == []


@pytest.mark.parametrize(
    ("dist_cfg", "told"),
    [
        ({"timeout": "1800s"}, "dist_cfg.timeout='1800s' must be a number of seconds"),
        ({"timeout": 1e300}, "must be a number of seconds"),
        ({"time_out": 1800}, "dist_cfg has time_out; it may have init_backend, backend, init_method, timeout"),
        ({"init_backend": "deepspeed"}, "init_backend='deepspeed' needs accelerators"),
    ],
)
def test_what_cannot_be_used_is_refused(launched, dist_cfg, told):
    with pytest.raises(ValueError, match=told):
        prepare_cpu_processes(launched(dist_cfg))
    assert not distributed.is_initialized()


@pytest.mark.parametrize("unused", [{}, {"find_unused_parameters": True}])
def test_the_model_is_wrapped_as_mmengines_runner_wraps_it(launched, monkeypatch, unused):
    """The oracle is what ``Runner.wrap_model`` gives the wrapper when no config speaks of it, but for the devices."""
    config = launched(**unused)
    prepare_cpu_processes(config)
    options = {}
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setattr("mmengine.runner.runner.MMDistributedDataParallel", lambda **kwargs: options.update(kwargs))
    runner = SimpleNamespace(distributed=True, cfg=Config(unused))
    Runner.wrap_model(runner, None, torch.nn.Linear(1, 1))
    del options["module"]
    assert config.model_wrapper_cfg == {**options, "type": "MMDistributedDataParallel", "device_ids": None}


def test_a_wrapper_of_the_config_keeps_its_options(launched):
    config = launched(model_wrapper_cfg={"type": "MMDistributedDataParallel", "broadcast_buffers": True})
    prepare_cpu_processes(config)
    assert config.model_wrapper_cfg == {
        "type": "MMDistributedDataParallel",
        "broadcast_buffers": True,
        "device_ids": None,
    }


def test_a_strategy_wraps_the_model_itself(launched, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.14.0")  # older ones are refused
    config = launched(strategy={"type": "cnxv2_mm.FSDPStrategy"})
    prepare_cpu_processes(config)
    assert "model_wrapper_cfg" not in config
