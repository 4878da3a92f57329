"""Mask R-CNN with ConvNeXt V2 Tiny on COCO: base's recipe.

    torchrun --nproc_per_node 8 tools/train.py configs/coco/mask-rcnn_convnextv2-tiny_fpn_lsj-3x_coco.py \
        --launcher pytorch

GPUs: 8 x 4 images = 32 [P A.3]. Expected: nothing is published for this size; not run here.
The tags are those of base's file; [V1] facebookresearch/ConvNeXt @ 048efce.
"""

_base_ = "./mask-rcnn_convnextv2-base_fpn_lsj-3x_coco.py"

model = dict(
    backbone=dict(
        arch="tiny",
        drop_path_rate=0.4,  # [V1] for Mask R-CNN; in the sweep of [P A.3]
        init_cfg=dict(checkpoint="convnextv2_tiny_fcmae"),
    ),
    neck=dict(in_channels=[96, 192, 384, 768]),
)
