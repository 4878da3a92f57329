"""Published configs are found, and what is in them."""

import sys

import pytest

from benchmarks.swap.published import backbones_of, describe, family_of, importable, library_of, list_configs
from tests.benchmarks.swap.examples import RETINANET


def test_all_published_configs_are_found():
    """As many as there are files, but for those that others inherit from."""
    configs = list_configs()
    assert len(configs) == len(set(configs)) > 2000
    assert RETINANET in configs
    assert not any("::_base_" in name for name in configs)
    assert list_configs("mmdet/retinanet/retinanet_r18_fpn_1x_coco.py") == [RETINANET]
    assert {family_of(name) for name in list_configs("mmseg/pspnet")} == {"mmseg/pspnet"}
    with pytest.raises(ValueError, match="--only mmdet/retina names no published config"):
        list_configs("mmdet/retina")


def test_backbones_are_found_wherever_they_are():
    model = {
        "type": "mmdet.Wrapper",
        "detector": {"type": "A", "backbone": {"type": "mmpretrain.ResNet"}, "neck": [{"type": "N1"}, {"type": "N2"}]},
        "roi_head": {"type": "R", "bbox_head": [{"type": "B"}, {"type": "B"}]},
        "teacher_backbone": {"type": "HRNet"},
        "image_encoder": [{"type": "SwinTransformer"}, {"type": "GlobalAveragePooling"}],
    }
    assert backbones_of(model) == ["ResNet", "SwinTransformer"]
    assert describe(model) == "Wrapper, A, N1, N2, R, B"
    assert backbones_of({"type": "A", "backbone": {"type": "ConvNeXt"}, "loss": {"type": "ResNetLoss"}}) == []


def test_mmyolo_has_backbones_of_its_own():
    model = {"type": "YOLODetector", "backbone": {"type": "YOLOv8CSPDarknet"}}
    assert backbones_of(model) == []
    assert backbones_of(model, library_of("mmyolo::yolov8/yolov8_n.py")) == ["YOLOv8CSPDarknet"]
    assert backbones_of({"backbone": {"type": "mmdet.ResNet"}}, "mmyolo") == ["ResNet"]


def test_a_library_that_refuses_the_versions_of_others_is_not_walked(tmp_path, monkeypatch):
    """As mmyolo does beside a newer mmcv; what else is wrong with a library is raised."""
    import mmdet

    for name, line in (("mmpose", "__version__ = '1.2.3'"), ("mmyolo", "assert False, 'install mmcv<2.1.0'")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(line)
    monkeypatch.syspath_prepend(tmp_path)
    found = importable()
    del sys.modules["mmpose"]
    assert (found["mmpose"], found["mmdet"]) == ("1.2.3", mmdet.__version__)
    assert "mmyolo" not in found
