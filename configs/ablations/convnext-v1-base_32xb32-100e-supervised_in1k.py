"""Section 3: ConvNeXt V1 Base from a random start for as long as FCMAE's weights are fine-tuned.

    torchrun --nnodes 4 --nproc_per_node 8 \
        tools/train.py configs/ablations/convnext-v1-base_32xb32-100e-supervised_in1k.py --launcher pytorch --amp

GPUs: 32 x 32 images = 1024, as in fine-tuning. Expected: 82.7 % top-1 (paper, section 3; not run here); from FCMAE's
weights 83.7 %, after 300 epochs with labels 83.8 %.
The recipe is that of fine-tuning [P]. [ours]: V1's learning rate for each image, no layer decay and no small head, as
there are no weights to keep.
"""

_base_ = "../imagenet/convnext-v1-base_32xb32-100e-fcmae_in1k.py"

model = dict(
    backbone=dict(init_cfg=None),
    head=dict(init_cfg=dict(std=0.02)),  # [V1]
)
lr = 4e-3 * 1024 / 4096  # [V1]
optim_wrapper = dict(optimizer=dict(lr=lr), paramwise_cfg=dict(layer_decay_rate=1.0))  # [V1]
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], eta_min_ratio=1e-6 / lr),
]
