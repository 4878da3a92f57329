"""ConvNeXt V2 Base, intermediate fine-tuning on ImageNet-22K at 224 pixels from FCMAE weights.

    torchrun --nnodes 8 --nproc_per_node 8 tools/train.py configs/imagenet/convnextv2-base_64xb64-90e_in22k.py \
        --launcher pytorch --amp

GPUs: 64 x 64 images = 4096 [P12]; mixed precision [ours]. Expected: no score of its own is published (table 15
is after fine-tuning on ImageNet-1K as well); not run here.

[P12] table 12 of arXiv 2301.00808; [C] facebookresearch/ConvNeXt-V2 @ 2553895; [ours] our choice.
"""

_base_ = ["../_base_/classifier.py", "../_base_/imagenet22k_224.py"]

weights = dict(type="cnxv2_mm.Pretrained", checkpoint="convnextv2_base_fcmae")
model = dict(
    data_preprocessor=dict(num_classes=21841),
    backbone=dict(drop_path_rate=0.1, init_cfg=weights),  # [P12]
    head=dict(num_classes=21841),
)

lr = 2.5e-4 * 4096 / 256  # [P12]
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05, fused=True),  # [P12], eps [C]
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    # [P12]. Its type is not given for ImageNet-22K; [ours]: as on ImageNet-1K, of which appendix A.2 speaks.
    paramwise_cfg=dict(layer_decay_rate=0.8, strategy="group"),
)
param_scheduler = [  # stepped every iteration [C]
    dict(type="LinearLR", start_factor=1e-6, end=5, convert_to_iter_based=True),  # [P12] 5 epochs
    # [C] min_lr 1e-6, which layer decay scales like the learning rate
    dict(type="CosineAnnealingLR", eta_min_ratio=1e-6 / lr, begin=5, end=90, convert_to_iter_based=True),
]
train_cfg = dict(by_epoch=True, max_epochs=90)  # [P12]
auto_scale_lr = dict(base_batch_size=4096)  # [P12]: no EMA
