"""UperNet with ConvNeXt V2 Tiny on ADE20K, 512 pixels: base's recipe.

    torchrun --nproc_per_node 8 tools/train.py configs/ade20k/upernet_convnextv2-tiny_8xb2-160k_ade20k-512x512.py \
        --launcher pytorch

GPUs: 8 x 2 images = 16 [P A.4].
Expected: nothing is published for V2 in this size; not run here.
Multi-scale test: as in base's file, whose tags these are.
"""

_base_ = "./upernet_convnextv2-base_8xb2-160k_ade20k-512x512.py"

model = dict(
    backbone=dict(
        arch="tiny",
        drop_path_rate=0.4,  # [V1]; in the sweep of [P A.4]
        init_cfg=dict(checkpoint="convnextv2_tiny_in1k"),
    ),
    decode_head=dict(in_channels=[96, 192, 384, 768]),
    auxiliary_head=dict(in_channels=384),
)
