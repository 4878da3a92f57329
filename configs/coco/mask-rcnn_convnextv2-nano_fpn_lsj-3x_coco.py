"""Mask R-CNN with ConvNeXt V2 Nano on COCO: base's recipe.

    torchrun --nproc_per_node 8 tools/train.py configs/coco/mask-rcnn_convnextv2-nano_fpn_lsj-3x_coco.py \
        --launcher pytorch

GPUs: 8 x 4 images = 32 [P A.3]. Expected: nothing is published for this size; not run here.
The tags are those of base's file.
"""

_base_ = "./mask-rcnn_convnextv2-base_fpn_lsj-3x_coco.py"

model = dict(
    backbone=dict(
        arch="nano",
        drop_path_rate=0.1,  # [ours]: that of its fine-tuning, table 9
        init_cfg=dict(checkpoint="convnextv2_nano_fcmae"),
    ),
    neck=dict(in_channels=[80, 160, 320, 640]),
)
