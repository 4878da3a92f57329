"""What needs no processes; tests/tools/test_dist.py trains and resumes with FSDP."""

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.optim import OptimWrapper
from torch import nn
from torch.distributed.fsdp import (
    FullOptimStateDictConfig,
    FullStateDictConfig,
    FullyShardedDataParallel,
    StateDictType,
)

from cnxv2_mm.backbone import ConvNeXtV2Block
from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.training.fsdp import FSDPStrategy, check_hooks, convnext_blocks


def test_the_blocks_of_encoder_and_decoder_are_picked_and_nothing_else():
    model = FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": {"depths": (1, 2, 3, 1), "channels": (4, 4, 8, 8)}})
    picked = [module for module in model.modules() if convnext_blocks(module)]
    assert len(picked) == 1 + 2 + 3 + 1 + 1
    assert all(isinstance(module, ConvNeXtV2Block) for module in picked)
    assert convnext_blocks(nn.ReLU(), recurse=True, nonwrapped_numel=0)


def test_sharded_checkpoints_are_refused():
    with pytest.raises(ValueError, match="set it to 'full'"):
        FSDPStrategy(state_dict_cfg="local")


def test_averaged_weights_are_refused():
    """mmengine's hook copies the model, and fails with "cannot pickle 'module' object"."""
    hooks = [{"type": "ReportHook"}, {"type": "EMAHook", "momentum": 1e-4}]
    strategy = {"type": "cnxv2_mm.FSDPStrategy"}
    with pytest.raises(ValueError, match=r"EMAHook.*set custom_hooks=\[\]"):
        check_hooks(Config({"strategy": strategy, "custom_hooks": hooks}))
    with pytest.raises(ValueError, match="EMAHook"):  # classes in the place of names
        check_hooks(Config({"strategy": {"type": FSDPStrategy}, "custom_hooks": [{"type": EMAHook}]}))
    check_hooks(Config({"strategy": strategy, "custom_hooks": hooks[:1]}))
    check_hooks(Config({"custom_hooks": hooks}))


@pytest.fixture
def one_process(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_mmengines_wrapper_adds_is_stored_and_loaded(one_process):
    """A further group with the configured rate, which is scheduled, resumed and logged."""

    def strategy(rate):
        model = FullyShardedDataParallel(nn.Linear(2, 2), device_id=torch.device("cpu"), use_orig_params=True)
        settings = FullStateDictConfig(rank0_only=True), FullOptimStateDictConfig(rank0_only=True)
        FullyShardedDataParallel.set_state_dict_type(model, StateDictType.FULL_STATE_DICT, *settings)
        one = object.__new__(FSDPStrategy)
        groups = [{"params": [parameter]} for parameter in model.parameters()]
        one.model, one.optim_wrapper = model, OptimWrapper(torch.optim.AdamW(groups, lr=rate))
        one.optim_wrapper.update_params(model(torch.ones(1, 2)).sum())
        return one

    first, second = strategy(0.1), strategy(0.3)
    stored = first.optim_state_dict()
    added = first.optim_wrapper.state_dict()["base_param_settings"]
    assert stored["base_param_settings"] == added
    assert added["lr"] == 0.1
    second.load_optim_state_dict(stored)
    assert second.optim_wrapper.state_dict()["base_param_settings"]["lr"] == 0.1
