_base_ = ["mmdet::_base_/models/mask-rcnn_r50_fpn.py", "../_base_/demo.py"]
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)
default_scope = "mmdet"

max_iters = 500
width = 64  # channels of the FPN and the heads; 256 in mmdet
model = dict(
    backbone=dict(
        _delete_=True,
        type="cnxv2_mm.ConvNeXtV2",
        arch="atto",
        out_indices=(0, 1, 2, 3),
        init_cfg=dict(type="Pretrained", checkpoint="work_dirs/demo/fcmae/weights.pth", prefix="backbone."),
    ),
    neck=dict(in_channels=[40, 80, 160, 320], out_channels=width),
    rpn_head=dict(in_channels=width, feat_channels=width),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=width),
        bbox_head=dict(in_channels=width, fc_out_channels=256, num_classes=10),
        mask_roi_extractor=dict(out_channels=width),
        mask_head=dict(num_convs=2, in_channels=width, conv_out_channels=width, num_classes=10),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(sampler=dict(num=64)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=100), rcnn=dict(max_per_img=20)),
)

classes = tuple("0123456789")
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="PackDetInputs"),
]
val_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="CocoDataset",
        data_root={{_base_.data_root}},
        ann_file="coco/annotations/instances_train.json",
        data_prefix=dict(img="coco/train/"),
        metainfo=dict(classes=classes),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CocoDataset",
        data_root={{_base_.data_root}},
        ann_file="coco/annotations/instances_val.json",
        data_prefix=dict(img="coco/val/"),
        metainfo=dict(classes=classes),
        test_mode=True,
        pipeline=val_pipeline,
    ),
)
val_evaluator = dict(type="CocoMetric", ann_file={{_base_.data_root}} + "coco/annotations/instances_val.json", metric=["bbox", "segm"])

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, end=20),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=20, end=max_iters, eta_min=1e-5),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=max_iters, val_interval=max_iters)
