"""ConvNeXt V2 Pico, trained on ImageNet-1K with labels only: base's recipe.

    torchrun --nnodes 4 --nproc_per_node 8 \
        tools/train.py configs/imagenet/convnextv2-pico_32xb128-300e-supervised_in1k.py --launcher pytorch

GPUs: 32 x 128 images = 4096 [V1]. Expected: 79.7 % top-1 (paper, table 14, which gives no recipe; not run here).
The tags are those of base's file.
"""

_base_ = "./convnextv2-base_32xb128-300e-supervised_in1k.py"

model = dict(
    backbone=dict(arch="pico", drop_path_rate=0.1),  # [ours]: as for tiny, V1 has no such size
    head=dict(in_channels=512),
)
