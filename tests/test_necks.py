"""The neck that changes the memory format and nothing else."""

import torch
from mmengine.registry import MODELS

from cnxv2_mm import ConvNeXtV2
from tests.conftest import photographs


def test_maps_keep_their_values_and_can_be_viewed():
    neck = MODELS.build({"type": "cnxv2_mm.ContiguousMaps"})
    before = ConvNeXtV2("atto")(photographs(2))
    after = neck(before)
    for a, b in zip(after, before, strict=True):
        assert torch.equal(a, b)
        assert a.view(-1).shape == (b.numel(),)
