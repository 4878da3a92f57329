"""UperNet with ConvNeXt V2 Base on ADE20K, 512 pixels, from weights fine-tuned on ImageNet-1K.

    torchrun --nproc_per_node 8 tools/train.py configs/ade20k/upernet_convnextv2-base_8xb2-160k_ade20k-512x512.py \
        --launcher pytorch

GPUs: 8 x 2 images = 16 [P A.4]. Expected: mIoU 52.1 with multi-scale test (paper, table 7; not run here).
Multi-scale test: tools/test.py <this file> <checkpoint> --tta --cfg-options model.test_cfg.mode=whole [V1].

[P A.4] appendix A.4 of arXiv 2301.00808: it names what was swept, not what won. [V1] facebookresearch/ConvNeXt @
048efce, semantic_segmentation; [MS] mmsegmentation's config of it; [ours] our choice.
"""

custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)
default_scope = "mmseg"

crop_size = (512, 512)  # [P A.4]
norm_cfg = dict(type="SyncBN", requires_grad=True)  # [V1]
model = dict(
    type="EncoderDecoder",
    data_preprocessor=dict(
        type="SegDataPreProcessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=crop_size,
    ),
    backbone=dict(
        type="cnxv2_mm.ConvNeXtV2",
        arch="base",
        drop_path_rate=0.4,  # [V1]; swept over 0.1 ... 0.4 [P A.4]
        init_cfg=dict(type="cnxv2_mm.Pretrained", checkpoint="convnextv2_base_in1k"),  # [P A.4]
    ),
    decode_head=dict(
        type="UPerHead",  # [V1], as the auxiliary head
        in_channels=[128, 256, 512, 1024],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=512,
        dropout_ratio=0.1,
        num_classes=150,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type="CrossEntropyLoss", use_sigmoid=False, loss_weight=1.0),
    ),
    auxiliary_head=dict(
        type="FCNHead",
        in_channels=512,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=150,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type="CrossEntropyLoss", use_sigmoid=False, loss_weight=0.4),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode="slide", crop_size=crop_size, stride=(341, 341)),  # [V1]
)

train_pipeline = [  # [MS]
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", reduce_zero_label=True),
    dict(type="RandomResize", scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_size=crop_size, cat_max_ratio=0.75),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PhotoMetricDistortion"),
    dict(type="PackSegInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(2048, 512), keep_ratio=True),
    dict(type="LoadAnnotations", reduce_zero_label=True),  # after the resizing: scores are for the original pixels
    dict(type="PackSegInputs"),
]
tta_scales = [(int(2048 * ratio), int(512 * ratio)) for ratio in (0.75, 0.875, 1.0, 1.125, 1.25)]  # [P A.4]
tta_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="Resize", scale=scale, keep_ratio=True) for scale in tta_scales],
            [dict(type="RandomFlip", prob=0.0), dict(type="RandomFlip", prob=1.0)],  # [V1]; [P A.4] does not say
            [dict(type="LoadAnnotations", reduce_zero_label=True)],
            [dict(type="PackSegInputs")],
        ],
    ),
]
tta_model = dict(type="SegTTAModel")

data_root = "data/ade/ADEChallengeData2016"
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ADE20KDataset",
        data_root=data_root,
        data_prefix=dict(img_path="images/training", seg_map_path="annotations/training"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ADE20KDataset",
        data_root=data_root,
        data_prefix=dict(img_path="images/validation", seg_map_path="annotations/validation"),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="IoUMetric", iou_metrics=["mIoU"])
test_evaluator = val_evaluator

optim_wrapper = dict(
    type="AmpOptimWrapper",  # [MS]
    dtype="float16",  # [MS], by mmengine's default; its loss scale is found dynamically
    # lr swept over 1e-4, 2e-4, 3e-4 [P A.4]; [V1] 1e-4, its betas
    optimizer=dict(type="AdamW", lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05, fused=True),
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    # [V1] [MS]: 0.9 by stage, of 12 layers for base to huge, of 6 for tiny. [P A.4]: "layer-wise", swept over 0.8, 0.9.
    paramwise_cfg=dict(layer_decay_rate=0.9, strategy="stage"),
)
param_scheduler = [  # [V1]
    dict(type="LinearLR", start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type="PolyLR", power=1.0, eta_min=0.0, by_epoch=False, begin=1500, end=160_000),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=160_000, val_interval=16_000)  # [P A.4]
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
auto_scale_lr = dict(base_batch_size=16)

default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type="ParamSchedulerHook"),
    # the best one is kept, too [ours]
    checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=16_000, max_keep_ckpts=2, save_best="mIoU"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    visualization=dict(type="SegVisualizationHook"),
)
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)
vis_backends = [dict(type="LocalVisBackend")]
visualizer = dict(type="SegLocalVisualizer", vis_backends=vis_backends, name="visualizer")
log_processor = dict(by_epoch=False)
