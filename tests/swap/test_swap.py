"""Whole configs, swapped, built and trained for a step."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.config.load import load_config
from cnxv2_mm.swap import SwapRefused, swap_backbone, swap_config
from cnxv2_mm.swap.swap import _sites
from tests.conftest import photographs
from tests.swap.files import save_backbone
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


def test_weights_of_clip_bring_their_size_and_their_images():
    swapped = swap_config("mmdet::retinanet/retinanet_r50_fpn_1x_coco.py", checkpoint="convnext_base.clip_laion2b")
    model = swapped.config.model
    assert (model.backbone.arch, model.backbone.use_grn, model.neck.in_channels) == ("base", False, [256, 512, 1024])
    # openai/CLIP @ dcba3cb, clip/clip.py, for images in 0 ... 1
    assert [x / 255 for x in model.data_preprocessor.mean] == pytest.approx([0.48145466, 0.4578275, 0.40821073])
    assert [x / 255 for x in model.data_preprocessor.std] == pytest.approx([0.26862954, 0.26130258, 0.27577711])
    assert any("RGB with CLIP's mean" in note for note in swapped.notes)


def test_weights_that_do_not_fit_the_config_are_refused(tmp_path):
    """A file for other images, and one that ends before the last stage that the neck reads."""
    for arguments, kind in (({"in_channels": 5}, "other channels"), ({"out_indices": (1,)}, "weights")):
        _, file = save_backbone(tmp_path / "mine.pth", **arguments)
        with pytest.raises(SwapRefused) as caught:
            swap_backbone("mmdet::retinanet/retinanet_r50_fpn_1x_coco.py", checkpoint=file)
        assert caught.value.kind == kind


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


def segmenter(backbone, in_channels):
    head = {"type": "FCNHead", "in_channels": in_channels, "in_index": 0, "channels": 8, "num_classes": 3}
    return Config(
        {"model": {"type": "EncoderDecoder", "backbone": backbone, "decode_head": head}, "default_scope": "mmseg"}
    )


# HRNet-W32 with its finest map alone, as mmpose's heat map heads read it.
HRNET_OF_ONE_MAP = {
    "type": "HRNet",
    "multiscale_output": False,
    "extra": {
        f"stage{i}": {
            "num_modules": modules,
            "num_branches": i,
            "block": "BASIC" if i > 1 else "BOTTLENECK",
            "num_blocks": (4,) * i,
            "num_channels": (32, 64, 128, 256)[:i] if i > 1 else (64,),
        }
        for i, modules in enumerate((1, 1, 4, 3), start=1)
    },
}


def test_a_deep_network_with_one_fine_map_is_refused():
    with pytest.raises(SwapRefused, match=r"28\.5 M parameters") as caught:
        swap_backbone(segmenter(HRNET_OF_ONE_MAP, 32), checkpoint="none")
    assert caught.value.kind == "scales mixed inside"


@pytest.mark.parametrize("arch", ["atto", "tiny"])
def test_the_whole_network_takes_the_place_of_a_transformer_of_one_stride(arch):
    vit = {"type": "VisionTransformer", "img_size": 224, "embed_dims": 192, "num_heads": 3, "out_indices": 11}
    swapped = swap_config(segmenter(vit, 192), arch, checkpoint="none")
    backbone = ConvNeXtV2(arch, out_indices=(3,), output_stride=16)
    assert swapped.config.model.backbone.output_stride == 16
    assert swapped.config.model.backbone.out_indices == (3,)
    assert f"-> {sum(p.numel() for p in backbone.parameters()) / 1e6:.3g} M parameters" in swapped.notes[0]


def test_stages_that_are_left_out_and_a_smaller_network_are_named():
    """The network of ResNet-50 before its last stage, as C4 detectors have it."""
    resnet = {"type": "ResNet", "depth": 50, "num_stages": 3, "strides": (1, 2, 2), "dilations": (1, 1, 1)}
    swapped = swap_config(segmenter({**resnet, "out_indices": (2,)}, 1024), "tiny", checkpoint="none")
    assert "8.54 M -> 12.4 M parameters" in swapped.notes[0]  # torchvision's: conv1, bn1, layer1 to layer3
    assert any("only its first 3 of 4 stages are used" in note for note in swapped.notes)
    assert not any("quarter" in note for note in swapped.notes)
    smaller = swap_config("mmdet::retinanet/retinanet_r50_fpn_1x_coco.py", "atto", checkpoint="none")
    assert "23.5 M -> 3.39 M parameters" in smaller.notes[0]
    assert any("less than a quarter of the old one's parameters" in note for note in smaller.notes)


def test_what_else_the_old_backbone_says_of_itself_is_kept():
    resnet = {"type": "ResNet", "depth": 18, "in_channels": 8, "with_cp": True}
    backbone = swap_backbone(segmenter({**resnet, "out_indices": (3,)}, 512), "atto", checkpoint="none").model.backbone
    assert (backbone.in_channels, backbone.with_cp) == (8, True)
    plain = swap_backbone(segmenter({"type": "ResNet", "depth": 18, "out_indices": (3,)}, 512), checkpoint="none")
    assert not {"in_channels", "with_cp"} & set(plain.model.backbone)


def test_types_are_looked_up_in_the_nearest_scope():
    """As mmocr wraps mmdet's detectors; the types of the parts have no prefix."""
    detector = load_config("mmdet::retinanet/retinanet_r18_fpn_1x_coco.py").model
    wrapped = {"type": "MMDetWrapper", "_scope_": "mmseg", "cfg": {**detector, "_scope_": "mmdet"}}
    swapped = swap_config(Config({"model": wrapped, "default_scope": "mmpretrain"}), "tiny")
    inner = swapped.config.model.cfg
    assert inner.neck.in_channels == [192, 384, 768]
    assert inner.backbone.init_cfg.checkpoint == "convnextv2_tiny_fcmae"  # a detector's


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
