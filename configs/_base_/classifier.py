# The classifier, in size base. [C]: facebookresearch/ConvNeXt-V2 @ 2553895; [P]: arXiv 2301.00808.
custom_imports = dict(imports=["cnxv2_mm"], allow_failed_imports=False)

model = dict(
    type="ImageClassifier",
    data_preprocessor=dict(
        type="ClsDataPreprocessor",
        num_classes=1000,
        mean=[123.675, 116.28, 103.53],  # [C]: ImageNet's, as RGB
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(
        type="cnxv2_mm.ConvNeXtV2",
        arch="base",
        out_indices=3,
        gap_before_final_norm=True,  # [C]: average, norm, linear
    ),
    head=dict(
        type="LinearClsHead",
        num_classes=1000,
        in_channels=1024,
        loss=dict(type="LabelSmoothLoss", label_smooth_val=0.1),  # [P11]
        # [C]: normal weights of 0.02, times the 0.001 of [P9-P13]; drawn after the backbone's weights are loaded
        init_cfg=dict(type="TruncNormal", layer="Linear", std=0.02 * 0.001, bias=0.0),
    ),
    # [P11]; each batch gets one of the two, drawn evenly: [C] mixup_prob 1, mixup_switch_prob 0.5, mixup_mode batch.
    # Partners are drawn by permutation, in [C] the batch is reversed.
    train_cfg=dict(augments=[dict(type="Mixup", alpha=0.8), dict(type="CutMix", alpha=1.0)]),
)
