"""Configs with imports: swapped into files of the usual kind, which stock mmengine loads and which build."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.config.load import load_config
from cnxv2_mm.swap import short_config, swap_config
from cnxv2_mm.swap.new_style import is_new_style, with_type_names

# As mmdet's repository has them in mmdet/configs; packages ship without that folder.
RUNTIME = """
from mmdet.visualization import DetLocalVisualizer
from mmengine.visualization import LocalVisBackend
from torch.optim.adamw import AdamW

default_scope = None
visualizer = dict(type=DetLocalVisualizer, vis_backends=[dict(type=LocalVisBackend)])
optim_wrapper = dict(optimizer=dict(type=AdamW, lr=2e-4))
"""
DETECTOR = """
from mmengine.config import read_base

with read_base():
    from .runtime import *

from mmdet.models import FPN, DetDataPreprocessor, FocalLoss, L1Loss, ResNet, RetinaHead, RetinaNet
from mmdet.models.task_modules import AnchorGenerator, DeltaXYWHBBoxCoder
from mmengine.model import PretrainedInit

model = dict(
    type=RetinaNet, init_cfg=dict(type=PretrainedInit, checkpoint="detector.pth"),
    data_preprocessor=dict(type=DetDataPreprocessor, mean=[0.0] * 3, std=[1.0] * 3, bgr_to_rgb=False),
    backbone=dict(type=ResNet, depth=18, init_cfg=dict(type=PretrainedInit, checkpoint="open")),
    neck=dict(type=FPN, in_channels=[64, 128, 256, 512], out_channels=32, start_level=1, num_outs=5),
    bbox_head=dict(
        type=RetinaHead, num_classes=3, in_channels=32, stacked_convs=1, feat_channels=32,
        anchor_generator=dict(type=AnchorGenerator, octave_base_scale=4, scales_per_octave=3,
            ratios=[1.0], strides=[8, 16, 32, 64, 128]),
        bbox_coder=dict(type=DeltaXYWHBBoxCoder), loss_cls=dict(type=FocalLoss), loss_bbox=dict(type=L1Loss)))
"""


@pytest.fixture
def detector(tmp_path):
    (tmp_path / "runtime.py").write_text(RUNTIME)
    file = tmp_path / "detector.py"
    file.write_text(DETECTOR)
    return file


@pytest.mark.parametrize("optimizer", ["adamw", "keep"])
def test_the_swapped_file_loads_and_builds(detector, tmp_path, optimizer):
    swapped = swap_config(detector, "atto", checkpoint="none", optimizer=optimizer)
    new = tmp_path / "new.py"
    new.write_text(short_config(swapped.config, str(detector), tmp_path, swapped.notes))
    loaded = Config.fromfile(new)
    assert not is_new_style(loaded)
    assert loaded.to_dict() == swapped.config.to_dict()
    assert loaded.model.type == "mmdet.models.RetinaNet"
    assert loaded.model.init_cfg is None
    assert loaded.model.data_preprocessor.mean == [123.675, 116.28, 103.53]
    assert loaded.model.neck.in_channels == [80, 160, 320]
    assert loaded.optim_wrapper.optimizer.lr == 2e-4  # an AdamW keeps its rate
    init_default_scope(loaded.default_scope)
    with torch.device("meta"):
        model = MODELS.build(loaded.model)
        MODELS.build(load_config(str(detector)).model)  # the old one builds too: nothing of it was changed
    assert isinstance(model.backbone, ConvNeXtV2)
    assert model.bbox_head.num_classes == 3


def test_the_weights_are_those_of_the_task(detector):
    """The library is known from the model alone: new-style configs have no scope."""
    assert swap_config(detector).config.model.backbone.init_cfg.checkpoint == "convnextv2_tiny_fcmae"


def test_objects_that_have_no_name_there_are_refused(tmp_path):
    file = tmp_path / "odd.py"
    file.write_text("from torch import float16\nmodel = dict(heads=[dict(dtype=float16)])\n")
    with pytest.raises(ValueError, match=r"odd\.py: model\.heads\[0\]\.dtype is an imported object"):
        with_type_names(load_config(str(file)))
    usual = Config({"a": 1})
    assert with_type_names(usual) is usual
