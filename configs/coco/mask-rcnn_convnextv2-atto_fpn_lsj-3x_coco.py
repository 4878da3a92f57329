"""Mask R-CNN with ConvNeXt V2 Atto on COCO: base's recipe.

    torchrun --nproc_per_node 8 tools/train.py configs/coco/mask-rcnn_convnextv2-atto_fpn_lsj-3x_coco.py \
        --launcher pytorch

GPUs: 8 x 4 images = 32 [P A.3]. Expected: nothing is published for this size; not run here.
The tags are those of base's file.
"""

_base_ = "./mask-rcnn_convnextv2-base_fpn_lsj-3x_coco.py"

model = dict(
    backbone=dict(
        arch="atto",
        drop_path_rate=0.1,  # [ours]: that of its fine-tuning, table 9
        init_cfg=dict(checkpoint="convnextv2_atto_fcmae"),
    ),
    neck=dict(in_channels=[40, 80, 160, 320]),
)
