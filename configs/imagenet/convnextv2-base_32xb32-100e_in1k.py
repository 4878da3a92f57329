"""ConvNeXt V2 Base, fine-tuned on ImageNet-1K at 224 pixels from FCMAE weights. The other sizes are differences of it.

    torchrun --nnodes 4 --nproc_per_node 8 tools/train.py configs/imagenet/convnextv2-base_32xb32-100e_in1k.py \
        --launcher pytorch --amp

GPUs: 32 x 32 images = 1024 [P11] [C]; mixed precision as in [C].
Expected: 84.9 % top-1 (paper, table 14; not run here).
From 800 epochs of pre-training: 84.6 % (paper, table 3; not run here).

[P11] table 11 of arXiv 2301.00808; [C] facebookresearch/ConvNeXt-V2 @ 2553895 and its TRAINING.md; [ours] our choice.
"""

_base_ = ["../_base_/classifier.py", "../_base_/imagenet1k_224.py"]

# Or of our own pre-training: checkpoint="work_dirs/fcmae_convnextv2-base_64xb64-1600e_in1k/epoch_1600.pth"
weights = dict(type="cnxv2_mm.Pretrained", checkpoint="convnextv2_base_fcmae")
model = dict(backbone=dict(drop_path_rate=0.1, init_cfg=weights))  # [P11]

# [C] 6.25e-4. [P11] prints 6.25e-3, which times 1024 / 256 would be 2.5e-2: taken for a slip.
lr = 6.25e-4 * 1024 / 256
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05, fused=True),  # [P11], eps [C]
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=0.6, strategy="group"),  # [P11]; group for base and large [P A.2]
)
param_scheduler = [  # stepped every iteration [C]
    dict(type="LinearLR", start_factor=1e-6, end=20, convert_to_iter_based=True),  # [P11] 20 epochs; from 0 in [C]
    # [C] min_lr 1e-6, which layer decay scales like the learning rate
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / lr, begin=20, end=100, convert_to_iter_based=True),
]
train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=1)  # [P11]
auto_scale_lr = dict(base_batch_size=1024)
custom_hooks = [dict(type="EMAHook", momentum=1e-4, priority="ABOVE_NORMAL")]  # [P11]: decay 0.9999
