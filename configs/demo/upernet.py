"""UperNet on the demo's labelled pictures, by a config of one's own.

    python tools/train.py configs/demo/upernet.py     (after configs/demo/fcmae.py)

The model is mmseg's UperNet with ConvNeXt (``_base_/models/upernet_convnext.py``); where a comment names mmseg's value,
ours is another one, for minutes on two cores.
"""

_base_ = "../_base_/demo.py"
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)
default_scope = "mmseg"
work_dir = "work_dirs/demo/upernet"

max_iters = 900  # [ours]: 5 times each of the 5748 pictures
width = 32  # channels of the heads, 512 and 256 in mmseg
norm_cfg = dict(type="BN", requires_grad=True)  # SyncBN needs several GPUs
# The photograph covers most pixels: unweighted, a short training labels everything so.
class_weight = [0.3] + [1.0] * 10
metainfo = dict(
    classes=("photograph", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
    palette=[[25 * label, 255 - 25 * label, 128] for label in range(11)],
)

model = dict(
    type="EncoderDecoder",
    data_preprocessor=dict(
        type="SegDataPreProcessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(64, 64),
    ),
    backbone=dict(
        type="cnxv2_mm.ConvNeXtV2",
        arch="atto",
        init_cfg=dict(type="Pretrained", checkpoint="work_dirs/demo/fcmae/weights.pth"),
    ),
    decode_head=dict(
        type="UPerHead",
        in_channels=[40, 80, 160, 320],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=width,
        dropout_ratio=0.0,  # 0.1 in mmseg: too short a training to overfit
        num_classes=11,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type="CrossEntropyLoss", use_sigmoid=False, class_weight=class_weight, loss_weight=1.0),
    ),
    auxiliary_head=dict(
        type="FCNHead",
        in_channels=160,
        in_index=2,
        channels=width,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.0,
        num_classes=11,
        norm_cfg=norm_cfg,
        align_corners=False,
        # weight 0.4 in mmseg: deep features learn first
        loss_decode=dict(type="CrossEntropyLoss", use_sigmoid=False, class_weight=class_weight, loss_weight=1.0),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode="whole"),
)

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="BaseSegDataset",
        metainfo=metainfo,
        reduce_zero_label=True,  # as ADE20K: 0 in the files means "other"
        img_suffix=".jpg",
        seg_map_suffix=".png",
        data_prefix=dict(img_path="data/demo/ade/images/training", seg_map_path="data/demo/ade/annotations/training"),
        pipeline=[
            dict(type="LoadImageFromFile"),
            dict(type="LoadAnnotations", reduce_zero_label=True),
            dict(type="PackSegInputs"),  # no flips: the digit has to remain itself
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="BaseSegDataset",
        metainfo=metainfo,
        reduce_zero_label=True,
        img_suffix=".jpg",
        seg_map_suffix=".png",
        data_prefix=dict(
            img_path="data/demo/ade/images/validation", seg_map_path="data/demo/ade/annotations/validation"
        ),
        pipeline=[
            dict(type="LoadImageFromFile"),
            dict(type="LoadAnnotations", reduce_zero_label=True),
            dict(type="PackSegInputs"),
        ],
    ),
)
val_evaluator = dict(type="IoUMetric", iou_metrics=["mIoU"])
test_dataloader, test_evaluator = val_dataloader, val_evaluator

optim_wrapper = dict(
    optimizer=dict(type="AdamW", lr=2e-3, betas=(0.9, 0.99), weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=10.0),
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=0.98),
)
param_scheduler = [dict(type="cnxv2_mm.WarmupCosineLR", warmup_share=20 / max_iters, by_epoch=False)]
train_cfg = dict(by_epoch=False, max_iters=max_iters, val_interval=max_iters)
auto_scale_lr = dict(base_batch_size=32)
visualizer = dict(type="SegLocalVisualizer", vis_backends=[dict(type="LocalVisBackend")], name="visualizer")
