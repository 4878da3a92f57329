"""Cascade Mask R-CNN with ConvNeXt V2 Large on COCO, with the settings of ConvNeXt V1: base's recipe.

    torchrun --nproc_per_node 8 \
        tools/train.py configs/coco/cascade-mask-rcnn_convnextv2-large_fpn_4conv1fc-giou_ms-crop-3x_coco.py \
        --launcher pytorch

GPUs: 8 x 2 images = 16 [V1]. Expected: nothing is published for V2; V1 has box and mask AP 54.8 and 47.6 (its
repository); not run here.
V1 started from 22K weights; V2's were published after fine-tuning on 1K only, which is what is taken here.
The tags are those of base's file.
"""

_base_ = "./cascade-mask-rcnn_convnextv2-base_fpn_4conv1fc-giou_ms-crop-3x_coco.py"

model = dict(
    backbone=dict(
        arch="large", drop_path_rate=0.7, init_cfg=dict(checkpoint="convnextv2_large_in22k_in1k")
    ),  # [V1] L, 22K
    neck=dict(in_channels=[192, 384, 768, 1536]),
)
optim_wrapper = dict(
    # [V1] has fp16 off in this size. [ours]: bfloat16, but boxes and the maps that they pool in float32
    dtype="bfloat16",
    loss_scale=dict(enabled=False),
    optimizer=dict(lr=1e-4),  # [V1] L, 22K
    paramwise_cfg=dict(layer_decay_rate=0.7),  # [V1] L, 22K
)
custom_hooks = [dict(type="cnxv2_mm.Float32OutputHook", part="neck")]
