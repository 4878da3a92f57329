"""UperNet with ConvNeXt V2 Huge on ADE20K, 640 pixels, from weights fine-tuned on ImageNet-22K and then 1K.

    torchrun --nproc_per_node 8 \
        tools/train.py configs/ade20k/upernet_convnextv2-huge-in22k_8xb2-160k_ade20k-640x640.py --launcher pytorch

GPUs: 8 x 2 images = 16 [P A.4]. Expected: mIoU 57.0 with multi-scale test (paper, table 7; not run here).
The paper says "22K ft"; published are weights after the fine-tuning on 1K, of which the larger resolution is taken.
Multi-scale test: as in base's file, whose tags these are.
"""

_base_ = "./upernet_convnextv2-huge_8xb2-160k_ade20k-512x512.py"

crop_size = (640, 640)  # [P A.4]
model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(init_cfg=dict(checkpoint="convnextv2_huge_in22k_in1k_512")),
    test_cfg=dict(crop_size=crop_size, stride=(426, 426)),  # [V1]
)
scale = (2560, 640)  # [V1]
train_pipeline = [
    *_base_.train_pipeline[:2],
    dict(_base_.train_pipeline[2], scale=scale),
    dict(_base_.train_pipeline[3], crop_size=crop_size),
    *_base_.train_pipeline[4:],
]
test_pipeline = [_base_.test_pipeline[0], dict(_base_.test_pipeline[1], scale=scale), *_base_.test_pipeline[2:]]
tta_scales = [(int(2560 * ratio), int(640 * ratio)) for ratio in (0.75, 0.875, 1.0, 1.125, 1.25)]
resizes = [dict(type="Resize", scale=scale, keep_ratio=True) for scale in tta_scales]
tta_pipeline = [
    _base_.tta_pipeline[0],
    dict(type="TestTimeAug", transforms=[resizes, *_base_.tta_pipeline[1].transforms[1:]]),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
