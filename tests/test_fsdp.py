"""What needs no processes; tests/tools/test_dist.py trains and resumes with FSDP."""

import pytest
from torch import nn

from cnxv2_mm.backbone import ConvNeXtV2Block
from cnxv2_mm.fcmae import FCMAE
from cnxv2_mm.fsdp import FSDPStrategy, convnext_blocks


def test_the_blocks_of_encoder_and_decoder_are_picked_and_nothing_else():
    model = FCMAE({"type": "cnxv2_mm.ConvNeXtV2", "arch": {"depths": (1, 2, 3, 1), "channels": (4, 4, 8, 8)}})
    picked = [module for module in model.modules() if convnext_blocks(module)]
    assert len(picked) == 1 + 2 + 3 + 1 + 1
    assert all(isinstance(module, ConvNeXtV2Block) for module in picked)
    assert convnext_blocks(nn.ReLU(), recurse=True, nonwrapped_numel=0)


def test_sharded_checkpoints_are_refused():
    with pytest.raises(ValueError, match="set it to 'full'"):
        FSDPStrategy(state_dict_cfg="local")
