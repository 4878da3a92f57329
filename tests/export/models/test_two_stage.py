"""Faster, Mask and Cascade R-CNN: what mmdet finds in photographs, onnxruntime and OpenVINO find."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from sklearn.datasets import load_sample_image
from torch import Tensor

from cnxv2_mm.config.load import load_config
from cnxv2_mm.export.exported_model import ExportedModel
from cnxv2_mm.export.models.two_stage import TwoStageDetector
from cnxv2_mm.export.picture import Picture
from cnxv2_mm.export.whole_model import WholeModel
from tests.export.models.contract import check_targets
from tests.export.models.small_two_stage import CASCADE_MASK, FASTER, MASK, small_detector

CHINA = torch.from_numpy(load_sample_image("china.jpg")[None, 100:300, :250].copy())
FLOWER = torch.from_numpy(load_sample_image("flower.jpg")[None, 60:200, 200:403].copy())
BLANK = torch.zeros(1, 150, 180, 3, dtype=torch.uint8)


def whole(detector: Any) -> WholeModel:
    return WholeModel(Picture(detector.data_preprocessor, reads_rgb=False), TwoStageDetector(detector))


@torch.no_grad()
def best_score(model: WholeModel, image: Tensor) -> float:
    return model.reference(image)[1].max().item()


def check_finds_nothing(model: WholeModel, image: Tensor, folder: Path) -> None:
    """The files that were written find nothing in an image, as the model itself."""
    with torch.no_grad():
        expected = [values.numpy() for values in model.reference(image)]
    assert len(expected[0]) == 0
    for file in (folder / "model.onnx", folder / "model.xml"):
        for values, those in zip(ExportedModel(file)(image.numpy()).values(), expected, strict=True):
            assert values.shape == those.shape


def test_mask_rcnn_finds_the_same_in_images_of_any_size(tmp_path):
    detector = small_detector(MASK)
    model = whole(detector)
    worst, *others = sorted([CHINA, FLOWER, BLANK], key=lambda image: best_score(model, image))
    threshold = best_score(model, worst) + 0.001
    detector.test_cfg.rcnn.score_thr = detector.roi_head.test_cfg.score_thr = threshold
    model = whole(detector)
    for found in check_targets(model, others, tmp_path, dynamic=True):
        assert list(found) == ["boxes", "scores", "labels", "masks"]
        assert 0 < found["masks"].mean() < 0.5
    check_finds_nothing(model, worst, tmp_path)


@torch.no_grad()
def test_in_half_precision_proposals_are_found_in_float32():
    """Of proposals many are almost as good as others: float16 would rank them anew."""
    detector = small_detector(MASK)
    expected = {
        "backbone.stages.0.0.pwconv1": torch.float16,
        "rpn_head.rpn_conv": torch.float32,
        "rpn_head.rpn_cls": torch.float32,
        "roi_head.bbox_head.shared_fcs.0": torch.float16,
    }
    seen = {}
    for name in expected:
        layer = detector.get_submodule(name)
        layer.register_forward_hook(lambda module, args, output, name=name: seen.update({name: output.dtype}))
    WholeModel(Picture(detector.data_preprocessor, reads_rgb=False), TwoStageDetector(detector), fp16=True)(CHINA)
    assert seen == expected


def test_cascade_mask_rcnn_finds_the_same(tmp_path):
    check_targets(whole(small_detector(CASCADE_MASK)), [CHINA, CHINA.flip(2)], tmp_path, dynamic=False)


def no_proposals(config: Any) -> None:
    """No box is as large as these have to be, in a small picture."""
    config.test_cfg.rpn.min_bbox_size = 160


def test_faster_rcnn_finds_the_same_or_nothing(tmp_path):
    model = whole(small_detector(FASTER, no_proposals))
    (found,) = check_targets(model, [CHINA], tmp_path, dynamic=True)
    assert list(found) == ["boxes", "scores", "labels"]
    check_finds_nothing(model, BLANK, tmp_path)


TRAINED_IN_ANOTHER_WAY = [
    "mmdet::dynamic_rcnn/dynamic-rcnn_r50_fpn_1x_coco.py",
    "mmdet::pisa/faster-rcnn_r50_fpn_pisa_1x_coco.py",
]


@pytest.mark.parametrize("name", TRAINED_IN_ANOTHER_WAY)
@torch.no_grad()
def test_heads_that_differ_only_in_training_are_taken(name):
    model = whole(small_detector(name))
    for values, those in zip(model(CHINA), model.reference(CHINA), strict=True):
        torch.testing.assert_close(values, those, atol=1e-4, rtol=1e-4)


REFUSED = {
    "mmdet::ms_rcnn/ms-rcnn_r50-caffe_fpn_1x_coco.py": "MaskScoringRoIHead cannot be exported: its predict_mask ",
    "mmdet::htc/htc-without-semantic_r50_fpn_1x_coco.py": "HybridTaskCascadeRoIHead cannot be exported: its predict ",
    "mmdet::grid_rcnn/grid-rcnn_r50_fpn_gn-head_1x_coco.py": "GridRoIHead cannot be exported: its predict_bbox ",
    "mmdet::cascade_rpn/cascade-rpn_faster-rcnn_r50-caffe_fpn_1x_coco.py": "CascadeRPNHead cannot be exported: ",
    "mmdet::sabl/sabl-faster-rcnn_r50_fpn_1x_coco.py": "SABLHead cannot be exported: its _predict_by_feat_single ",
    "mmdet::panoptic_fpn/panoptic-fpn_r50_fpn_1x_coco.py": "PanopticFPN cannot be exported: its predict ",
    "mmdet::fast_rcnn/fast-rcnn_r50_fpn_1x_coco.py": "FastRCNN cannot be exported: it has no rpn_head",
}


@pytest.mark.parametrize(("name", "reason"), REFUSED.items())
def test_what_is_computed_in_another_way_is_refused_by_name(name, reason):
    model = load_config(name).model
    init_default_scope("mmdet")
    model.backbone = {"type": "cnxv2_mm.ConvNeXtV2", "arch": "atto"}
    with pytest.raises(ValueError, match=reason) as refusal:
        TwoStageDetector(MODELS.build(model))
    assert "\n" not in str(refusal.value)
