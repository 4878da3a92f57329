"""Mask R-CNN with ConvNeXt V2 Huge on COCO: base's recipe.

    torchrun --nnodes 4 --nproc_per_node 8 tools/train.py configs/coco/mask-rcnn_convnextv2-huge_fpn_lsj-3x_coco.py \
        --launcher pytorch

GPUs: 32 x 1 images = 32 [P A.3]. Expected: box AP 55.7, mask AP 48.9 (paper, table 6; not run here).
The tags are those of base's file.
"""

_base_ = "./mask-rcnn_convnextv2-base_fpn_lsj-3x_coco.py"

model = dict(
    backbone=dict(
        arch="huge",
        drop_path_rate=0.5,  # [ours]: the end of the sweep of [P A.3]
        with_cp=True,  # [ours]: memory
        init_cfg=dict(checkpoint="convnextv2_huge_fcmae"),
    ),
    neck=dict(in_channels=[352, 704, 1408, 2816]),
)
train_dataloader = dict(batch_size=1)
# [ours], as for large: bfloat16, but boxes and the maps that they pool in float32
optim_wrapper = dict(dtype="bfloat16", loss_scale=dict(enabled=False))
custom_hooks = [dict(type="cnxv2_mm.Float32OutputHook", part="neck")]
