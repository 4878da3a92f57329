_base_ = ["mmseg::_base_/models/upernet_convnext.py", "../_base_/demo.py"]
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)
default_scope = "mmseg"

max_iters = 300
norm_cfg = dict(type="BN", requires_grad=True)
model = dict(
    backbone=dict(
        _delete_=True,
        type="cnxv2_mm.ConvNeXtV2",
        arch="atto",
        out_indices=(0, 1, 2, 3),
        init_cfg=dict(type="Pretrained", checkpoint="work_dirs/demo/fcmae/weights.pth", prefix="backbone."),
    ),
    decode_head=dict(in_channels=[40, 80, 160, 320], channels=64, num_classes=11, norm_cfg=norm_cfg),
    auxiliary_head=dict(in_channels=160, channels=64, num_classes=11, norm_cfg=norm_cfg),
)

metainfo = dict(
    classes=("photograph", *"0123456789"),
    palette=[[0, 0, 0]] + [[20*i, 255-20*i, 100] for i in range(10)],
)
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", reduce_zero_label=True),
    dict(type="PackSegInputs"),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="BaseSegDataset",
        data_root={{_base_.data_root}},
        data_prefix=dict(img_path="ade/images/training", seg_map_path="ade/annotations/training"),
        img_suffix=".jpg",
        seg_map_suffix=".png",
        reduce_zero_label=True,
        metainfo=metainfo,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="BaseSegDataset",
        data_root={{_base_.data_root}},
        data_prefix=dict(img_path="ade/images/validation", seg_map_path="ade/annotations/validation"),
        img_suffix=".jpg",
        seg_map_suffix=".png",
        reduce_zero_label=True,
        metainfo=metainfo,
        pipeline=train_pipeline,
    ),
)
val_evaluator = dict(type="IoUMetric", iou_metrics=["mIoU"])

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, end=20),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=20, end=max_iters, eta_min=1e-5),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=max_iters, val_interval=max_iters)
