"""Which weights the new backbone starts from, and which are forgotten."""

import pytest
from mmengine.config import Config
from mmengine.model import PretrainedInit

from cnxv2_mm import zoo
from cnxv2_mm.swap.weights import default_weights, forget_old_weights


@pytest.mark.parametrize("arch", ["atto", "femto", "pico", "nano", "tiny", "base", "large", "huge"])
@pytest.mark.parametrize("scope", ["mmdet", "mmseg", "mmpretrain"])
def test_every_published_size_has_weights_for_every_task(arch, scope):
    assert zoo.WEIGHTS[default_weights(arch, scope)].size == arch


def test_a_size_without_weights_needs_a_choice():
    with pytest.raises(ValueError, match=r"for atto, [^()]*, huge\): give checkpoint.*'none' for a random start"):
        default_weights("small", "mmdet")


def test_a_frozen_backbone_starts_from_weights_that_were_fine_tuned():
    assert default_weights("tiny", "mmdet") == "convnextv2_tiny_fcmae"
    assert default_weights("tiny", "mmdet", freeze=True) == "convnextv2_tiny_in1k"


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


@pytest.mark.parametrize(
    "kind", ["Pretrained", "PretrainedInit", "mmengine.model.weight_init.PretrainedInit", PretrainedInit]
)
def test_whatever_stands_for_loading_a_file_is_forgotten(kind):
    owner = {"type": "FasterRCNN", "init_cfg": {"type": kind, "checkpoint": "faster.pth"}}
    (note,) = forget_old_weights(Config(), [owner])
    assert "init_cfg of FasterRCNN: 'faster.pth'" in note
    assert owner["init_cfg"] is None
    owner["init_cfg"] = {"type": "Normal", "layer": "Linear"}
    assert forget_old_weights(Config(), [owner]) == []
