"""ConvNeXt V1 Base (no GRN, layer scale), trained on ImageNet-22K at 224 pixels from a random start.

    torchrun --nnodes 8 --nproc_per_node 8 tools/train.py configs/imagenet/convnext-v1-base_64xb64-90e_in22k.py \
        --launcher pytorch

GPUs: 64 x 64 images = 4096 [V1]. Expected: no score of its own is published (table 15 is after fine-tuning on
ImageNet-1K as well); not run here.
The recipe is V2's, which took most of it over from V1, but for what is stated here. [V1] facebookresearch/ConvNeXt @
048efce, TRAINING.md and main.py; the other tags are those of convnextv2-base_64xb64-90e_in22k.py.
"""

_base_ = "./convnextv2-base_64xb64-90e_in22k.py"

model = dict(
    backbone=dict(use_grn=False, layer_scale_init_value=1e-6, drop_path_rate=0.1, init_cfg=None),  # [V1]
    head=dict(init_cfg=dict(std=0.02)),  # [V1]: not scaled down
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))  # [V1]: none
