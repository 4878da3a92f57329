"""FCMAE pre-training on the demo's scenes; step 2 of `make demo`.

    python tools/train.py configs/demo/fcmae.py     (after `python -m demo` has written data/demo)

Values: [P] is table 8 of ConvNeXt V2 (arXiv 2301.00808), [ours] our choice for minutes on two CPU cores.
"""

_base_ = ["../_base_/demo.py"]
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)
default_scope = "mmpretrain"
work_dir = "work_dirs/demo/fcmae"

max_iters = 300  # [ours]: 12 times each of the 400 scenes

model = dict(
    type="cnxv2_mm.FCMAE",
    backbone=dict(
        type="cnxv2_mm.ConvNeXtV2",
        arch="atto",
        # [ours]: the paper's normal of deviation 0.02 leaves so narrow a network almost linear for the first hundreds
        # of iterations; scaled to its inputs, it learns at once.
        init_cfg=dict(type="Kaiming", layer=["Conv2d", "Linear"], mode="fan_in", nonlinearity="linear"),
    ),
    decoder=dict(depth=1, width=256),  # [ours]: half the paper's width
    data_preprocessor=dict(
        type="cnxv2_mm.ImagePreprocessor",
        mean=[123.675, 116.28, 103.53],  # ImageNet's, as RGB
        std=[58.395, 57.12, 57.375],
        flip_prob=0.5,  # [P]
    ),
    mask_ratio=0.6,  # [P]
    patch_size=32,  # [P]
    norm_pix=True,  # [P]
    layout="packed",  # [ours]: the numbers of masked_dense, without computing what is hidden
)

train_dataloader = dict(
    batch_size=16,  # [ours]
    num_workers=1,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="CustomDataset",
        data_root="data/demo/coco/train",
        with_label=False,
        pipeline=[
            dict(type="cnxv2_mm.LoadImage"),
            # [ours]: from 0.2 in the paper
            dict(type="cnxv2_mm.RandomResizedCrop", scale=160, crop_ratio_range=(0.4, 1.0)),
            dict(type="PackInputs"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=25,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CustomDataset",
        data_root="data/demo/coco/val",
        with_label=False,
        pipeline=[dict(type="cnxv2_mm.LoadImage"), dict(type="PackInputs")],
    ),
)
val_evaluator = dict(type="cnxv2_mm.ReconstructionLoss")
test_dataloader, test_evaluator = val_dataloader, val_evaluator

optim_wrapper = dict(
    # betas, decay [P]; rate [ours]
    optimizer=dict(type="AdamW", lr=2e-3, betas=(0.9, 0.95), weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=1.0),  # [ours]: the rate is high
    constructor="cnxv2_mm.LayerDecayOptimWrapperConstructor",
    paramwise_cfg=dict(layer_decay_rate=1.0),  # none: only for its rule that vectors are not decayed
)
# [P]: warm-up and cosine; the share [ours]. Both follow max_iters, also where the command line changes it.
param_scheduler = [dict(type="cnxv2_mm.WarmupCosineLR", warmup_share=20 / 300, by_epoch=False)]
train_cfg = dict(by_epoch=False, max_iters=max_iters, val_interval=max_iters)
auto_scale_lr = dict(base_batch_size=16)
