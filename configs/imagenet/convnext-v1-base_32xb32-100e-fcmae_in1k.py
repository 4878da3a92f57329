"""ConvNeXt V1 Base, fine-tuned on ImageNet-1K from its own FCMAE weights: what GRN is compared with.

    torchrun --nnodes 4 --nproc_per_node 8 tools/train.py configs/imagenet/convnext-v1-base_32xb32-100e-fcmae_in1k.py \
        --launcher pytorch --amp

GPUs: 32 x 32 images = 1024, as for V2. Expected: 83.7 % top-1 (paper, table 3, 800 epochs of pre-training; not run
here). [ours]: everything but the blocks as for V2, which is how the paper describes the comparison.
"""

_base_ = "./convnextv2-base_32xb32-100e_in1k.py"

weights = dict(checkpoint="work_dirs/fcmae_convnext-v1-base_64xb64-800e_in1k/epoch_800.pth")
model = dict(backbone=dict(use_grn=False, layer_scale_init_value=1e-6, init_cfg=weights))  # [V1]
