_base_ = ["mmpretrain::_base_/models/convnext_v2/atto.py", "../_base_/demo.py"]
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)
default_scope = "mmpretrain"

max_iters = 400
model = dict(
    data_preprocessor=dict(
        num_classes=10, mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True
    ),
    backbone=dict(
        type="cnxv2_mm.ConvNeXtV2",
        out_indices=(3,),
        gap_before_final_norm=True,
        init_cfg=dict(type="Pretrained", checkpoint="work_dirs/demo/fcmae/weights.pth", prefix="backbone."),
    ),
    head=dict(num_classes=10, loss=dict(label_smooth_val=0.1)),
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="RandomResizedCrop", scale=64, crop_ratio_range=(0.7, 1.0)),
    dict(type="PackInputs"),
]
val_pipeline = [dict(type="LoadImageFromFile"), dict(type="PackInputs")]
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="CustomDataset",
        data_root={{_base_.data_root}},
        data_prefix="imagenet/train",
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=60,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="CustomDataset",
        data_root={{_base_.data_root}},
        data_prefix="imagenet/val",
        pipeline=val_pipeline,
    ),
)
val_evaluator = dict(type="Accuracy", topk=(1,))

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=2e-3, betas=(0.9, 0.999), weight_decay=0.05),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, end=20),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=20, end=max_iters, eta_min=1e-5),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=max_iters, val_interval=max_iters)
