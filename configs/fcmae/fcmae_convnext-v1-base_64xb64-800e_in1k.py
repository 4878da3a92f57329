"""FCMAE pre-training of ConvNeXt V1 Base (no GRN, layer scale) on ImageNet-1K: what GRN is compared with.

    torchrun --nnodes 8 --nproc_per_node 8 tools/train.py configs/fcmae/fcmae_convnext-v1-base_64xb64-800e_in1k.py \
        --launcher pytorch

GPUs: 64 x 64 images = 4096 [P8]. Expected: after fine-tuning 83.7 % top-1 (paper, table 3; not run here).
The decoder has no GRN either: before GRN it is "a lightweight, plain ConvNeXt block" [P] section 3.
The other tags are those of fcmae_convnextv2-base_64xb64-800e_in1k.py, and [V1] facebookresearch/ConvNeXt @ 048efce.
"""

_base_ = "./fcmae_convnextv2-base_64xb64-800e_in1k.py"

model = dict(
    backbone=dict(use_grn=False, layer_scale_init_value=1e-6),  # [V1]
    decoder=dict(use_grn=False),  # [P] section 3
)
