"""Which weights the new backbone starts from, and which are forgotten."""

import pytest
from mmengine.config import Config
from mmengine.model import PretrainedInit

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


def test_files_names_and_addresses_are_taken_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "epoch_100.pth").touch()
    (tmp_path / "convnextv2_mine").touch()  # a file, though it is written like a name
    for checkpoint in ("epoch_100.pth", "convnextv2_mine", "timm:convnextv2_tiny_fcmae", "s3://bucket/epoch_100.pth"):
        init = init_cfg("tiny", checkpoint, "mmdet", 8)
        assert init == {"type": "cnxv2_mm.Pretrained", "checkpoint": checkpoint}


@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [
        ("convnextv2_tiny_fcme", "did you mean convnextv2_tiny_fcmae"),
        ("convnext2_tiny_fcmae", "no name of the zoo; did you mean convnextv2_tiny_fcmae"),
        ("nope", "'nope' is no file here, no address"),
        ("my/epoch_100.pth", "'my/epoch_100.pth' is no file here"),
        (".", "is no file here"),
    ],
)
def test_what_is_none_of_them_is_refused(checkpoint, message):
    with pytest.raises(ValueError, match=message):
        init_cfg("tiny", checkpoint, "mmdet", 3)


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
