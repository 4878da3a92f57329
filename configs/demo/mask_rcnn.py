"""Mask R-CNN with FPN on the demo's scenes, by a config of one's own.

    python tools/train.py configs/demo/mask_rcnn.py     (after configs/demo/fcmae.py)

Differences from mmdet's Mask R-CNN, all our choice for minutes on two cores.
"""

_base_ = ["mmdet::_base_/models/mask-rcnn_r50_fpn.py", "../_base_/demo.py"]
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)
default_scope = "mmdet"
work_dir = "work_dirs/demo/mask_rcnn"

max_iters = 600  # 6 times each of the 400 scenes
width = 64  # channels of FPN and heads, 256 in mmdet
classes = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")

model = dict(
    backbone=dict(
        _delete_=True,
        type="cnxv2_mm.ConvNeXtV2",
        arch="atto",
        init_cfg=dict(type="Pretrained", checkpoint="work_dirs/demo/fcmae/weights.pth"),
    ),
    neck=dict(in_channels=[40, 80, 160, 320], out_channels=width),
    rpn_head=dict(in_channels=width, feat_channels=width),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=width),
        bbox_head=dict(in_channels=width, fc_out_channels=256, num_classes=10),
        mask_roi_extractor=dict(out_channels=width),
        mask_head=dict(num_convs=2, in_channels=width, conv_out_channels=width, num_classes=10),
    ),
    # At most four digits in 160 pixels: a tenth of mmdet's regions is enough.
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(sampler=dict(num=64)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=50), rcnn=dict(max_per_img=20)),
)

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="CocoDataset",
        metainfo=dict(classes=classes),
        ann_file="data/demo/coco/annotations/instances_train.json",
        data_prefix=dict(img="data/demo/coco/train/"),
        pipeline=[
            dict(type="LoadImageFromFile"),
            dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
            dict(type="RandomResize", scale=(160, 160), ratio_range=(0.8, 1.2)),  # and no flips: digits have none
            dict(type="PackDetInputs"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CocoDataset",
        test_mode=True,
        metainfo=dict(classes=classes),
        ann_file="data/demo/coco/annotations/instances_val.json",
        data_prefix=dict(img="data/demo/coco/val/"),
        pipeline=[
            dict(type="LoadImageFromFile"),
            dict(type="Resize", scale=(160, 160), keep_ratio=True),
            dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
            dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
        ],
    ),
)
val_evaluator = dict(
    type="CocoMetric", ann_file="data/demo/coco/annotations/instances_val.json", metric=["bbox", "segm"]
)
test_dataloader, test_evaluator = val_dataloader, val_evaluator

optim_wrapper = dict(
    optimizer=dict(type="AdamW", lr=1e-3, betas=(0.9, 0.99), weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=10.0),
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=0.95),
)
param_scheduler = [dict(type="cnxv2_mm.WarmupCosineLR", warmup_share=20 / max_iters, by_epoch=False)]
train_cfg = dict(by_epoch=False, max_iters=max_iters, val_interval=max_iters)
auto_scale_lr = dict(base_batch_size=4)
visualizer = dict(type="DetLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")], name="visualizer")
