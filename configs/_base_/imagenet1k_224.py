# ImageNet-1K at 224 pixels with the augmentation of fine-tuning, and mmpretrain's runtime.
# [C]: facebookresearch/ConvNeXt-V2 @ 2553895; [P9-P13]: tables of arXiv 2301.00808; [ours]: our choice.
_base_ = ["mmpretrain::_base_/default_runtime.py"]

bgr_mean = [103.53, 116.28, 123.675]  # [C]: ImageNet's; images are BGR until the data preprocessor
bgr_std = [57.375, 57.12, 58.395]

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="RandomResizedCrop", scale=224, backend="pillow", interpolation="bicubic"),  # [C]: areas from 8 %
    dict(type="RandomFlip", prob=0.5),  # [C]
    dict(
        type="RandAugment",  # [P9-P13] (9, 0.5); [C] rand-m9-mstd0.5-inc1
        policies="timm_increasing",
        num_policies=2,
        magnitude_level=9,
        magnitude_std=0.5,
        hparams=dict(pad_val=[round(x) for x in bgr_mean], interpolation="bicubic"),
    ),
    dict(
        type="RandomErasing",  # [C]: reprob 0.25, mode pixel; the noise is cut to 0 ... 255 here, in [C] it is not
        erase_prob=0.25,
        mode="rand",
        min_area_ratio=0.02,
        max_area_ratio=1 / 3,
        fill_color=bgr_mean,
        fill_std=bgr_std,
    ),
    dict(type="PackInputs"),
]
test_pipeline = [  # [C]: below 384 pixels the short side is size / (224 / 256), then the centre is cut out
    dict(type="LoadImageFromFile"),
    dict(type="ResizeEdge", scale=int(224 / (224 / 256)), edge="short", backend="pillow", interpolation="bicubic"),
    dict(type="CenterCrop", crop_size=224),
    dict(type="PackInputs"),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    drop_last=True,  # [C]
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="ImageNet", data_root="data/imagenet", split="train", pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="ImageNet", data_root="data/imagenet", split="val", pipeline=test_pipeline),
)
val_evaluator = dict(type="Accuracy", topk=(1, 5))
test_dataloader = val_dataloader
test_evaluator = val_evaluator
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=3, save_best="accuracy/top1"),  # [C]: 3, and the best
    # [ours]: TF32, which PyTorch 1.7 to 1.11 multiplied by default, among them the 1.8 of [P]
    matmul_precision=dict(type="cnxv2_mm.MatmulPrecisionHook", precision="high"),
)
randomness = dict(seed=0, diff_rank_seed=True)  # [C]: seed 0 + rank
