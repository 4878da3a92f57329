"""ConvNeXt V1 Pico (no GRN, layer scale), trained on ImageNet-1K with labels only.

    torchrun --nnodes 4 --nproc_per_node 8 tools/train.py configs/imagenet/convnext-v1-pico_32xb128-300e_in1k.py \
        --launcher pytorch

GPUs: 32 x 128 images = 4096 [V1]. Expected: unknown, not run. V1's 79.5 % top-1 (paper, table 14) is the
score of timm's weights: 600 epochs, batch 1280, another recipe (timm #1700, #1706). V1 itself has no such size.
The tags are those of convnextv2-base_32xb128-300e-supervised_in1k.py.
"""

_base_ = "./convnextv2-pico_32xb128-300e-supervised_in1k.py"

model = dict(backbone=dict(use_grn=False, layer_scale_init_value=1e-6))  # [V1]
