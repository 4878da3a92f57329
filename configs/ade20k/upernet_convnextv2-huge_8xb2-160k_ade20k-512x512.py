"""UperNet with ConvNeXt V2 Huge on ADE20K, 512 pixels: base's recipe.

    torchrun --nproc_per_node 8 tools/train.py configs/ade20k/upernet_convnextv2-huge_8xb2-160k_ade20k-512x512.py \
        --launcher pytorch

GPUs: 8 x 2 images = 16 [P A.4].
Expected: mIoU 55.0 with multi-scale test (paper, table 7; not run here).
Multi-scale test: as in base's file, whose tags these are.
"""

_base_ = "./upernet_convnextv2-base_8xb2-160k_ade20k-512x512.py"

model = dict(
    backbone=dict(
        arch="huge",
        drop_path_rate=0.4,  # [ours]: as for large
        with_cp=True,  # [ours]: memory
        init_cfg=dict(checkpoint="convnextv2_huge_in1k"),
    ),
    decode_head=dict(in_channels=[352, 704, 1408, 2816]),
    auxiliary_head=dict(in_channels=1408),
)
optim_wrapper = dict(dtype="bfloat16", loss_scale=dict(enabled=False))  # [ours], as for large
