"""UperNet with ConvNeXt V2 Large on ADE20K, 512 pixels: the supervised baseline of FCMAE.

    torchrun --nproc_per_node 8 \
        tools/train.py configs/ade20k/upernet_convnextv2-large-supervised_8xb2-160k_ade20k-512x512.py \
        --launcher pytorch

GPUs: 8 x 2 images = 16 [P A.4].
Expected: mIoU 51.6 with multi-scale test (paper, table 7; not run here).
The starting weights are what imagenet/convnextv2-large_32xb128-300e-supervised_in1k.py ends with.
Multi-scale test: as in base's file, whose tags these are.
"""

_base_ = "./upernet_convnextv2-large_8xb2-160k_ade20k-512x512.py"

weights = dict(checkpoint="work_dirs/convnextv2-large_32xb128-300e-supervised_in1k/epoch_300.pth")
model = dict(backbone=dict(init_cfg=weights))
