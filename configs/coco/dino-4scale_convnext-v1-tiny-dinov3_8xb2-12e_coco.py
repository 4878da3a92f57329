"""DINO with four scales on COCO, 12 epochs, with DINOv3's ConvNeXt Tiny as the backbone, fine-tuned.

    torchrun --nproc_per_node 8 tools/train.py configs/coco/dino-4scale_convnext-v1-tiny-dinov3_8xb2-12e_coco.py \
        --launcher pytorch

GPUs: 8 x 2 images = 16 [MD]. Expected: unknown, nothing is published for it; not run here. Box AP of other weights:
[MD] 49.0 with ResNet-50, [DX] 52.4 with a classifier's from ImageNet-22K.
Licence: the weights are under the DINOv3 License, Meta's own. Read it before you use them or what is trained from them.

[MD] mmdetection's DINO, which is inherited; [DX] detrex @ cf6a8a3, projects/dino/configs/dino-convnext: DINO with
ConvNeXt V1 Tiny, with [MD]'s rates; [ours] our choice, in every part that is not tagged otherwise.
"""

_base_ = "mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py"
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)

model = dict(
    data_preprocessor=dict(pad_size_divisor=32),  # [ours]: the backbone leaves out pixels that do not fill a cell
    backbone=dict(
        _delete_=True,
        type="cnxv2_mm.ConvNeXtV2",
        arch="tiny",
        use_grn=False,  # with layer scale the network is ConvNeXt V1, which DINOv3 trained
        layer_scale_init_value=1e-6,
        out_indices=(1, 2, 3),  # [MD] [DX]; the neck makes the fourth scale
        drop_path_rate=0.1,  # [ours]; [DX] has none
        init_cfg=dict(type="cnxv2_mm.Pretrained", checkpoint="convnext_tiny.dinov3_lvd1689m"),
    ),
    neck=dict(in_channels=[192, 384, 768]),
)
# AdamW, 1e-4, weight decay 1e-4, clipping at 0.1 [MD] [DX]. There the backbone learns at a tenth; here at 0.8 ** 18 ...
# 0.8 from the first to the last of 18 blocks [ours], whose geometric mean, 0.8 ** 9.5 = 0.12, is about that tenth.
optim_wrapper = dict(
    optimizer=dict(fused=True),
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(_delete_=True, layer_decay_rate=0.8, strategy="single"),
)
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=2, save_best="coco/bbox_mAP"))  # [ours]
