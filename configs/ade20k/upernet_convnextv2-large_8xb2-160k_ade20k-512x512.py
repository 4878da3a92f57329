"""UperNet with ConvNeXt V2 Large on ADE20K, 512 pixels: base's recipe.

    torchrun --nproc_per_node 8 tools/train.py configs/ade20k/upernet_convnextv2-large_8xb2-160k_ade20k-512x512.py \
        --launcher pytorch

GPUs: 8 x 2 images = 16 [P A.4].
Expected: mIoU 53.7 with multi-scale test (paper, table 7; not run here).
Multi-scale test: as in base's file, whose tags these are.
"""

_base_ = "./upernet_convnextv2-base_8xb2-160k_ade20k-512x512.py"

model = dict(
    backbone=dict(
        arch="large",
        drop_path_rate=0.4,  # [V1]
        init_cfg=dict(checkpoint="convnextv2_large_in1k"),
    ),
    decode_head=dict(in_channels=[192, 384, 768, 1536]),
    auxiliary_head=dict(in_channels=768),
)
# [V1] has fp16 off in this size. [ours]: bfloat16, which has float32's range and needs no loss scaling.
optim_wrapper = dict(dtype="bfloat16", loss_scale=dict(enabled=False))
