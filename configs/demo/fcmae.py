_base_ = ["../_base_/demo.py"]
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)
default_scope = "mmpretrain"

max_iters = 400
model = dict(
    type="cnxv2_mm.FCMAE",
    backbone=dict(type="cnxv2_mm.ConvNeXtV2", arch="atto", out_indices=()),
    decoder=dict(type="cnxv2_mm.FCMAEDecoder", depth=1, width=256),
    data_preprocessor=dict(
        type="mmpretrain.SelfSupDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    mask_ratio=0.6,
    patch_size=32,
    norm_pix=True,
    layout="packed",
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="RandomResizedCrop", scale=160, crop_ratio_range=(0.4, 1.0)),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackInputs"),
]
val_pipeline = [dict(type="LoadImageFromFile"), dict(type="PackInputs")]
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="CustomDataset",
        data_root={{_base_.data_root}},
        data_prefix="coco/train",
        with_label=False,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=25,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="CustomDataset",
        data_root={{_base_.data_root}},
        data_prefix="coco/val",
        with_label=False,
        pipeline=val_pipeline,
    ),
)
val_evaluator = dict(type="cnxv2_mm.ReconstructionLoss")

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-3, betas=(0.9, 0.95), weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, end=20),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=20, end=max_iters, eta_min=1e-5),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=max_iters, val_interval=max_iters)
