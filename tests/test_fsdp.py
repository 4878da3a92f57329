"""What needs no processes; tests/tools/test_dist.py trains and resumes with FSDP."""

import pytest
from mmengine.config import Config
from torch import nn

from cnxv2_mm.backbone import ConvNeXtV2Block
from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.fsdp import FSDPStrategy, check_hooks, convnext_blocks


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
    check_hooks(Config({"strategy": strategy, "custom_hooks": hooks[:1]}))
    check_hooks(Config({"custom_hooks": hooks}))
