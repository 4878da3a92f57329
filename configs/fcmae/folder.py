"""FCMAE pre-training on one's own folder of images, without labels.

    python tools/train.py configs/fcmae/folder.py \
        --cfg-options train_dataloader.dataset.data_root=my_images model.backbone.arch=tiny

Values: [P] is table 8 of ConvNeXt V2 (arXiv 2301.00808), [C] facebookresearch/ConvNeXt-V2 @ 2553895, [ours] our choice.
The encoder that downstream configs load (prefix='backbone.') is work_dirs/folder/epoch_800.pth.
"""

custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)
default_scope = "mmpretrain"

model = dict(
    type="cnxv2_mm.FCMAE",
    backbone=dict(type="cnxv2_mm.ConvNeXtV2", arch="tiny"),
    decoder=dict(depth=1, width=512),  # [P]
    data_preprocessor=dict(
        type="SelfSupDataPreprocessor",
        mean=[123.675, 116.28, 103.53],  # [C]: ImageNet's, as RGB
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    mask_ratio=0.6,  # [P]
    patch_size=32,  # [P]
    norm_pix=True,  # [P]
    layout="packed",  # [ours]: the numbers of masked_dense, without computing what is hidden
)

train_dataloader = dict(
    batch_size=64,  # [C]: of 64 GPUs together 4096 [P]; the learning rate below follows what is written here
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="CustomDataset",  # every image below data_root, in folders of any depth
        data_root="data/images",
        with_label=False,
        pipeline=[
            dict(type="LoadImageFromFile"),
            dict(type="RandomResizedCrop", scale=224, crop_ratio_range=(0.2, 1.0), interpolation="bicubic"),  # [P] [C]
            dict(type="RandomFlip", prob=0.5),  # [C]
            dict(type="PackInputs"),
        ],
    ),
)

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1.5e-4 * 64 / 256, betas=(0.9, 0.95), weight_decay=0.05),  # [P]
    # [ours]: vectors (GRN's too) are not decayed; the official code decays GRN and the mask token in pre-training.
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=1.0),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, by_epoch=True, end=40, convert_to_iter_based=True),  # [P]; from 0 in [C]
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=True, begin=40, end=800, convert_to_iter_based=True),  # [P]
]
train_cfg = dict(by_epoch=True, max_epochs=800)  # [P]: 800 or 1600
auto_scale_lr = dict(base_batch_size=64)

default_hooks = dict(
    logger=dict(type="LoggerHook", interval=50),
    checkpoint=dict(type="CheckpointHook", interval=20, max_keep_ckpts=2),
)
randomness = dict(seed=0, diff_rank_seed=True)  # each GPU draws its own masks
