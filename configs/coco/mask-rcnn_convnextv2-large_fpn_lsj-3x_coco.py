"""Mask R-CNN with ConvNeXt V2 Large on COCO: base's recipe.

    torchrun --nnodes 2 --nproc_per_node 8 tools/train.py configs/coco/mask-rcnn_convnextv2-large_fpn_lsj-3x_coco.py \
        --launcher pytorch

GPUs: 16 x 2 images = 32 [P A.3]. Expected: box AP 54.4, mask AP 47.7 (paper, table 6; not run here).
The tags are those of base's file; [V1] facebookresearch/ConvNeXt @ 048efce.
"""

_base_ = "./mask-rcnn_convnextv2-base_fpn_lsj-3x_coco.py"

model = dict(
    backbone=dict(
        arch="large",
        drop_path_rate=0.5,  # [ours]: the end of the sweep of [P A.3], a step above base
        init_cfg=dict(checkpoint="convnextv2_large_fcmae"),
    ),
    neck=dict(in_channels=[192, 384, 768, 1536]),
)
train_dataloader = dict(batch_size=2)
# [V1] has fp16 off in this size. [ours]: bfloat16, which has float32's range and needs no loss scaling. Boxes and the
# maps that they pool stay in float32: bfloat16 would move a box by up to 2 pixels.
optim_wrapper = dict(dtype="bfloat16", loss_scale=dict(enabled=False))
custom_hooks = [dict(type="cnxv2_mm.Float32OutputHook", part="neck")]
