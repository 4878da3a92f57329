"""Cascade Mask R-CNN with ConvNeXt V2 Base on COCO, 36 epochs, with the settings of ConvNeXt V1.

    torchrun --nproc_per_node 8 \
        tools/train.py configs/coco/cascade-mask-rcnn_convnextv2-base_fpn_4conv1fc-giou_ms-crop-3x_coco.py \
        --launcher pytorch

GPUs: 8 x 2 images = 16 [V1]. Expected: nothing is published for V2; V1 has box AP 52.7 and mask AP 45.6 (its
repository); not run here.

[V1] facebookresearch/ConvNeXt @ 048efce, object_detection; mmdetection's config of it is inherited: heads of four
convolutions with SyncBN, GIoU, multi-scale training with crops, mixed precision, steps at 27 and 33 epochs.
[ours] our choice.
"""

_base_ = "mmdet::convnext/cascade-mask-rcnn_convnext-t-p4-w7_fpn_4conv1fc-giou_amp-ms-crop-3x_coco.py"
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)

model = dict(
    backbone=dict(
        _delete_=True,
        type="cnxv2_mm.ConvNeXtV2",
        arch="base",
        drop_path_rate=0.7,  # [V1] B, 1K
        # As V1 did, from a classifier's weights; FCMAE's ("convnextv2_base_fcmae") are [ours] to try.
        init_cfg=dict(type="cnxv2_mm.Pretrained", checkpoint="convnextv2_base_in1k"),
    ),
    neck=dict(in_channels=[128, 256, 512, 1024]),
)
optim_wrapper = dict(
    dtype="float16",  # [V1] as in mmdetection, by mmengine's default; its loss scale is found dynamically
    optimizer=dict(lr=2e-4, fused=True),  # [V1] B, 1K; AdamW, betas 0.9 and 0.999, decay 0.05
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(_delete_=True, layer_decay_rate=0.8, strategy="group"),  # [V1] B, 1K: layer_wise
)
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=2, save_best="coco/bbox_mAP"))  # [ours]
