"""RTMDet-m on COCO, 100 epochs, with DINOv3's ConvNeXt Tiny as the backbone, fine-tuned.

    torchrun --nproc_per_node 4 tools/train.py configs/coco/rtmdet_m_convnext-v1-tiny-dinov3_4xb32-100e_coco.py \
        --launcher pytorch

GPUs: 4 x 32 images = 128 [MD]. Expected: unknown, nothing is published for it; not run here. [MD] has box AP 53.1 with
RTMDet-l and ConvNeXt Base.
Licence: the weights are under the DINOv3 License, Meta's own. Read it before you use them or what is trained from them.

[MD] mmdetection's RTMDet-l with ConvNeXt Base, which is inherited; [V1] facebookresearch/ConvNeXt @ 048efce, Cascade
Mask R-CNN; [ours] our choice, in every part that is not tagged otherwise.
"""

_base_ = "mmdet::rtmdet/rtmdet_l_convnext_b_4xb32-100e_coco.py"
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)

model = dict(
    backbone=dict(
        _delete_=True,
        type="cnxv2_mm.ConvNeXtV2",
        arch="tiny",
        use_grn=False,  # with layer scale the network is ConvNeXt V1, which DINOv3 trained
        layer_scale_init_value=1e-6,
        out_indices=(1, 2, 3),  # [MD]
        drop_path_rate=0.4,  # [V1] T, 1K; [MD] has [V1]'s of B
        with_cp=True,  # [MD]: memory for 32 images a GPU
        init_cfg=dict(type="cnxv2_mm.Pretrained", checkpoint="convnext_tiny.dinov3_lvd1689m"),
    ),
    # RTMDet-m's neck and head [ours]: the channels that they read are Tiny's.
    neck=dict(in_channels=[192, 384, 768], out_channels=192, num_csp_blocks=2),
    bbox_head=dict(in_channels=192, feat_channels=192),
)
lr = 1e-3  # [MD] for 128 images; [V1] has one rate for T and B, too
optim_wrapper = dict(
    optimizer=dict(lr=lr, fused=True),
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    # [MD] has [V1]'s decay of B, 0.8 in 12 groups. [V1]'s of T is 0.7 in 6: the stem learns at 0.08 of the heads' rate,
    # there at 0.06.
    paramwise_cfg=dict(_delete_=True, layer_decay_rate=0.7, strategy="group"),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-5, by_epoch=False, begin=0, end=1000),  # [MD]
    # [MD], where eta_min=5e-5 is one number for all layers: that would undo the decay
    dict(type="CosineAnnealingLR", eta_min_ratio=0.05, begin=50, end=100, T_max=50, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=128)
default_hooks = dict(checkpoint=dict(save_best="coco/bbox_mAP"))  # [ours]
