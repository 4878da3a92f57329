"""Whole configs, swapped, built and trained for a step."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.runner_config import load_config
from cnxv2_mm.swap import SwapRefused, swap_backbone, swap_config
from cnxv2_mm.swap.config import _sites
from tests.conftest import photographs
from tests.swap.published import CONFIGS


def build(config):
    init_default_scope(config.default_scope)
    model = MODELS.build(config.model)
    assert any(isinstance(module, ConvNeXtV2) for module in model.modules())
    return model


def all_finite(losses):
    values = [v for loss in losses.values() for v in (loss if isinstance(loss, list) else [loss])]
    return bool(torch.isfinite(torch.stack([v.sum() for v in values])).all())


# The one with a tracker around it needs packages that only tracking does.
@pytest.mark.parametrize("name", [name for name in CONFIGS if "deepsort" not in name and "soft_teacher" not in name])
def test_the_whole_model_builds(name):
    with torch.device("meta"):
        build(swap_backbone(name, "atto", checkpoint="none"))


def test_a_dc5_detector_trains():
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    model = build(swap_backbone("mmdet::faster_rcnn/faster-rcnn_r50-caffe-dc5_1x_coco.py", "atto", checkpoint="none"))
    assert model.backbone.out_strides == (16,)
    sample = DetDataSample(metainfo={"img_shape": (96, 64), "pad_shape": (96, 64), "batch_input_shape": (96, 64)})
    sample.gt_instances = InstanceData(bboxes=torch.tensor([[8.0, 8.0, 40.0, 60.0]]), labels=torch.tensor([3]))
    losses = model(photographs(1), [sample], mode="loss")
    assert all_finite(losses)


def test_a_dilated_segmenter_trains():
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    config = swap_backbone(
        "mmseg::deeplabv3plus/deeplabv3plus_r18-d8_4xb2-80k_cityscapes-512x1024.py", "atto", checkpoint="none"
    )
    model = build(config)
    assert model.backbone.out_strides == (4, 8, 8)  # the second stage's map is read by no head
    samples = [SegDataSample(gt_sem_seg=PixelData(data=torch.ones(1, 96, 64, dtype=torch.long))) for _ in range(2)]
    for sample in samples:
        sample.set_metainfo({"img_shape": (96, 64)})
    for module in model.modules():  # a batch norm over 1 x 1 cells needs more images than this
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
    assert all_finite(model(photographs(2), samples, mode="loss"))


def test_a_classifier_pools_before_the_last_norm():
    """As the published weights were trained; the neck would average normed cells."""
    config = swap_backbone("mmpretrain::resnet/resnet18_8xb32_in1k.py", "atto", checkpoint="none")
    model = build(config)
    assert model.neck is None
    assert model.extract_feat(photographs(2))[-1].shape == (2, 320)
    assert model.head.fc.in_features == 320


def test_learning_rates_fall_towards_the_stem():
    config = swap_backbone("mmdet::retinanet/retinanet_r50_fpn_1x_coco.py", "tiny")
    assert config.model.backbone.init_cfg == {"type": "cnxv2_mm.Pretrained", "checkpoint": "convnextv2_tiny_fcmae"}
    with torch.device("meta"):
        model = build(config)
    groups = build_optim_wrapper(model, config.optim_wrapper).param_groups
    # tiny has 18 blocks.
    assert min(group["lr"] for group in groups) == pytest.approx(1e-4 * 0.9**18)


def test_the_given_config_and_its_optimiser_are_left_alone():
    old = load_config("mmdet::retinanet/retinanet_r50_fpn_1x_coco.py")
    before = old.to_dict()
    new = swap_backbone(old, "tiny", optimizer="keep")
    assert old.to_dict() == before
    assert new.optim_wrapper == old.optim_wrapper
    assert new.param_scheduler == old.param_scheduler


def test_imports_are_added_to_those_of_the_config():
    old = load_config("mmdet::convnext/mask-rcnn_convnext-t-p4-w7_fpn_amp-ms-crop-3x_coco.py")
    assert old.custom_imports.imports == ["mmpretrain.models"]
    new = swap_backbone(old)
    assert new.custom_imports == {"imports": ["mmpretrain.models", "cnxv2_mm"], "allow_failed_imports": False}


def test_every_backbone_of_nested_models_is_swapped():
    config = swap_backbone(
        "mmdet::deepsort/deepsort_faster-rcnn_r50_fpn_8xb2-4e_mot17halftrain_test-mot17halfval.py", "tiny"
    )
    assert config.model.detector.backbone.type == config.model.reid.backbone.type == "cnxv2_mm.ConvNeXtV2"
    assert config.model.detector.neck.in_channels == [96, 192, 384, 768]
    assert config.model.reid.head.in_channels == 768
    assert config.model.detector.init_cfg is None


def test_what_made_the_method_is_named():
    swapped = swap_config(
        "mmdet::gcnet/cascade-mask-rcnn_x101-32x4d-syncbn-dconv-c3-c5-r4-gcb-c3-c5_fpn_1x_coco.py", "tiny"
    )
    assert any("dcn, plugins" in note for note in swapped.notes)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mmdet::faster_rcnn/faster-rcnn_r50-caffe-c4_ms-1x_coco.py", "shared last stage"),
        ("mmdet::tridentnet/tridentnet_r50-caffe_1x_coco.py", "other outputs in training"),
        ("mmdet::detectors/detectors_cascade-rcnn_r50_1x_coco.py", "strides"),
        ("mmseg::unet/unet-s5-d16_fcn_4xb4-40k_chase-db1-128x128.py", "scales mixed inside"),
        ("mmseg::hrnet/fcn_hr18s_4xb2-40k_cityscapes-512x1024.py", "scales mixed inside"),
        ("mmseg::icnet/icnet_r50-d8_4xb2-80k_cityscapes-832x832.py", "wraps a backbone"),
    ],
)
def test_backbones_that_are_the_method_are_refused(name, kind):
    with pytest.raises(SwapRefused) as caught:
        swap_backbone(name)
    assert caught.value.kind == kind


def test_wrong_arguments():
    with pytest.raises(SwapRefused, match="no model"):
        swap_backbone(Config({"a": 1}))
    with pytest.raises(SwapRefused, match="no part with a backbone"):
        swap_backbone(Config({"model": {"type": "X"}}))
    with pytest.raises(ValueError, match="optimizer='sgd'"):
        swap_backbone(Config({"model": {}}), optimizer="sgd")
    with pytest.raises(ValueError, match="arch='big'"):
        swap_backbone(Config({"model": {}}), "big")


def test_the_teacher_of_a_distillation_is_no_site():
    student = {"type": "ResNet"}
    teacher = {"teacher_config": {"model": {"backbone": dict(student)}}, "teacher_ckpt": "teacher.pth"}
    assert [site[-1]["backbone"] for site in _sites({"backbone": student, **teacher}, ())] == [student]
