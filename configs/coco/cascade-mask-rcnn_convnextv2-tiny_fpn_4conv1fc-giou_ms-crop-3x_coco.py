"""Cascade Mask R-CNN with ConvNeXt V2 Tiny on COCO, with the settings of ConvNeXt V1: base's recipe.

    torchrun --nproc_per_node 8 \
        tools/train.py configs/coco/cascade-mask-rcnn_convnextv2-tiny_fpn_4conv1fc-giou_ms-crop-3x_coco.py \
        --launcher pytorch

GPUs: 8 x 2 images = 16 [V1]. Expected: nothing is published for V2; V1 has box and mask AP 50.4 and 43.7 (its
repository); not run here.
The tags are those of base's file.
"""

_base_ = "./cascade-mask-rcnn_convnextv2-base_fpn_4conv1fc-giou_ms-crop-3x_coco.py"

model = dict(
    backbone=dict(arch="tiny", drop_path_rate=0.4, init_cfg=dict(checkpoint="convnextv2_tiny_in1k")),  # [V1] T, 1K
    neck=dict(in_channels=[96, 192, 384, 768]),
)
optim_wrapper = dict(optimizer=dict(lr=2e-4), paramwise_cfg=dict(layer_decay_rate=0.7))  # [V1] T, 1K
