"""Which digit is it? Fine-tuning with layer decay on the demo's class folders, by a config of one's own.

    python tools/train.py configs/demo/classification.py     (after configs/demo/fcmae.py)

Values: [V2] is mmpretrain's ConvNeXt V2 atto, from which this file differs; [ours] our choice for minutes on two cores.
"""

_base_ = ["mmpretrain::_base_/models/convnext_v2/atto.py", "../_base_/demo.py"]
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)
default_scope = "mmpretrain"
work_dir = "work_dirs/demo/classification"

max_iters = 800  # [ours]: 6 times each of the 4311 pictures

model = dict(
    data_preprocessor=dict(
        num_classes=10,
        mean=[123.675, 116.28, 103.53],  # ImageNet's, as RGB
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(
        type="cnxv2_mm.ConvNeXtV2",
        out_indices=(3,),
        gap_before_final_norm=True,  # a vector for each image, as mmpretrain's ConvNeXt gives
        drop_path_rate=0.0,  # [ours]: 0.1 in [V2]; too short a training to overfit
        init_cfg=dict(type="Pretrained", checkpoint="work_dirs/demo/fcmae/weights.pth"),
    ),
    head=dict(num_classes=10, loss=dict(label_smooth_val=0.02)),  # [ours]: 0.2 in [V2], for a thousand classes
)

train_dataloader = dict(
    batch_size=32,  # [ours]
    num_workers=1,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="CustomDataset",
        data_root="data/demo/imagenet/train",
        pipeline=[
            dict(type="LoadImageFromFile"),
            dict(type="RandomCrop", crop_size=64, padding=3, padding_mode="reflect"),  # [ours]: mild, and no flips
            dict(type="PackInputs"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=60,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CustomDataset",
        data_root="data/demo/imagenet/val",
        pipeline=[dict(type="LoadImageFromFile"), dict(type="PackInputs")],
    ),
)
val_evaluator = dict(type="Accuracy", topk=(1,))
test_dataloader, test_evaluator = val_dataloader, val_evaluator

optim_wrapper = dict(
    # [ours]: in so few steps a beta of 0.999 would still remember the first
    optimizer=dict(type="AdamW", lr=2e-3, betas=(0.9, 0.99), weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=1.0),
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=0.98),  # [ours]: the paper's atto has 0.9 and 600 epochs
)
param_scheduler = [dict(type="cnxv2_mm.WarmupCosineLR", warmup_share=20 / max_iters, by_epoch=False)]
train_cfg = dict(by_epoch=False, max_iters=max_iters, val_interval=max_iters)
auto_scale_lr = dict(base_batch_size=32)
