"""FCMAE pre-training of ConvNeXt V2 Base on ImageNet-1K, 800 epochs. The other pre-trainings are differences of it.

    torchrun --nnodes 8 --nproc_per_node 8 tools/train.py configs/fcmae/fcmae_convnextv2-base_64xb64-800e_in1k.py \
        --launcher pytorch

GPUs: 64 x 64 images = 4096 [P8] [C].
Expected: after fine-tuning 84.6 % top-1 (paper, table 3; not run here).
Downstream configs load what it ends with, epoch_800.pth in its work folder: of that file the encoder.

[P8] table 8 of arXiv 2301.00808; [C] facebookresearch/ConvNeXt-V2 @ 2553895; [ours] our choice.
"""

_base_ = ["mmpretrain::_base_/default_runtime.py"]
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)

model = dict(
    type="cnxv2_mm.FCMAE",
    backbone=dict(type="cnxv2_mm.ConvNeXtV2", arch="base"),
    decoder=dict(depth=1, width=512),  # [P] tables 1b, 1c
    data_preprocessor=dict(
        type="cnxv2_mm.ImagePreprocessor",  # on the device, from bytes
        mean=[123.675, 116.28, 103.53],  # [C]: ImageNet's, as RGB
        std=[58.395, 57.12, 57.375],
        flip_prob=0.5,  # [C]; [P8] does not list it
    ),
    mask_ratio=0.6,  # [P] section 3
    patch_size=32,  # [P] section 3
    norm_pix=True,  # [P] section 3
    layout="packed",  # [ours]: the numbers of masked_dense, without computing what is hidden
)

train_pipeline = [
    dict(type="cnxv2_mm.LoadImage", channels=3),
    dict(type="cnxv2_mm.RandomResizedCrop", scale=224, crop_ratio_range=(0.2, 1.0)),  # [P8]; the range, bicubic [C]
    dict(type="PackInputs"),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,  # [C]
    drop_last=True,  # [C]
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(type="ImageNet", data_root="data/imagenet", split="train", pipeline=train_pipeline),
)

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1.5e-4 * 4096 / 256, betas=(0.9, 0.95), weight_decay=0.05, fused=True),  # [P8]
    # [ours]: vectors (GRN's too) are not decayed; [C] decays GRN and the mask token in pre-training.
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=1.0),
)
# 40 of 800 epochs [P8] as a share, so that a training of any length is a whole one; from 0, and min_lr 0 [C]
param_scheduler = [dict(type="cnxv2_mm.WarmupCosineLR", warmup_share=40 / 800, eta_min=0.0, by_epoch=False)]
train_cfg = dict(by_epoch=True, max_epochs=800)  # [P8]: 800 or 1600
auto_scale_lr = dict(base_batch_size=4096)

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(interval=20, max_keep_ckpts=2),
    # [ours]: TF32, which PyTorch 1.7 to 1.11 multiplied by default, among them the 1.8 of [P]
    matmul_precision=dict(type="cnxv2_mm.MatmulPrecisionHook", precision="high"),
)
randomness = dict(seed=0, diff_rank_seed=True)  # [C]: seed 0 + rank; each GPU draws its own masks
