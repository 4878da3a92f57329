"""Mask R-CNN on one's own labelled images, some hundreds of them, on one GPU, from DINOv3's ConvNeXt Tiny.

    python tools/train.py configs/coco/lowdata_mask-rcnn_convnext-v1-tiny-dinov3_1xb4-4k.py

GPUs: 1 x 4 images. Expected: unknown, nothing is published for it; not run here.
Copy the file and set the first two values. The tree is train/, val/, annotations/train.json and annotations/val.json,
in COCO's format; classes are names of its categories, in its order.
It starts from DINOv3 [ours], whose features are made for dense tasks (arXiv 2508.10104): few images do not have to make
them. Licence: the DINOv3 License, Meta's own; read it before you use the weights or what is trained from them.
A detector of the same classes or of COCO is a better start, if you have one: load_from="its checkpoint".

[V1] facebookresearch/ConvNeXt @ 048efce, its detectors of T; [ours] our choice, in every part not tagged otherwise.
"""

_base_ = "./mask-rcnn_convnextv2-tiny_fpn_lsj-3x_coco.py"

classes = ("cat", "dog")
data_root = "data/my_images/"

model = dict(
    backbone=dict(
        use_grn=False,  # with layer scale the network is ConvNeXt V1, which DINOv3 trained
        layer_scale_init_value=1e-6,
        drop_path_rate=0.2,  # [ours]; [V1] has 0.4 for 36 epochs
        frozen_stages=0,  # 4 trains neck and heads only: to try below a hundred images
        init_cfg=dict(checkpoint="convnext_tiny.dinov3_lvd1689m"),
    ),
    roi_head=dict(bbox_head=dict(num_classes=len(classes)), mask_head=dict(num_classes=len(classes))),
)

train_pipeline = _base_.train_pipeline
train_pipeline[2].ratio_range = (0.5, 2.0)  # [ours]: the base's 0.1 makes objects that few images cannot teach
train_pipeline.insert(-1, dict(type="PhotoMetricDistortion"))  # [ours]
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    sampler=dict(_delete_=True, type="InfiniteSampler", shuffle=True),
    dataset=dict(
        metainfo=dict(classes=classes),
        data_root=data_root,
        ann_file="annotations/train.json",
        data_prefix=dict(img="train/"),
        filter_cfg=dict(filter_empty_gt=False),  # an image without objects shows what none is
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        metainfo=dict(classes=classes),
        data_root=data_root,
        ann_file="annotations/val.json",
        data_prefix=dict(img="val/"),
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + "annotations/val.json")
test_evaluator = val_evaluator

# All counts are iterations, so that they fit any number of images; 4000 x 4 are 53 epochs of 300 images.
max_iters = 4000
optim_wrapper = dict(
    optimizer=dict(lr=1e-4),  # [V1] for 16 images; kept for 4, since the heads start from nothing and have 4000 steps
    # [V1]'s of Cascade Mask R-CNN: the stem learns at 0.08 of the heads' rate. 0.95 of its Mask R-CNN (0.7) is for
    # 118 000 images.
    paramwise_cfg=dict(layer_decay_rate=0.7),
    clip_grad=dict(max_norm=35, norm_type=2),
)
param_scheduler = [dict(type="cnxv2_mm.WarmupCosineLR", warmup_share=0.05, by_epoch=False)]
# Averages the weights of the last 1 / 0.005 = 200 iterations, a twentieth of the training. Validation and checkpoints
# have the averaged weights.
custom_hooks = [dict(type="EMAHook", momentum=0.005, priority="ABOVE_NORMAL")]
train_cfg = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=max_iters, val_interval=200)
auto_scale_lr = dict(base_batch_size=4)
default_hooks = dict(
    logger=dict(log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=200, max_keep_ckpts=1, save_best="coco/bbox_mAP"),
)
log_processor = dict(by_epoch=False)
