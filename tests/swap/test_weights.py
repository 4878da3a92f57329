"""Which weights the new backbone starts from, and which are forgotten."""

import pytest
from mmengine.config import Config

from cnxv2_mm import zoo
from cnxv2_mm.swap.refusal import SwapRefused
from cnxv2_mm.swap.weights import default_weights, forget_old_weights, init_cfg


@pytest.mark.parametrize("arch", ["atto", "femto", "pico", "nano", "tiny", "base", "large", "huge"])
@pytest.mark.parametrize("scope", ["mmdet", "mmseg", "mmpretrain"])
def test_every_published_size_has_weights_for_every_task(arch, scope):
    assert zoo.WEIGHTS[default_weights(arch, scope)].size == arch


def test_a_size_without_weights_needs_a_choice():
    with pytest.raises(ValueError, match="'none' for a random start"):
        default_weights("small", "mmdet")
    assert init_cfg("small", "none", "mmdet", 3) is None


def test_a_file_is_taken_as_it_is_and_a_misspelt_name_is_not():
    assert init_cfg("tiny", "my/epoch_100.pth", "mmdet", 8) == {
        "type": "cnxv2_mm.Pretrained",
        "checkpoint": "my/epoch_100.pth",
    }
    with pytest.raises(ValueError, match="did you mean convnextv2_tiny_fcmae"):
        init_cfg("tiny", "convnextv2_tiny_fcme", "mmdet", 3)


def test_other_channels_need_a_choice():
    with pytest.raises(SwapRefused, match="8 channels"):
        init_cfg("tiny", None, "mmdet", 8)


def test_weights_of_the_old_network_are_forgotten():
    """mmengine would load the detector's file and skip the init_cfg of the backbone inside it."""
    detector = {"type": "FasterRCNN", "init_cfg": {"type": "Pretrained", "checkpoint": "faster.pth"}, "backbone": {}}
    other = {"init_cfg": {"type": "Pretrained", "checkpoint": "reid.pth"}}
    config = Config({"model": {"pretrained": "open", "detector": detector, "reid": other}, "load_from": "all.pth"})
    notes = forget_old_weights(config, [config.model, config.model.detector])
    assert config.load_from is None
    assert config.model.pretrained is None
    assert config.model.detector.init_cfg is None
    assert config.model.reid.init_cfg == other["init_cfg"]
    assert all(name in notes[0] for name in ("open", "faster.pth", "all.pth"))
    assert forget_old_weights(config, [config.model]) == []
