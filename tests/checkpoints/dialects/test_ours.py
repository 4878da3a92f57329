"""Our own names: every tensor of every network of this package has a place in the table."""

import pytest
from torch import nn

from cnxv2_mm import FCMAE, ConvNeXtV2
from cnxv2_mm.checkpoints.dialects import OURS
from cnxv2_mm.checkpoints.translate import from_ours, to_ours
from tests.checkpoints.peers import SMALL, build_mmpretrain

ARCH = {"depths": SMALL.depths, "channels": SMALL.channels}


def assert_has_a_place_for_all_of(model: nn.Module) -> None:
    state = model.state_dict()
    translation = to_ours(state)
    assert translation.dialect is OURS
    assert not translation.unknown
    assert not translation.dropped
    assert from_ours(translation.tensors, OURS).tensors.keys() == state.keys()


@pytest.mark.parametrize("grn", ["grn", "bn", "cbam", "se", "ln", "lrn"])
@pytest.mark.parametrize("decoder", ["FCMAEDecoder", "TransformerDecoder", "UNetDecoder"])
def test_pre_trainers(decoder, grn):
    backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": ARCH, "grn": grn}
    width = {} if decoder == "UNetDecoder" else {"width": 16}
    heads = {"num_heads": 2} if decoder == "TransformerDecoder" else {}
    assert_has_a_place_for_all_of(FCMAE(backbone, {"type": f"cnxv2_mm.{decoder}", **width, **heads}))


@pytest.mark.parametrize("v1", [False, True], ids=["v2", "v1"])
def test_classifiers(v1):
    assert_has_a_place_for_all_of(build_mmpretrain(SMALL, v1, backbone="cnxv2_mm.ConvNeXtV2"))


def test_backbones_with_a_norm_behind_every_stage():
    assert_has_a_place_for_all_of(nn.ModuleDict({"backbone": ConvNeXtV2(ARCH, out_indices=(0, 1, 2, 3))}))
